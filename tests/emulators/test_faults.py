"""Single faults of a deployed zoo, each at the worst moment: what was acknowledged happens, and happens once."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from ainimal_zookeeper.adapters.gcp.pubsub import PubsubQueue
from ainimal_zookeeper.client import Instance, Zookeeper
from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC

from tests.e2e.hosting import until
from tests.e2e.promises import FILES, ZOO
from tests.emulators.deployed import DeployedZoo, deployed

pytestmark = pytest.mark.emulators

MORTAL = Path(__file__).parent / "mortal"


class MortalZoo:
    """A deployed zoo and a client of it; its functions die where that is asked for."""

    def __init__(self, deployed: DeployedZoo, fuses: Path, client: Zookeeper) -> None:
        self.deployed = deployed
        self.client = client
        self.extra: set[tuple[str, int]] = set()  # attempts for which a test started a second runner itself
        self._fuses = fuses

    def will_die(self, target: str, place: str) -> Path:
        """Lets the function `target` die when it next comes to `place`; the file is gone as soon as it has died."""
        fuse = self._fuses / f"{target} {place}"
        fuse.touch()
        return fuse

    def launch(self, name: str) -> Instance:
        return self.client.launch("Walker", "Line", name=name, command_id=name, wait=False)

    def attempts(self, instance: Instance) -> list[int]:
        """Returns the attempt of each runner that was ever started of an instance."""
        return sorted(start.attempt for start in self.deployed.starts() if start.instance_id == instance.id)

    def with_checkpoint(self, name: str) -> Instance:
        """Returns a running instance whose first runner was asked to leave, and saved."""
        instance = self.launch(name).wait("RUNNING", timeout_s=60)
        until(lambda: instance.refresh().info.stats.step > 0)
        self.deployed.runner(instance.id).terminate()
        until(lambda: instance.refresh().info.attempt == 2)
        return instance.wait("RUNNING", timeout_s=60)

    def ask_link(self, instance: Instance, attempt: int, path: str, /, **fields: Any) -> httpx.Response:
        """Asks the runner link what the runner of `attempt` may ask."""
        token = self.deployed.token(instance.id, attempt)
        return httpx.post(
            f"{self.deployed.link.url}/{path}",
            json={"protocol": 1, "instanceId": instance.id, "attempt": attempt, **fields},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )

    def push(self, body: bytes) -> int:
        """Posts to the launcher what a push subscription posts. Returns the status of the answer."""
        return httpx.post(self.deployed.launcher.url, content=body, timeout=60).status_code


@pytest.fixture(scope="module")
def zoo(
    tmp_path_factory: pytest.TempPathFactory,
    firestore_emulator: None,
    pubsub_emulator: None,
    storage_emulator: None,
) -> Iterator[MortalZoo]:
    folder, fuses = tmp_path_factory.mktemp("mortal"), tmp_path_factory.mktemp("fuses")
    sources = dict.fromkeys(("graphql", "launch", "reconcile"), MORTAL)
    with (
        deployed(folder, ZOO, FILES, sources=sources, environ={"ZOO_TEST_FUSES": str(fuses)}) as hosted,
        Zookeeper(hosted.url) as client,
    ):
        zoo = MortalZoo(hosted, fuses, client)
        yield zoo
        assert set(hosted.doubles()) == zoo.extra
        assert not list(fuses.iterdir())


@pytest.mark.parametrize("place", ["before the message", "after the message"])
def test_the_api_dies_after_its_transaction(zoo: MortalZoo, place: str) -> None:
    """The launch that nobody answered runs all the same, and the same command answers with it, once."""
    name = f"api dies {place}".replace(" ", "-")
    zoo.will_die("graphql", place)
    with pytest.raises(Transient):
        zoo.launch(name)
    instance = zoo.launch(name).wait("RUNNING", timeout_s=60)
    assert [row.id for row in zoo.client.instances() if row.name == name] == [instance.id]
    assert zoo.attempts(instance) == [1]


@pytest.mark.parametrize("place", ["before the job", "before the process", "after the process", "after the job"])
def test_the_launcher_dies_while_it_makes_a_job(zoo: MortalZoo, place: str) -> None:
    """Wherever it was, there is one runner in the end, of the first attempt."""
    fuse = zoo.will_die("launch", place)
    instance = zoo.launch(f"launcher dies {place}".replace(" ", "-")).wait("RUNNING", timeout_s=60)
    assert not fuse.exists()
    assert zoo.attempts(instance) == [1]


@pytest.mark.parametrize("place", ["before the message", "after the message"])
def test_the_reconciler_dies_after_it_has_given_up_an_attempt(zoo: MortalZoo, place: str) -> None:
    """The next attempt, which is written down, is launched by the next run, once."""
    instance = zoo.launch(f"reconciler dies {place}".replace(" ", "-")).wait("RUNNING", timeout_s=60)
    until(lambda: instance.refresh().info.stats.step > 0)
    fuse = zoo.will_die("reconcile", place)
    zoo.deployed.runner(instance.id).terminate()
    until(lambda: instance.refresh().info.attempt == 2)
    instance.wait("RUNNING", timeout_s=60)
    assert not fuse.exists()
    assert zoo.attempts(instance) == [1, 2]


def test_a_killed_runner_without_a_checkpoint_is_lost_and_says_why(zoo: MortalZoo) -> None:
    """kill -9 of a runner ends its instance in a final phase with a reason, and harms no other."""
    victim, other = (zoo.launch(name).wait("RUNNING", timeout_s=60) for name in ("victim", "bystander"))
    until(lambda: victim.refresh().info.stats.step > 0)
    zoo.deployed.runner(victim.id).kill()
    until(lambda: victim.refresh().ended, timeout_s=30)
    assert victim.phase == "LOST"
    assert "no checkpoint to start again from" in str(victim.info.failure)
    assert other.refresh().phase == "RUNNING"


def test_what_a_fenced_attempt_writes_has_no_effect(zoo: MortalZoo) -> None:
    """After a relaunch the former attempt may neither claim, report nor upload; the document stays as it is."""
    instance = zoo.with_checkpoint("fenced").pause().settled()
    before = until(lambda: (row := zoo.deployed.row(instance.id)) and row["status"]["phase"] == "PAUSED" and row)
    failure = {"code": "AINIMAL_FAULT", "message": "a ghost", "traceback": None, "step": 1}
    report = {"phase": "FAILED", "failure": failure, "stats": {**before["status"]["stats"], "step": 10**9}}
    answers = [
        zoo.ask_link(instance, 1, "claim"),
        zoo.ask_link(instance, 1, "report", sequence=10**6, report=report),
        zoo.ask_link(instance, 1, "ticket", name="ghost.bin", sizeBytes=3),
        zoo.ask_link(instance, 1, "desired"),
    ]
    assert [answer.status_code for answer in answers] == [409] * 4
    after = zoo.deployed.row(instance.id)
    assert after is not None
    assert after["status"]["phase"] == "PAUSED"
    assert after["status"]["stats"]["step"] == before["status"]["stats"]["step"]
    assert (after["attempt"], after["generation"], after["status"]["failure"]) == (2, before["generation"], None)
    assert not [found.name for found in zoo.deployed.bucket.list(f"runs/{instance.id}/") if "ghost" in found.name]


def test_two_runners_claim_one_attempt(zoo: MortalZoo) -> None:
    """Where a job is started twice all the same, the second process is refused and ends; the first goes on."""
    instance = zoo.launch("claimed-twice").wait("RUNNING", timeout_s=60)
    runner = zoo.deployed.runner(instance.id)
    variables = {name: value for name, value in runner.environ().items() if name != "ZOO_JOB"}
    second = subprocess.run(
        [*runner.cmdline()], env=variables, cwd=runner.cwd(), capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode != 0
    assert "another runner has claimed attempt 1" in second.stderr
    step = instance.refresh().info.stats.step
    until(lambda: instance.refresh().info.stats.step > step, timeout_s=30)
    assert (instance.phase, instance.info.attempt) == ("RUNNING", 1)
    zoo.extra.add((instance.id, 1))


def pushed(instance: Instance, attempt: int) -> bytes:
    """What Pub/Sub posts for a launch message."""
    asked = {"kind": "instance", "instanceId": instance.id, "attempt": attempt, "commandId": None}
    data = base64.b64encode(json.dumps(asked).encode()).decode()
    return json.dumps({"message": {"data": data, "messageId": "1"}, "subscription": "s"}).encode()


GARBAGE = (
    b"",
    b"{",
    b"\xff\xfe\x00",
    b"[]",
    b"{}",
    b'{"message": 5}',
    b'{"message": {"data": "%%%"}}',
    b'{"message": {"data": "AAAA"}}',
    b'{"message": {"data": "W10="}}',  # []
    b'{"message": {"data": "eyJpbnN0YW5jZUlkIjogNSwgImF0dGVtcHQiOiAieCJ9"}}',  # {"instanceId": 5, "attempt": "x"}
    b'{"message": {"data": "eyJpbnN0YW5jZUlkIjogIi4uLy4uIiwgImF0dGVtcHQiOiAxfQ=="}}',  # {"instanceId": "../..", ...}
    b"[" * 100_000,
    b'{"message": {"data": "' + b"A" * 400_000 + b'"}}',
)


def test_the_same_push_five_times_out_of_order_and_with_garbage(zoo: MortalZoo) -> None:
    """Whatever is posted and however often, all of it is acknowledged, and no attempt gets a second runner."""
    fresh, old = zoo.launch("pushed"), zoo.with_checkpoint("pushed-before")
    bodies = [pushed(fresh, 1), pushed(old, 1), pushed(old, 2), pushed(old, 3), *GARBAGE] * 5
    Random(5).shuffle(bodies)
    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(zoo.push, bodies))
    assert statuses <= {200, 204}
    fresh.wait("RUNNING", timeout_s=60)
    assert (fresh.info.attempt, old.refresh().info.attempt, old.phase) == (1, 2, "RUNNING")
    assert (zoo.attempts(fresh), zoo.attempts(old)) == ([1], [1, 2])


def test_the_same_message_published_five_times(zoo: MortalZoo) -> None:
    """Messages that come five times by Pub/Sub, before and after each other, make one job."""
    queue = PubsubQueue(zoo.deployed.project)
    try:
        instance = zoo.launch("published")
        message = {"kind": "instance", "instanceId": instance.id, "attempt": 1, "commandId": None}
        threads = [threading.Thread(target=queue.publish, args=(LAUNCH_TOPIC, message)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        instance.wait("RUNNING", timeout_s=60)
        queue.publish(LAUNCH_TOPIC, message)
        instance.terminate().wait("TERMINATED", timeout_s=30)
        queue.publish(LAUNCH_TOPIC, message)
        marker = zoo.launch("published-after").wait("RUNNING", timeout_s=60)
        assert (zoo.attempts(instance), zoo.attempts(marker)) == ([1], [1])
    finally:
        queue.close()
