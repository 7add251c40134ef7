"""`zoo up --profile emulators`: the example zoo, as somebody who tries the cloud's functions at home runs it."""

from __future__ import annotations

import shutil
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from ainimal_zookeeper.client import Instance, Value, Zookeeper
from ainimal_zookeeper.domain.errors import NotFound
from ainimal_zookeeper.server.emulators import FIRESTORE, PUBSUB, STORAGE, programs

from tests.conftest import give_up
from tests.e2e.hosting import HostedZoo, until

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
KINDS = (FIRESTORE, PUBSUB, STORAGE)

ZooStarter = Callable[[], HostedZoo]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example zoo in a folder and a project of its own, with a side process."""
    text = (ROOT / "zoo.py").read_text()
    (tmp_path / "zoo.py").write_text(text.replace("    launch=[", '    launch_etc=["sleep 3600"],\n    launch=['))
    shutil.copytree(ROOT / "ainimals", tmp_path / "ainimals", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", f"demo-{uuid.uuid4().hex[:12]}")
    return tmp_path


@pytest.fixture
def up(example: Path) -> Iterator[ZooStarter]:
    """Starts the zoo; what is left over ends with the test."""
    started: list[HostedZoo] = []

    def start() -> HostedZoo:
        hosted = HostedZoo(example, "--profile", "emulators", "--port", "0")
        hosted.state_dir = example / ".zoo" / "emulators"
        started.append(hosted)
        return hosted

    yield start
    for hosted in started:
        hosted.close()


@pytest.fixture
def no_emulators(monkeypatch: pytest.MonkeyPatch) -> None:
    """None runs yet, and all of them can be started."""
    for kind in KINDS:
        monkeypatch.delenv(kind.variable, raising=False)
    try:
        programs.gcloud("cloud-firestore-emulator")
        programs.gcloud("pubsub-emulator")
        programs.fake_gcs_server()
    except NotFound as error:
        give_up(error.message)


def first(instance: Instance, path: str) -> Value:
    """The next value of one signal."""
    values = instance.watch(path, rate=20)
    try:
        return next(iter(values))
    finally:
        values.close()  # type: ignore[attr-defined]


def learner(zoo: Zookeeper) -> Instance:
    """The instance that the example launches, once it has made a step."""

    def running() -> Instance | None:
        found = [one for one in zoo.instances() if one.name == "Learning to balance"]
        return found[0] if found and found[0].phase == "RUNNING" and found[0].info.stats.step > 0 else None

    return until(running)


def everything_that(hosted: HostedZoo) -> list[psutil.Process]:
    """Returns all that it has started, emulators and instances."""
    return psutil.Process(hosted.process.pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def test_the_main_job_is_done(up: ZooStarter) -> None:
    """Launch, watch, steer, ask, play in a world and end, against emulators that run already where there are any."""
    with up() as hosted, Zookeeper(hosted.url) as zoo:
        assert zoo.server()["profile"] == "emulators"
        until(lambda: [(one["name"], one["running"]) for one in zoo.server()["processes"]] == [("sleep", True)])
        assert "profile emulators" in hosted.output
        balancer = learner(zoo)
        assert np.shape(first(balancer, "inputs.observation").value) == (4,)
        balancer.mode("inference").settled()
        assert (balancer.info.mode, balancer.info.acknowledged_at_step is not None) == ("inference", True)

        recording = balancer.record()
        until(lambda: recording.refresh().last_step > recording.first_step + 100)
        recording = recording.stop()
        assert (recording.phase, recording.dropped_steps) == ("SEALED", 0)
        read = recording.open()
        steps = read.read("action", recording.first_step, recording.last_step)[0]
        assert len(steps) == recording.last_step - recording.first_step + 1
        read.close()

        parrot = zoo.launch("Parrot", seed=1, parameters={"length": 12}, timeout_s=60)
        assert len(parrot.infer({"text": "the parrot "})["text"]) == 12

        world = zoo.launch_world("Pong", timeout_s=60)
        players = [zoo.launch("PongPlayer", join=world.id, name=name, wait=False) for name in ("left", "right")]
        for player in players:
            player.wait("RUNNING", timeout_s=60)
        until(lambda: set(zoo.world(world.id).connected) == {"left", "right"})

        for instance in (*players, parrot):
            instance.terminate().wait("TERMINATED", timeout_s=30)
        zoo.terminate_world(world.id)
        until(lambda: zoo.world(world.id).phase == "TERMINATED")
        started = everything_that(hosted)
        assert hosted.stop() == 0
    assert gone(started)
    assert "Traceback" not in hosted.output


@pytest.mark.usefixtures("no_emulators")
def test_a_restart_finds_what_was_there(up: ZooStarter) -> None:
    """What the emulators held comes back with them: an agent learns on from its checkpoint, and none of them stays."""
    with up() as hosted, Zookeeper(hosted.url) as zoo:
        before = learner(zoo)
        parrot = zoo.launch("Parrot", name="remembered", timeout_s=60)
        parrot.terminate().wait("TERMINATED", timeout_s=30)
        reached = before.refresh().info.stats.step
        started = everything_that(hosted)
        assert {"java", "python"} <= {process.name().rstrip("0123456789.") for process in started}
        assert hosted.stop() == 0
        assert gone(started)

    with up() as again, Zookeeper(again.url) as zoo:
        after = learner(zoo)
        assert (after.id, after.info.attempt) == (before.id, 2)
        assert after.info.stats.step > reached
        assert zoo.instance("remembered").phase == "TERMINATED"
        started = everything_that(again)
        again.process.send_signal(signal.SIGINT)
        until(lambda: "Stopping" in again.output)
        assert again.stop() == 130
        until(lambda: gone(started), timeout_s=10)
    assert "Traceback" not in hosted.output + again.output


@pytest.mark.usefixtures("firestore_emulator", "pubsub_emulator")
def test_a_lost_emulator_ends_the_zoo(up: ZooStarter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulators that run already are used as they are; one that was started and dies is told, and all ends."""
    monkeypatch.delenv(STORAGE.variable, raising=False)
    with up() as hosted:
        started = everything_that(hosted)
        assert "java" not in {process.name() for process in started}
        (storage,) = (process for process in started if process.name().startswith("fake-gcs"))
        storage.kill()
        assert hosted.process.wait(60) == 2
        assert "the emulator of Cloud Storage has ended on its own" in hosted.output
        assert "Traceback" not in hosted.output
        until(lambda: gone(started), timeout_s=10)


def test_a_missing_program_is_told_with_how_to_get_it(up: ZooStarter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is missing is named at once, in sentences, and nothing is left running."""
    for kind in KINDS:
        monkeypatch.delenv(kind.variable, raising=False)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    hosted = up()
    assert hosted.process.wait(60) == 2
    assert "gcloud components install beta cloud-firestore-emulator pubsub-emulator" in hosted.output
    assert "set FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST" in hosted.output
    assert "Traceback" not in hosted.output
