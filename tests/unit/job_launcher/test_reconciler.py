"""The reconciler: instances and jobs agree again, whatever was lost between them."""

from __future__ import annotations

from typing import Any

import pytest
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Collections, InstanceDoc, Ref, instance_ref
from ainimal_zookeeper.ports.compute import JobPhase
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC
from job_launcher import Launcher, Reconciler

from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.compute import FakeCompute
from tests.fakes.queue import FakeQueue
from tests.fakes.store import MemoryStore


class Scene:
    """A zoo with one instance, and what stands around it."""

    def __init__(self) -> None:
        self.clock, self.store = FakeClock(), MemoryStore()
        self.compute, self.queue = FakeCompute(), FakeQueue()
        self.bucket = MemoryBucket()
        zoo.furnish(self.store)
        zoo.add(self.store, zoo.instance(self.clock.now()))
        self.reconciler = Reconciler(
            store=self.store,
            queue=self.queue,
            compute=self.compute,
            bucket=lambda: self.bucket,
            clock=self.clock,
            ids=SequentialIds(),
        )

    def write(self, document: InstanceDoc) -> None:
        zoo.put(self.store, instance_ref(document["id"]).collection, dict(document))

    def claim(self, **report: Any) -> None:
        """The instance's runner is there and has said `report`."""
        self.compute.set("ins_1", 1, JobPhase.RUNNING)
        claimed = lifecycle.claim(zoo.read(self.store), 1, self.clock.now())
        self.write(lifecycle.report(claimed, 1, {"phase": "RUNNING", **report}, self.clock.now()))  # type: ignore[typeddict-item]

    def status(self, id: str = "ins_1") -> Any:
        return zoo.read(self.store, id)["status"]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_lost_launch_is_asked_for_again(scene: Scene) -> None:
    """A launch whose message never arrived is published again after five seconds, then at most every five."""
    scene.reconciler.run_once()
    assert scene.queue.published == []
    scene.clock.advance(5.1)
    scene.reconciler.run_once()
    scene.reconciler.run_once()
    assert [(topic, data["instanceId"], data["attempt"]) for topic, data in scene.queue.published] == [
        (LAUNCH_TOPIC, "ins_1", 1)
    ]
    scene.clock.advance(5.1)
    scene.reconciler.run_once()
    assert len(scene.queue.published) == 2


def test_launch_asked_for_again_runs(scene: Scene) -> None:
    """What the reconciler publishes is what the launcher understands."""
    launcher = Launcher(
        store=scene.store, compute=scene.compute, clock=scene.clock, secret=zoo.SECRET, link_url="http://link"
    )
    scene.queue.subscribe(LAUNCH_TOPIC, launcher.deliver)
    scene.clock.advance(6)
    scene.reconciler.run_once()
    scene.queue.deliver()
    assert ("ins_1", 1) in scene.compute.jobs


def test_pending_job_tells_what_it_waits_for(scene: Scene) -> None:
    """The platform's words become the instance's stage."""
    scene.compute.set("ins_1", 1, JobPhase.PENDING, "pulling the image")
    scene.reconciler.run_once()
    assert (scene.status()["phase"], scene.status()["stage"]) == ("PENDING", "pulling the image")


def test_launch_fails_at_its_deadline_with_the_platforms_reason(scene: Scene) -> None:
    """Nobody waits for ever for an image that cannot be pulled."""
    zoo.put(scene.store, Collections.CONFIGURATION, {"id": "zoo", "launchDeadlineSeconds": 60})
    scene.compute.set("ins_1", 1, JobPhase.PENDING, "ImagePullBackOff: no such image")
    scene.clock.advance(61)
    scene.reconciler.run_once()
    assert scene.status()["phase"] == "FAILED"
    assert "ImagePullBackOff" in scene.status()["failure"]["message"]
    assert zoo.members(scene.store, "models") == []


def test_launch_without_a_job_fails_at_its_deadline(scene: Scene) -> None:
    """A launch that is asked for again and again ends at the deadline too."""
    scene.clock.advance(901)
    scene.reconciler.run_once()
    assert "no job was made" in scene.status()["failure"]["message"]
    assert scene.queue.published == []


def test_runner_that_dies_before_its_claim_fails_the_instance(scene: Scene) -> None:
    """An interpreter that lacks a package is seen at once, with its last words."""
    scene.compute.set("ins_1", 1, JobPhase.FAILED, "exit status 1: ModuleNotFoundError: No module named 'websockets'")
    scene.reconciler.run_once()
    assert scene.status()["phase"] == "FAILED"
    assert "No module named 'websockets'" in scene.status()["failure"]["message"]


def test_launch_that_the_zoo_interrupted_is_launched_again(scene: Scene) -> None:
    """A zoo that stops right after a launch ends its job; the next attempt is published at once, three at most."""
    for attempt in (1, 2, 3):
        assert (zoo.read(scene.store)["attempt"], scene.status()["phase"]) == (attempt, "PENDING")
        scene.compute.set("ins_1", attempt, JobPhase.FAILED, "killed by SIGTERM", interrupted=True)
        scene.reconciler.run_once()
    assert [data["attempt"] for _, data in scene.queue.published] == [2, 3]
    assert scene.status()["phase"] == "FAILED"
    assert "before it began: killed by SIGTERM" in scene.status()["failure"]["message"]
    event = scene.store.documents[Ref(Collections.EVENTS, "evt_ins_1-2-relaunch")]
    assert event["message"] == "attempt 2 starts anew"


def test_claimed_instance_that_left_before_its_first_step_starts_anew(scene: Scene) -> None:
    """Nothing is lost with it."""
    scene.claim(phase="STOPPING")
    scene.compute.set("ins_1", 1, JobPhase.ENDED)
    scene.reconciler.run_once()
    document = zoo.read(scene.store)
    assert (document["attempt"], document["timeline"], document["status"]["phase"]) == (2, 1, "PENDING")
    assert [data["attempt"] for _, data in scene.queue.published] == [2]


@pytest.mark.parametrize("phase", [JobPhase.FAILED, JobPhase.ENDED, None])
def test_claimed_instance_without_its_job_is_lost(scene: Scene, phase: JobPhase | None) -> None:
    """A runner that is gone without a word leaves a LOST instance that says how it went."""
    scene.claim(liveAddress="127.0.0.1:4000")
    if phase is None:
        scene.compute.lose("ins_1", 1)
    else:
        scene.compute.set("ins_1", 1, phase, "exit status -9: Killed")
    scene.reconciler.run_once()
    status = scene.status()
    assert status["phase"] == "LOST"
    assert ("Killed" in status["failure"]["message"]) is (phase is not None)
    assert status["liveAddress"] is None
    assert zoo.members(scene.store, "environments") == []
    assert Ref(Collections.EVENTS, "evt_ins_1-1-end") in scene.store.documents


def test_running_instance_is_left_alone(scene: Scene) -> None:
    """Where instance and job agree nothing is written, however often the reconciler runs."""
    scene.claim()
    scene.reconciler.run_once()
    scene.clock.advance(29)
    before = dict(scene.store.documents)
    runs = scene.store.runs
    scene.reconciler.run_once()
    assert scene.store.documents == before
    assert scene.store.runs == runs


def test_runner_that_falls_silent_is_pointed_out_until_it_reports(scene: Scene) -> None:
    """Its job lives and no report comes for 30 s: the stage says so, with one event for each silence."""
    scene.claim(stage=None)

    def wait(seconds: int) -> None:
        for _ in range(seconds):
            scene.clock.advance(1)
            scene.reconciler.run_once()

    def hangs() -> list[str]:
        return [doc["message"] for doc in scene.store.documents.values() if doc.get("kind") == "HANG"]

    wait(29)
    assert scene.status()["stage"] is None
    wait(30)
    told = "has not reported for 30 s (stopped, or code that holds the interpreter)"
    assert (scene.status()["phase"], scene.status()["stage"], hangs()) == ("RUNNING", told, [f"it {told}"])
    again = lifecycle.report(zoo.read(scene.store), 1, {}, scene.clock.now())
    scene.write(lifecycle.received(again, 1, 0))
    assert scene.status()["stage"] is None
    wait(40)
    assert (scene.status()["stage"], hangs()) == (told, [f"it {told}"] * 2)


def test_silence_does_not_count_while_there_was_no_zoo(scene: Scene) -> None:
    """Runners that outlived a killed zoo, or slept with the computer, get the time to report."""
    scene.claim(stage=None)
    for absence_s in (3600, 3600):
        scene.clock.advance(absence_s)
        scene.reconciler.run_once()
        scene.clock.advance(20)
        scene.reconciler.run_once()
    assert scene.status()["stage"] is None


def test_silent_attached_instance_is_lost(scene: Scene) -> None:
    """A script of the user's own has no job; after a minute without a report it is gone."""
    document = zoo.instance(scene.clock.now(), "ins_2", origin="ATTACHED")
    scene.reconciler.run_once()
    scene.write(lifecycle.claim(document, 1, scene.clock.now()))
    scene.clock.advance(59)
    scene.reconciler.run_once()
    assert scene.status("ins_2")["phase"] == "STARTING"
    scene.clock.advance(2)
    scene.reconciler.run_once()
    assert scene.status("ins_2")["phase"] == "LOST"


def test_an_attached_script_that_outlived_the_zoo_gets_the_time_to_report(scene: Scene) -> None:
    """Nobody could hear it while there was no zoo."""
    document = zoo.instance(scene.clock.now(), "ins_2", origin="ATTACHED")
    scene.write(lifecycle.claim(document, 1, scene.clock.now()))
    scene.clock.advance(3600)
    scene.reconciler.run_once()

    assert scene.status("ins_2")["phase"] == "STARTING"


def test_an_attached_script_that_was_asked_to_end_ends_when_it_has(scene: Scene) -> None:
    """It has no job whose absence could tell: as long as it reports it is stopping, and then it has ended as asked."""
    document = zoo.instance(scene.clock.now(), "ins_2", origin="ATTACHED")
    scene.reconciler.run_once()
    claimed = lifecycle.claim(document, 1, scene.clock.now())
    scene.write(lifecycle.terminate(claimed, scene.clock.now()))
    scene.clock.advance(50)
    scene.reconciler.run_once()
    assert scene.status("ins_2")["phase"] == "STOPPING"
    scene.clock.advance(11)
    scene.reconciler.run_once()
    assert scene.status("ins_2")["phase"] == "TERMINATED"


def test_terminated_instance_whose_job_is_gone_is_finished(scene: Scene) -> None:
    """A runner that was killed while it stopped has still been terminated, not lost."""
    scene.claim()
    scene.write(lifecycle.terminate(zoo.read(scene.store), scene.clock.now()))
    scene.compute.set("ins_1", 1, JobPhase.FAILED, "exit status -15")
    scene.reconciler.run_once()
    assert (scene.status()["phase"], scene.status()["failure"]) == ("TERMINATED", None)
    assert zoo.members(scene.store, "models") == []


def test_runner_that_does_not_stop_is_ended(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """After its grace a runner is asked by force, which is logged once; reports do not prolong it."""
    scene.claim()
    scene.write(lifecycle.terminate(zoo.read(scene.store), scene.clock.now()))
    scene.clock.advance(10)
    scene.reconciler.run_once()
    assert scene.compute.deleted == []
    scene.clock.advance(2)
    scene.write(lifecycle.report(zoo.read(scene.store), 1, {"phase": "RUNNING"}, scene.clock.now()))
    scene.reconciler.run_once()
    assert [(name, attempt) for name, attempt, _ in scene.compute.deleted] == [("ins_1", 1)]
    for _ in range(3):  # a process takes its time to end
        scene.compute.set("ins_1", 1, JobPhase.RUNNING)
        scene.reconciler.run_once()
    assert caplog.text.count("does not stop and is ended") == 1


def test_jobs_that_nobody_needs_are_deleted(scene: Scene) -> None:
    """Jobs of deleted instances, of older attempts and of ended instances go."""
    scene.claim()
    scene.write(lifecycle.relaunch(zoo.read(scene.store), scene.clock.now(), timeline=True))
    scene.compute.set("ins_1", 2, JobPhase.RUNNING)
    scene.compute.set("ins_9", 1, JobPhase.RUNNING)
    scene.reconciler.run_once()
    assert {(name, attempt) for name, attempt, _ in scene.compute.deleted} == {("ins_1", 1), ("ins_9", 1)}


def test_ended_instance_may_close_its_files(scene: Scene) -> None:
    """A runner that has said its last word gets its grace before its job is deleted."""
    scene.claim()
    scene.write(lifecycle.report(zoo.read(scene.store), 1, {"phase": "TERMINATED"}, scene.clock.now()))
    scene.reconciler.run_once()
    assert scene.compute.deleted == []
    scene.clock.advance(6)
    scene.reconciler.run_once()
    assert [name for name, _, _ in scene.compute.deleted] == ["ins_1"]


def test_newer_attempt_is_not_judged_by_the_older_ones_job(scene: Scene) -> None:
    """The end of an older attempt's job says nothing of the attempt that replaced it."""
    scene.claim()
    scene.write(lifecycle.relaunch(zoo.read(scene.store), scene.clock.now(), timeline=True))
    scene.compute.set("ins_1", 1, JobPhase.FAILED, "killed")
    scene.reconciler.run_once()
    assert scene.status()["phase"] == "PENDING"


def test_limits_count_the_living(scene: Scene) -> None:
    """A set that lost a member or kept a dead one is put right."""
    scene.compute.set("ins_1", 1, JobPhase.RUNNING)
    for name, members in {"models": ["ins_8", "ins_9"], "environment:world_box": []}.items():
        scene.store.documents[Ref(Collections.LIMITS, name)] = {"id": name, "members": members}
    scene.reconciler.run_once()
    assert zoo.members(scene.store, "models") == ["ins_1"]
    assert zoo.members(scene.store, "environment:world_box") == ["ins_1"]


def test_many_living_instances_are_all_seen(scene: Scene) -> None:
    """More instances than fit on a page are reconciled in one run."""
    for number in range(2, 260):
        scene.write(zoo.instance(scene.clock.now(), f"ins_{number}"))
    scene.clock.advance(6)
    scene.reconciler.run_once()
    assert len(scene.queue.published) == 259


POINT = {"object": "runs/ins_1/1/a.zip", "step": 1234, "episode": 5, "sizeBytes": 9, "sha256": "0" * 64}


def test_gone_attempt_with_a_checkpoint_is_launched_again_from_it(scene: Scene) -> None:
    """What was asked of it still holds; the launch is published at once, an event says from where it starts."""
    scene.claim(phase="STOPPING", checkpoint=POINT)
    scene.write(lifecycle.set_rate(lifecycle.pause(zoo.read(scene.store)), 3.0))
    scene.compute.set("ins_1", 1, JobPhase.ENDED)
    scene.reconciler.run_once()
    document = zoo.read(scene.store)
    assert (document["attempt"], document["timeline"], document["status"]["phase"]) == (2, 2, "PENDING")
    assert (document["desired"]["phase"], document["desired"]["rate"]) == ("PAUSED", 3.0)
    assert [(data["instanceId"], data["attempt"]) for _, data in scene.queue.published] == [("ins_1", 2)]
    event = scene.store.documents[Ref(Collections.EVENTS, "evt_ins_1-2-relaunch")]
    assert (event["kind"], event["message"]) == ("RELAUNCHED", "attempt 2 starts from step 1,234")
    assert zoo.members(scene.store, "models") == ["ins_1"]
    scene.reconciler.run_once()
    assert len(scene.queue.published) == 1
    assert [name for name, _, _ in scene.compute.deleted] == ["ins_1"]


def test_terminated_instance_never_comes_back(scene: Scene) -> None:
    """Whoever asked for its end while it saved gets the end."""
    scene.claim(phase="STOPPING", checkpoint=POINT)
    scene.write(lifecycle.terminate(zoo.read(scene.store), scene.clock.now()))
    scene.compute.set("ins_1", 1, JobPhase.ENDED)
    scene.reconciler.run_once()
    assert scene.status()["phase"] == "TERMINATED"
    assert scene.queue.published == []


def test_attempts_that_crash_from_one_checkpoint_are_no_endless_loop(scene: Scene) -> None:
    """Also those that end before they begin count: after three the instance is LOST."""
    scene.claim(phase="STOPPING", checkpoint=POINT)
    scene.compute.set("ins_1", 1, JobPhase.ENDED)
    scene.reconciler.run_once()
    for attempt in (2, 3, 4):
        scene.compute.set("ins_1", attempt, JobPhase.FAILED, "exit status 1")
        scene.reconciler.run_once()
    status = scene.status()
    assert (zoo.read(scene.store)["attempt"], status["phase"]) == (4, "LOST")
    assert "the runner ended before it began: exit status 1; 3 attempts in a row" in status["failure"]["message"]
    assert zoo.members(scene.store, "models") == []
