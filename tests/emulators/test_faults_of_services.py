"""Services that hang, die and come back under a deployed zoo: it says so meanwhile, and then goes on by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from ainimal_zookeeper.client import Instance, Zookeeper
from ainimal_zookeeper.domain.errors import NotFound, Transient
from ainimal_zookeeper.server.emulators import FIRESTORE, PUBSUB, STORAGE, EmulatorProcess, Kind, free_address, snapshot

from tests.conftest import give_up
from tests.e2e.hosting import until
from tests.e2e.promises import FILES, ZOO
from tests.emulators.deployed import DeployedZoo, deployed
from tests.emulators.processes import environment

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(180)]


class Service:
    """An emulator of this module's own, at one address; what was saved of it is there when it starts again."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.address = free_address()
        self.folder = folder / kind.name
        self.folder.mkdir()
        self._process: EmulatorProcess | None = None

    def start(self) -> None:
        """Returns at once."""
        command = self.kind.command(self.address, self.folder, self.kind is FIRESTORE)
        self._process = EmulatorProcess(self.kind.service, command, self.address, self.folder / "log")

    def wait(self) -> None:
        assert self._process is not None
        self._process.wait()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.end()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to all of it."""
        assert self._process is not None
        os.killpg(self._process._process.pid, number)


class Scene:
    """A zoo on services of its own."""

    def __init__(self, zoo: DeployedZoo, client: Zookeeper, services: dict[Kind, Service]) -> None:
        self.zoo = zoo
        self.client = client
        self.services = services

    def running(self, name: str) -> Instance:
        instance = self.client.launch("Walker", "Line", name=name, command_id=name, timeout_s=60)
        until(lambda: instance.refresh().info.stats.step > 0)
        return instance

    def is_refused(self) -> bool:
        """Whether the API says just now that it cannot tell."""
        try:
            self.client.instances()[:1]
        except Transient:
            return True
        return False

    def answers(self) -> bool:
        return not self.is_refused()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("services")
    services = {kind: Service(kind, folder) for kind in (FIRESTORE, PUBSUB, STORAGE)}
    try:
        try:
            for service in services.values():
                service.start()
        except NotFound as error:
            give_up(error.message)
        for service in services.values():
            service.wait()
        variables = {kind.variable: kind.scheme + service.address for kind, service in services.items()}
        with (
            environment(variables),
            deployed(folder, ZOO, FILES) as zoo,
            Zookeeper(zoo.url) as client,
        ):
            yield Scene(zoo, client, services)
            assert not zoo.doubles()
    finally:
        for service in services.values():
            service.kill()


def test_firestore_hangs(scene: Scene) -> None:
    """While it hangs the API says UNAVAILABLE and runners go on; afterwards what was asked before still holds."""
    instance = scene.running("hangs")
    stream = instance.watch("env.reward", rate=20)
    next(iter(stream))
    scene.services[FIRESTORE].signal(signal.SIGSTOP)
    try:
        until(scene.is_refused)
        with pytest.raises(Transient):
            instance.mode("inference")
        begun = next(iter(stream)).step
        until(lambda: next(iter(stream)).step > begun + 20)
    finally:
        scene.services[FIRESTORE].signal(signal.SIGCONT)
    until(scene.answers)
    instance.mode("none").settled()
    assert (instance.info.attempt, instance.info.mode) == (1, "none")
    scene.running("after-the-hang").terminate()
    instance.terminate().wait("TERMINATED", timeout_s=60)


def test_firestore_is_killed_and_comes_back_with_what_it_had(scene: Scene) -> None:
    """Runners outlive it; a runner that is killed meanwhile is seen to afterwards, and changes are acknowledged."""
    survivor, victim = (scene.running(name).pause().settled() for name in ("survivor", "victim"))
    service = scene.services[FIRESTORE]
    snapshot.save(service.address, scene.zoo.project, "(default)", service.folder)
    service.kill()
    until(scene.is_refused)
    scene.zoo.runner(victim.id).kill()
    service.start()
    service.wait()
    until(scene.answers)
    until(lambda: victim.refresh().ended)
    assert (victim.phase, bool(victim.info.failure)) == ("LOST", True)
    survivor.resume().wait("RUNNING", timeout_s=60).settled()
    assert survivor.info.attempt == 1
    survivor.terminate().wait("TERMINATED", timeout_s=60)


def test_pubsub_is_killed_and_comes_back_empty(scene: Scene) -> None:
    """A launch without Pub/Sub is acknowledged and waits; it runs as soon as there is a topic again."""
    service = scene.services[PUBSUB]
    service.kill()
    instance = scene.client.launch("Walker", "Line", name="patient", command_id="patient", wait=False)
    assert instance.refresh().phase == "PENDING"
    service.start()
    service.wait()
    scene.zoo.make_topic()
    instance.wait("RUNNING", timeout_s=60)
    assert [start.attempt for start in scene.zoo.starts() if start.instance_id == instance.id] == [1]
    instance.terminate().wait("TERMINATED", timeout_s=60)


def test_storage_is_killed_and_comes_back_empty(scene: Scene) -> None:
    """Who must leave without it is LOST and says why; whose checkpoint is gone FAILED; others are not touched."""
    saved, unsaved, other = (scene.running(name) for name in ("saved", "unsaved", "other"))
    scene.zoo.runner(saved.id).terminate()
    until(lambda: saved.refresh().info.attempt == 2)
    saved.wait("RUNNING", timeout_s=60)
    service = scene.services[STORAGE]
    service.kill()
    scene.zoo.runner(unsaved.id).terminate()
    until(lambda: unsaved.refresh().ended)
    assert unsaved.phase == "LOST"
    service.start()
    service.wait()
    scene.zoo.make_bucket()
    scene.zoo.runner(saved.id).kill()
    until(lambda: saved.refresh().ended)
    assert (saved.phase, saved.info.attempt) == ("FAILED", 3)
    assert "checkpoint" in str(saved.info.failure)
    assert other.refresh().phase == "RUNNING"
    scene.zoo.runner(other.id).terminate()
    until(lambda: other.refresh().info.attempt == 2)
    other.wait("RUNNING", timeout_s=60).terminate().wait("TERMINATED", timeout_s=60)
