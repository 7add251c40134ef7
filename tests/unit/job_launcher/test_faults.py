"""Faults: the launcher killed before and after the job was made, wherever that is; the zoo always comes right."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, TypeVar

import pytest
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Collections, InstanceDoc
from ainimal_zookeeper.domain.errors import InvalidInput, Transient
from ainimal_zookeeper.ports.compute import Job, JobPhase
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Delivery, Message
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.fakes import zoo
from tests.fakes.compute import FakeCompute, Killed
from tests.fakes.store import MemoryStore
from tests.unit.job_launcher.pusher import Pusher

T = TypeVar("T")
Moment = Literal["before", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "after")


def message(id: str = "ins_1", attempt: int = 1) -> Message:
    return Message("msg_1", LAUNCH_TOPIC, {"kind": "instance", "instanceId": id, "attempt": attempt}, 1)


def kill_launcher(scene: Pusher, moment: Moment) -> None:
    scene.compute.killed = moment
    with pytest.raises(Killed):
        scene.launcher.deliver(message())


@pytest.mark.parametrize("moment", MOMENTS)
def test_next_delivery_repairs_a_killed_launcher(moment: Moment) -> None:
    """A message that nobody acknowledged comes again; there is one job in the end."""
    scene = Pusher()
    kill_launcher(scene, moment)
    assert scene.launcher.deliver(message()) is Delivery.ACK
    assert scene.compute.made == [("ins_1", 1)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_reconciler_repairs_a_killed_launcher(moment: Moment) -> None:
    """Even where the message is lost: a launch without a job is asked for again, one with a job is not."""
    scene = Pusher()
    kill_launcher(scene, moment)
    scene.clock.advance(60)
    scene.new_reconciler().run_once()
    scene.queue.subscribe(LAUNCH_TOPIC, scene.launcher.deliver)
    scene.queue.deliver()
    assert scene.compute.made.count(("ins_1", 1)) == 1
    asked = [data["instanceId"] for _, data in scene.queue.published]
    assert ("ins_1" in asked) is (moment == "before")


def test_late_refusal_does_not_fail_an_instance_that_runs() -> None:
    """A second delivery that the compute refuses says nothing of the job that the first one made."""

    class Refusing(FakeCompute):
        def launch(self, job: Job) -> None:
            claimed = lifecycle.claim(zoo.read(scene.store), 1, scene.clock.now())
            zoo.put(scene.store, Collections.INSTANCES, dict(claimed))
            raise InvalidInput("no such image")

    scene = Pusher(compute=Refusing())
    assert scene.launcher.deliver(message()) is Delivery.ACK
    assert zoo.read(scene.store)["status"]["phase"] == "STARTING"


class KillingStore(MemoryStore):
    """A `MemoryStore` that kills its user before or after one transaction of many."""

    def __init__(self) -> None:
        super().__init__()
        self.killed: tuple[int, Moment] | None = None

    def transact(self, fn: Callable[[Any], T]) -> T:
        if self.killed is None:
            return super().transact(fn)
        left, moment = self.killed
        self.killed = (left - 1, moment)
        if left == 0 and moment == "before":
            raise Killed
        result = super().transact(fn)
        if left == 0:
            raise Killed
        return result


@settings(max_examples=80, stateful_step_count=40, deadline=None)
class KilledAtAnyTime(RuleBasedStateMachine):
    """Launchers and reconcilers, each a new process, killed at any time; messages lost, doubled and out of order."""

    NAMES = ("ins_1", "ins_2", "env_1")

    def __init__(self) -> None:
        super().__init__()
        self.store = KillingStore()
        self.scene = Pusher(store=self.store)

    def document(self, name: str) -> InstanceDoc:
        return zoo.read(self.scene.store, name)

    @rule(name=st.sampled_from(NAMES), attempt=st.integers(1, 4), killed=st.sampled_from([None, *MOMENTS]))
    def deliver(self, name: str, attempt: int, killed: Moment | None) -> None:
        """Any message at any time, as queues do."""
        self.scene.compute.killed = killed
        with suppress(Killed):
            self.scene.launcher.deliver(message(name, attempt))
        self.scene.compute.killed = None

    @rule(quota=st.booleans())
    def platform(self, quota: bool) -> None:
        """The platform has no room for a while."""
        self.scene.compute.refuse = Transient("no room") if quota else None

    @rule(seconds=st.sampled_from([1, 10, 60, 400]))
    def time_passes(self, seconds: int) -> None:
        self.scene.clock.advance(seconds)

    @rule(killed=st.none() | st.tuples(st.integers(0, 5), st.sampled_from(MOMENTS)))
    def reconcile(self, killed: tuple[int, Moment] | None) -> None:
        """Killed anywhere between its transactions, which is also between one and the publication that follows."""
        self.store.killed = killed
        with suppress(Killed):
            self.scene.new_reconciler().run_once()
        self.store.killed = None

    @rule(name=st.sampled_from(NAMES))
    def runner_claims(self, name: str) -> None:
        """A job that runs claims; one of an older attempt is refused."""
        document = self.document(name)
        if (name, document["attempt"]) in self.scene.compute.jobs and not lifecycle.is_final(document):
            self.write(lifecycle.claim(document, document["attempt"], self.scene.clock.now()))

    @rule(name=st.sampled_from(NAMES), how=st.sampled_from([JobPhase.FAILED, JobPhase.ENDED]), outside=st.booleans())
    def runner_dies(self, name: str, how: JobPhase, outside: bool) -> None:
        attempt = self.document(name)["attempt"]
        if (name, attempt) in self.scene.compute.jobs:
            self.scene.compute.set(name, attempt, how, "killed", interrupted=outside)

    @rule(name=st.sampled_from(NAMES))
    def is_terminated(self, name: str) -> None:
        document = self.document(name)
        if not lifecycle.is_final(document) and document["desired"]["phase"] != "TERMINATED":
            self.write(lifecycle.terminate(document, self.scene.clock.now()))

    def write(self, document: InstanceDoc) -> None:
        world = document["kind"] == "environment"
        zoo.put(self.scene.store, Collections.ENVIRONMENT_INSTANCES if world else Collections.INSTANCES, dict(document))

    @invariant()
    def no_attempt_has_two_jobs(self) -> None:
        """Not even one after the other, as long as the attempt is current and lives."""
        for name in self.NAMES:
            document = self.document(name)
            if not lifecycle.is_final(document):
                assert self.scene.compute.made.count((name, document["attempt"])) <= 1

    def teardown(self) -> None:
        """Once nobody is killed any more each instance runs or has ended with a reason, and no job is left over."""
        scene = self.scene
        scene.compute.refuse = None
        subscription = scene.queue.subscribe(LAUNCH_TOPIC, scene.launcher.deliver)
        for _ in range(6):
            scene.clock.advance(60)
            scene.new_reconciler().run_once()
            scene.queue.deliver()
            for name in self.NAMES:
                self.runner_claims(name)
        subscription.close()
        for name in self.NAMES:
            document = self.document(name)
            status = document["status"]
            wanted = (name, document["attempt"])
            if lifecycle.is_final(document):
                assert status["phase"] == "TERMINATED" or status["failure"] is not None
                assert all(job[0] != name for job in scene.compute.jobs)
            else:
                assert status["claimed"]
                assert [job for job in scene.compute.jobs if job[0] == name] == [wanted]
        living = {name for name in self.NAMES if not lifecycle.is_final(self.document(name))}
        assert set(zoo.members(scene.store, "environments")) == living


TestKilledAtAnyTime = KilledAtAnyTime.TestCase
