"""The launcher: from a message to a job."""

from __future__ import annotations

import pytest
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Collections
from ainimal_zookeeper.domain.errors import InvalidInput, Transient
from ainimal_zookeeper.domain.tokens import attempt_token
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Delivery, Message
from job_launcher import Launcher

from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.compute import FakeCompute
from tests.fakes.store import MemoryStore


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def compute() -> FakeCompute:
    return FakeCompute()


@pytest.fixture
def store(clock: FakeClock) -> MemoryStore:
    store = MemoryStore()
    zoo.furnish(store)
    zoo.add(store, zoo.instance(clock.now()))
    return store


@pytest.fixture
def launcher(store: MemoryStore, compute: FakeCompute, clock: FakeClock) -> Launcher:
    return Launcher(store=store, compute=compute, clock=clock, secret=zoo.SECRET, link_url="http://link/runner")


def wanted(id: str = "ins_1", attempt: int = 1) -> Message:
    return Message("msg_1", LAUNCH_TOPIC, {"kind": "instance", "instanceId": id, "attempt": attempt}, 1)


def test_message_becomes_a_job_that_can_reach_the_zoo(launcher: Launcher, compute: FakeCompute) -> None:
    """The job knows its instance, its attempt, the link and its token, and no more."""
    assert launcher.deliver(wanted()) is Delivery.ACK
    job = compute.jobs["ins_1", 1]
    assert dict(job.variables) == {
        "ZOO_LINK": "http://link/runner",
        "ZOO_INSTANCE": "ins_1",
        "ZOO_ATTEMPT": "1",
        "ZOO_TOKEN": attempt_token(zoo.SECRET, "link", "ins_1", 1),
    }
    assert (job.kind, job.python) == ("instance", None)


@pytest.mark.parametrize("message", [wanted(attempt=2), wanted("ins_2"), Message("m", LAUNCH_TOPIC, {"x": 1}, 1)])
def test_message_without_use_is_done_with(launcher: Launcher, compute: FakeCompute, message: Message) -> None:
    """Another attempt, an absent instance and a malformed message launch nothing and do not come again."""
    assert launcher.deliver(message) is Delivery.ACK
    assert compute.launches == 0


def test_ended_claimed_and_stopping_instances_are_not_launched(
    launcher: Launcher, store: MemoryStore, compute: FakeCompute, clock: FakeClock
) -> None:
    """A late message does not bring anything back."""
    claimed = lifecycle.claim(zoo.read(store), 1, clock.now())
    for document in (
        lifecycle.terminate(zoo.read(store), clock.now()),
        claimed,
        lifecycle.terminate(claimed, clock.now()),
        lifecycle.lose(claimed, clock.now(), "gone"),
    ):
        zoo.put(store, Collections.INSTANCES, dict(document))
        assert launcher.deliver(wanted()) is Delivery.ACK
    assert compute.launches == 0


def test_what_may_work_later_comes_again(launcher: Launcher, store: MemoryStore, compute: FakeCompute) -> None:
    """A compute that is away does not fail the instance."""
    compute.refuse = Transient("no memory for a process")
    assert launcher.deliver(wanted()) is Delivery.RETRY
    assert zoo.read(store)["status"]["phase"] == "PENDING"
    compute.refuse = None
    assert launcher.deliver(wanted()) is Delivery.ACK
    assert ("ins_1", 1) in compute.jobs


def test_what_can_never_run_fails_with_the_reason(launcher: Launcher, store: MemoryStore, compute: FakeCompute) -> None:
    """A job that the compute refuses for good fails its instance and frees its places."""
    compute.refuse = InvalidInput("/opt/python4 does not exist; correct `python`")
    assert launcher.deliver(wanted()) is Delivery.ACK
    status = zoo.read(store)["status"]
    assert status["phase"] == "FAILED"
    assert status["failure"] is not None
    assert "/opt/python4" in status["failure"]["message"]
    assert zoo.members(store, "models") == []


def test_model_brings_its_interpreter(
    launcher: Launcher, store: MemoryStore, compute: FakeCompute, clock: FakeClock
) -> None:
    """An instance that joins a world runs with its model's own Python, whatever the world runs with."""
    zoo.put(store, Collections.MODELS, zoo.model(python="/opt/old/bin/python"))
    zoo.add(store, zoo.joining(clock.now(), id="ins_2"))
    launcher.deliver(wanted("ins_2"))
    assert compute.jobs["ins_2", 1].python == "/opt/old/bin/python"


def test_who_names_no_interpreter_goes_along_with_the_other(
    launcher: Launcher, store: MemoryStore, compute: FakeCompute
) -> None:
    """A brought environment that names no Python runs with its model's."""
    zoo.put(store, Collections.MODELS, zoo.model(python="/opt/old/bin/python"))
    launcher.deliver(wanted())
    assert compute.jobs["ins_1", 1].python == "/opt/old/bin/python"


def test_shared_interpreter_is_used_for_both(launcher: Launcher, store: MemoryStore, compute: FakeCompute) -> None:
    """Model and environment may share a Python that is not the zoo's."""
    zoo.put(store, Collections.MODELS, zoo.model(python="/opt/py"))
    zoo.put(store, Collections.ENVIRONMENTS, zoo.environment(python="/opt/py"))
    launcher.deliver(wanted())
    assert compute.jobs["ins_1", 1].python == "/opt/py"


def test_compute_brings_the_interpreter_of_whoever_names_none(
    launcher: Launcher, store: MemoryStore, compute: FakeCompute, clock: FakeClock
) -> None:
    """It is that of the provider which the launch has chosen, and no reason to refuse a model of another Python."""
    computes = [{"id": "compute_old", "python": "/opt/old/bin/python"}, {"id": "compute_new", "python": "/opt/new"}]
    zoo.put(store, Collections.CONFIGURATION, {"id": "zoo", "computes": computes})
    zoo.put(store, Collections.INSTANCES, {**zoo.read(store), "computeId": "compute_new"})
    zoo.put(store, Collections.INSTANCES, {**zoo.instance(clock.now(), id="ins_2"), "computeId": "compute_old"})

    launcher.deliver(wanted())
    zoo.put(store, Collections.MODELS, zoo.model(python="/opt/py"))
    launcher.deliver(wanted("ins_2"))

    assert [compute.jobs[name, 1].python for name in ("ins_1", "ins_2")] == ["/opt/new", "/opt/py"]


def test_different_interpreters_cannot_share_a_process(
    launcher: Launcher, store: MemoryStore, compute: FakeCompute
) -> None:
    """A model and a brought environment of different Pythons fail with the way out."""
    zoo.put(store, Collections.MODELS, zoo.model(python="/opt/old/bin/python"))
    zoo.put(store, Collections.ENVIRONMENTS, zoo.environment(python="/opt/py"))
    assert launcher.deliver(wanted()) is Delivery.ACK
    failure = zoo.read(store)["status"]["failure"]
    assert failure is not None
    assert "launch box on its own and let the instance join it" in failure["message"]
    assert compute.launches == 0
