"""The lifecycle under any order of events, against its invariants."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest
from ainimal_zookeeper.domain import lifecycle, limits
from ainimal_zookeeper.domain.documents import (
    FINAL_PHASES,
    CheckpointPoint,
    InstanceDoc,
    LimitDoc,
    RestoreAnswer,
    RestoreRequest,
    SaveAnswer,
)
from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, InvalidTransition, LimitReached, Rejected
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fakes import zoo

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
ATTEMPTS = st.integers(1, 4)
GROWING = ("attempt", "timeline", "generation")


def checkpoint(instance_id: str, attempt: int, step: int) -> CheckpointPoint:
    return {
        "object": f"runs/{instance_id}/{attempt}/checkpoints/step-{step}.zip",
        "step": step,
        "episode": 0,
        "sizeBytes": 1,
        "sha256": "0" * 64,
        "checkpointId": f"chk_{attempt:020}{step:020}",
    }


def going_back(number: int, point: CheckpointPoint) -> RestoreRequest:
    return {"id": f"res_{number}", "tag": "calm", "authorId": None, "point": point}


class Life(RuleBasedStateMachine):
    """One instance; API, runners of several attempts and the reconciler do what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.document = zoo.instance(START)
        self.crashes = 0
        self.asked = 0

    @initialize(is_world=st.booleans())
    def launched(self, is_world: bool) -> None:
        self.document = zoo.instance(START, "env_1" if is_world else "ins_1")

    def change(self, function: Any, *arguments: Any, **more: Any) -> None:
        """Applies one function of the lifecycle; a refusal changes nothing, and neither does the given document."""
        self.now += timedelta(seconds=1)
        before, kept = self.document, copy.deepcopy(self.document)
        try:
            after = cast(InstanceDoc, function(before, *arguments, **more))
        except (Conflict, Rejected):
            after = before
        assert before == kept
        self.check(kept, after)
        self.document = after

    @staticmethod
    def check(before: InstanceDoc, after: InstanceDoc) -> None:
        old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        if before["status"]["phase"] in FINAL_PHASES:
            assert after == before
        for name in GROWING:
            assert new[name] >= old[name]
        for name in ("steps", "resets"):
            assert new["desired"][name] >= old["desired"][name]
        assert after["status"]["observedGeneration"] >= before["status"]["observedGeneration"]
        assert after["status"]["logLines"] >= before["status"]["logLines"]
        if before["status"]["checkpoint"] is not None:
            assert after["status"]["checkpoint"] is not None
        asked, answer = before["desired"]["save"], before["status"]["save"]
        if asked is not None and answer is not None and asked["id"] == answer["id"]:
            assert after["status"]["save"] == answer  # it is answered once
        elif asked is not None and not lifecycle.is_final(before):
            assert after["desired"]["save"] == asked  # and none comes before that
        back = lifecycle.pending_restore(before)
        if back is not None and lifecycle.pending_restore(after) not in (back, None):
            raise AssertionError("a request to restore was overtaken")
        if back is None and asked is not None and lifecycle.pending_save(before) is not None:
            assert lifecycle.pending_restore(after) is None  # a state is saved before another is put back
        if after["attempt"] != before["attempt"]:
            assert lifecycle.pending_restore(after) is None
            if back is not None and after["status"]["restore"]["failure"] is None:  # type: ignore[index]
                assert after["status"]["checkpoint"] == back["point"]
                assert after["timeline"] == before["timeline"] + 1
        elif after["timeline"] != before["timeline"]:
            assert back is not None
            assert after["timeline"] == before["timeline"] + 1
            assert after["status"]["checkpoint"] == back["point"]
        if before["desired"]["phase"] == "TERMINATED":
            assert after["desired"] == before["desired"]
        if after["desired"] != before["desired"]:
            assert after["generation"] == before["generation"] + 1
        else:
            assert after["generation"] == before["generation"]

    # --- people ---

    @rule()
    def pause(self) -> None:
        self.change(lifecycle.pause)

    @rule()
    def resume(self) -> None:
        self.change(lifecycle.resume)

    @rule()
    def terminate(self) -> None:
        self.change(lifecycle.terminate, self.now)
        assert self.document["desired"]["phase"] == "TERMINATED" or lifecycle.is_final(self.document)

    @rule(training=st.booleans(), inference=st.booleans())
    def mode(self, training: bool, inference: bool) -> None:
        self.change(lifecycle.set_mode, {"training": training, "inference": inference})

    @rule(rate=st.none() | st.floats())
    def rate(self, rate: float | None) -> None:
        self.change(lifecycle.set_rate, rate)
        kept = self.document["desired"]["rate"]
        assert kept is None or 0 < kept <= 1e6

    @rule(count=st.integers(-1, 1_000_001))
    def steps(self, count: int) -> None:
        self.change(lifecycle.grant_steps, count)

    @rule()
    def reset(self) -> None:
        self.change(lifecycle.reset_episode)

    @rule(number=st.integers(1, 9))
    def ask_to_save(self, number: int) -> None:
        before = self.document
        waiting = lifecycle.pending_save(before)
        self.asked += 1
        request = {"id": f"sav_{self.asked}", "tag": f"tag-{number}", "authorId": None}
        self.change(lifecycle.save, request)
        runs = before["status"]["phase"] in {"RUNNING", "PAUSED"} and before["desired"]["phase"] != "TERMINATED"
        is_free = waiting is None and lifecycle.pending_restore(before) is None
        if runs and is_free and before["kind"] == "instance":
            assert lifecycle.pending_save(self.document) == request
            assert lifecycle.wanted(self.document) == self.document["desired"]
        else:
            assert self.document == before

    @precondition(lambda self: self.document["attempt"] < 4)
    @rule(step=st.integers(0, 1000))
    def restore(self, step: int) -> None:
        before = self.document
        point = checkpoint("ins_other", 1, step)
        self.asked += 1
        request = going_back(self.asked, point)
        self.change(lifecycle.restore, request, self.now)
        may = not lifecycle.is_final(before) and before["desired"]["phase"] != "TERMINATED"
        after = self.document
        busy = lifecycle.pending_save(before) is not None or lifecycle.pending_restore(before) is not None
        if not may or before["kind"] != "instance":
            assert after == before
        elif lifecycle.restores_in_place(before):
            assert (after == before) is busy
            assert busy or after == {
                **before,
                "desired": {**before["desired"], "restore": request},
                "generation": before["generation"] + 1,
            }
            assert busy or lifecycle.wanted(after)["restore"] == request
        else:
            assert (after["attempt"], after["timeline"]) == (before["attempt"] + 1, before["timeline"] + 1)
            assert (after["desired"], after["status"]["checkpoint"]) == (before["desired"], point)
            assert not after["status"]["claimed"]
            assert lifecycle.pending_save(after) is None
            assert lifecycle.pending_restore(after) is None
            self.crashes = 0

    # --- runners ---

    @rule(attempt=ATTEMPTS, runner=st.sampled_from(["one", "two", None]))
    def claim(self, attempt: int, runner: str | None) -> None:
        before = self.document
        self.change(lifecycle.claim, attempt, self.now, runner)
        if attempt != before["attempt"] or lifecycle.is_final(before) or before["status"]["claimed"]:
            assert self.document == before
        else:
            assert self.document["status"]["claimed"]
            assert self.document["status"]["claimedBy"] == runner

    @rule(
        attempt=ATTEMPTS,
        phase=st.sampled_from(["STARTING", "RUNNING", "PAUSED", "STOPPING", "TERMINATED", "LOST", "PENDING"]),
        observed=st.integers(0, 100),
        step=st.integers(0, 1),
        restorable=st.booleans(),
        timeline=st.none() | st.integers(1, 5),
    )
    def report(
        self, attempt: int, phase: str, observed: int, step: int, restorable: bool, timeline: int | None
    ) -> None:
        before = self.document
        stats = {**lifecycle.no_stats(), "step": step}
        said: Any = {"phase": phase, "observedGeneration": observed, "stats": stats, "restorable": restorable}
        if timeline is not None:
            said["timeline"] = timeline
        self.change(lifecycle.report, attempt, said, self.now)
        if timeline not in {None, before["timeline"]}:
            assert self.document["status"]["stats"] == before["status"]["stats"]  # steps of another timeline
        if attempt != before["attempt"] or not before["status"]["claimed"]:
            assert self.document == before

    @rule(attempt=ATTEMPTS)
    def break_down(self, attempt: int) -> None:
        failure = {"code": "AINIMAL_FAULT", "message": "x", "traceback": None, "step": None}
        self.change(lifecycle.report, attempt, {"phase": "FAILED", "failure": failure}, self.now)

    @rule(attempt=ATTEMPTS, of=ATTEMPTS, step=st.integers(0, 1000))
    def save(self, attempt: int, of: int, step: int) -> None:
        """A runner of `attempt` reports a checkpoint under the prefix of attempt `of`."""
        before = self.document
        point = checkpoint(before["id"], of, step)
        self.change(lifecycle.report, attempt, {"checkpoint": point}, self.now)
        taken = attempt == of == before["attempt"] and before["status"]["claimed"] and not lifecycle.is_final(before)
        assert self.document["status"]["checkpoint"] == (point if taken else before["status"]["checkpoint"])
        if taken:
            self.crashes = 0

    @rule(back=st.integers(0, 2), fails=st.booleans())
    def answer_the_request(self, back: int, fails: bool) -> None:
        """The newest request, or one before it."""
        before = self.document
        request = f"sav_{self.asked - back}"
        failure = {"code": "AINIMAL_FAULT", "message": "x"} if fails else None
        answer: SaveAnswer = {"id": request, "checkpointId": None if fails else "chk_1", "failure": failure}
        self.change(lifecycle.saved, answer)
        waiting = lifecycle.pending_save(before)
        if waiting is not None and waiting["id"] == request:
            assert self.document["status"]["save"] == answer
            assert lifecycle.wanted(self.document)["save"] is None
        else:
            assert self.document == before

    @rule(attempt=ATTEMPTS, back=st.integers(0, 2), fails=st.booleans(), ahead=st.integers(0, 2))
    def answer_the_wish_to_go_back(self, attempt: int, back: int, fails: bool, ahead: int) -> None:
        """The newest request, or one before it, with the next timeline or another."""
        before = self.document
        request = f"res_{self.asked - back}"
        failure = {"code": "DATA_CORRUPT", "message": "x"} if fails else None
        timeline = None if fails else before["timeline"] + ahead
        answer: RestoreAnswer = {"id": request, "timeline": timeline, "failure": failure}
        self.change(lifecycle.restored, attempt, answer)
        waiting, after = lifecycle.pending_restore(before), self.document
        met = attempt == before["attempt"] and waiting is not None and waiting["id"] == request
        if not met or (not fails and ahead != 1):
            assert after == before
            return
        assert lifecycle.wanted(after)["restore"] is None
        assert after["timeline"] == before["timeline"] + (not fails)
        assert fails or after["status"]["checkpoint"] == waiting["point"]  # type: ignore[index]
        assert (after["attempt"], after["generation"]) == (before["attempt"], before["generation"])
        if not fails:
            self.crashes = 0

    @rule(lines=st.integers(0, 5), sequence=st.integers(1, 100))
    def take_in(self, lines: int, sequence: int) -> None:
        if not lifecycle.is_final(self.document):
            self.change(lifecycle.received, sequence, lines)

    # --- the reconciler ---

    @precondition(lambda self: self.document["attempt"] < 4)
    @rule(timeline=st.booleans())
    def relaunch(self, timeline: bool) -> None:
        before = self.document
        self.change(lifecycle.relaunch, self.now, timeline=timeline)
        if lifecycle.pending_restore(before) is not None:
            self.crashes = 0
        if not lifecycle.is_final(before):
            assert self.document["attempt"] == before["attempt"] + 1
            assert not self.document["status"]["claimed"]
            assert self.document["status"]["lastSequence"] == 0
            assert lifecycle.pending_save(self.document) is None

    @rule(interrupted=st.booleans())
    def recover(self, interrupted: bool) -> None:
        before = self.document
        self.change(lifecycle.recover, self.now, "gone", interrupted=interrupted)
        if lifecycle.is_final(before):
            return
        after, point, phase = self.document, before["status"]["checkpoint"], before["status"]["phase"]
        back = lifecycle.pending_restore(before)
        if back is not None and before["desired"]["phase"] != "TERMINATED":
            self.crashes = 0
            assert (after["attempt"], after["timeline"]) == (before["attempt"] + 1, before["timeline"] + 1)
            assert (after["desired"], after["status"]["checkpoint"]) == (before["desired"], back["point"])
            return
        self.crashes += point is None or phase != "STOPPING"
        is_fresh = phase == "STOPPING" or (interrupted and phase in {"PENDING", "STARTING"})
        may_start = point is not None or (is_fresh and before["status"]["stats"]["step"] == 0)
        if before["desired"]["phase"] == "TERMINATED":
            assert after["status"]["phase"] == "TERMINATED"
        elif not may_start or self.crashes >= lifecycle.MAX_CRASHES:
            never_began = point is None and not before["status"]["claimed"]
            assert after["status"]["phase"] == ("FAILED" if never_began else "LOST")
        else:
            timeline = before["timeline"] + (point is not None)
            assert (after["attempt"], after["timeline"]) == (before["attempt"] + 1, timeline)
            assert (after["desired"], after["status"]["checkpoint"]) == (before["desired"], point)
            assert not after["status"]["claimed"]

    @rule()
    def wait(self) -> None:
        self.change(lifecycle.wait, "pulling the image")

    @rule(seconds=st.integers(1, 1000))
    def fall_silent(self, seconds: int) -> None:
        before = self.document
        self.change(lifecycle.silent, seconds)
        told = before["status"]["claimed"] and not lifecycle.is_final(before)
        assert lifecycle.is_silent(self.document) is told

    @rule(attempt=ATTEMPTS)
    def say_that_it_lives(self, attempt: int) -> None:
        before = self.document
        self.change(lifecycle.report, attempt, {}, self.now)
        if attempt == before["attempt"]:
            assert not lifecycle.is_silent(self.document)

    @rule()
    def lose(self) -> None:
        self.change(lifecycle.lose, self.now, "gone")

    @rule()
    def finish(self) -> None:
        self.change(lifecycle.finish, self.now)

    # --- what always holds ---

    @invariant()
    def observed_is_not_ahead(self) -> None:
        assert self.document["status"]["observedGeneration"] <= self.document["generation"]

    @invariant()
    def an_end_has_its_time_and_no_address(self) -> None:
        status = self.document["status"]
        assert (status["endedAt"] is not None) is (status["phase"] in FINAL_PHASES)
        if status["phase"] in FINAL_PHASES:
            assert status["liveAddress"] is None
        if status["phase"] in {"FAILED", "LOST"}:
            assert status["failure"] is not None

    @invariant()
    def only_claimed_instances_are_alive(self) -> None:
        status = self.document["status"]
        if not status["claimed"]:
            assert status["phase"] == "PENDING" or status["phase"] in FINAL_PHASES
            assert status["heartbeatAt"] is None

    @invariant()
    def who_was_asked_to_stop_is_stopping(self) -> None:
        if self.document["desired"]["phase"] == "TERMINATED" and self.document["status"]["claimed"]:
            assert self.document["status"]["phase"] in {"STARTING", "STOPPING", *FINAL_PHASES}


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


class Places(RuleBasedStateMachine):
    """One limit of two places; instances come, go, come again and die without leaving."""

    def __init__(self) -> None:
        super().__init__()
        self.limit: LimitDoc = {"id": "models", "members": []}
        self.inside: set[str] = set()

    @rule(member=st.sampled_from("abcd"))
    def enter(self, member: str) -> None:
        if len(self.inside) == 2 and member not in self.inside:
            with pytest.raises(LimitReached, match="2 of at most 2"):
                limits.enter(self.limit, member, 2, "model instances")
            return
        before = copy.deepcopy(self.limit)
        after = limits.enter(self.limit, member, 2, "model instances")
        assert self.limit == before
        self.inside.add(member)
        self.limit = after

    @rule(member=st.sampled_from("abcd"))
    def leave(self, member: str) -> None:
        self.limit = limits.leave(self.limit, member)
        self.inside.discard(member)

    @invariant()
    def counts_each_once(self) -> None:
        assert sorted(self.limit["members"]) == sorted(self.inside)
        assert len(self.inside) <= 2


TestPlaces = Places.TestCase
TestPlaces.settings = settings(max_examples=40, deadline=None)


def test_no_limit_takes_everybody() -> None:
    """Without a maximum nobody is refused."""
    limit: LimitDoc = {"id": "models", "members": []}
    for number in range(100):
        limit = limits.enter(limit, str(number), None, "model instances")
    assert len(limit["members"]) == 100


def test_instance_counts_where_it_lives() -> None:
    """A model counts as one, a world it brings as one of its kind, a seat against the world it joins."""
    brings = limits.counted_by(zoo.instance(START))
    joins = limits.counted_by(zoo.joining(START, "env_5"))
    alone = limits.counted_by(zoo.instance(START, "env_5"))
    assert brings == ["models", "environments", "environment:world_box"]
    assert joins == ["models", "connected:env_5"]
    assert alone == ["environments", "environment:world_box"]


def test_termination_of_the_unclaimed_is_immediate() -> None:
    """What no runner has taken ends at once; otherwise the runner gets to stop, from the first request on."""
    document = zoo.instance(START)
    assert lifecycle.terminate(document, START)["status"]["phase"] == "TERMINATED"
    stopping = lifecycle.terminate(lifecycle.claim(document, 1, START), START)
    again = lifecycle.terminate(stopping, START + timedelta(seconds=9))
    assert stopping["status"]["phase"] == "STOPPING"
    assert again["status"]["stoppingAt"] == lifecycle.timestamp(START)


def test_refusals_say_what_to_do() -> None:
    """Each refusal names the instance, its state and the next step."""
    ended = lifecycle.finish(zoo.instance(START), START)
    with pytest.raises(InvalidTransition, match=r"ins_1 is TERMINATED; it has ended, launch a new one"):
        lifecycle.pause(ended)
    with pytest.raises(Conflict, match=r"at generation 1, not 7"):
        lifecycle.check_generation(zoo.instance(START), 7)
    with pytest.raises(InvalidTransition, match=r"not paused; pause it"):
        lifecycle.grant_steps(zoo.instance(START), 1)
    with pytest.raises(InvalidInput, match=r"stepsPerSecond is 0"):
        lifecycle.set_rate(zoo.instance(START), 0)
    with pytest.raises(InvalidTransition, match=r"env_1 has no mode"):
        lifecycle.set_mode(zoo.instance(START, "env_1"), {"training": True, "inference": True})


def test_times_survive_being_written() -> None:
    """A time read back is the time written, and later times sort later as text."""
    moments = [START + timedelta(microseconds=step) for step in (0, 1, 999_999, 1_000_000, 86_400_000_000)]
    texts = [lifecycle.timestamp(moment) for moment in moments]
    assert [lifecycle.moment(text) for text in texts] == moments
    assert texts == sorted(texts)


def test_checkpoint_lies_under_its_own_attempt() -> None:
    """A runner cannot make another one's objects, or another instance's, its own checkpoint."""
    document = lifecycle.claim(zoo.instance(START), 1, START)
    for stranger in ("runs/ins_1/2/a.zip", "runs/ins_2/1/a.zip", "runs/ins_1/11/a.zip", "models/a.zip"):
        point: CheckpointPoint = {**checkpoint("ins_1", 1, 5), "object": stranger}
        with pytest.raises(InvalidInput, match="must lie under runs/ins_1/1/"):
            lifecycle.report(document, 1, {"checkpoint": point}, START)


def test_three_crashes_from_one_checkpoint_are_the_end() -> None:
    """Leaving when asked is no crash, a newer checkpoint forgets them, and the end says where the last one is."""
    document = zoo.instance(START)

    def leaves(phase: str, step: int | None = None) -> None:
        nonlocal document
        attempt = document["attempt"]
        said: Any = {"phase": phase} | ({} if step is None else {"checkpoint": checkpoint("ins_1", attempt, step)})
        document = lifecycle.report(lifecycle.claim(document, attempt, START), attempt, said, START)
        document = lifecycle.recover(document, START, "killed by SIGKILL")

    leaves("STOPPING", step=1_000)
    for _ in range(5):
        leaves("STOPPING")
    leaves("RUNNING")
    leaves("RUNNING", step=2_000)
    leaves("RUNNING")
    assert (document["attempt"], document["timeline"], document["status"]["phase"]) == (10, 10, "PENDING")
    leaves("STARTING")

    assert document["status"]["failure"] is not None
    assert "killed by SIGKILL; 3 attempts in a row crashed" in document["status"]["failure"]["message"]
    assert "step 2,000, which is kept as runs/ins_1/8/" in document["status"]["failure"]["message"]


def test_who_was_interrupted_before_its_first_step_starts_anew_but_not_for_ever() -> None:
    """It has nothing to lose: the same timeline, at most three attempts; unclaimed it is FAILED then, claimed LOST."""
    for claims, end in ((False, "FAILED"), (True, "LOST")):
        document = zoo.instance(START)
        for attempt in (1, 2, 3):
            assert (document["attempt"], document["timeline"], document["status"]["phase"]) == (attempt, 1, "PENDING")
            if claims:
                document = lifecycle.claim(document, attempt, START)
            document = lifecycle.recover(document, START, "killed by SIGTERM", interrupted=True)
        assert document["status"]["phase"] == end
        assert document["status"]["failure"] is not None
        assert "killed by SIGTERM" in document["status"]["failure"]["message"]


def test_who_has_made_a_step_does_not_start_anew() -> None:
    """What it had learnt would be gone without a word."""
    document = lifecycle.claim(zoo.instance(START), 1, START)
    said: Any = {"phase": "STOPPING", "stats": {**lifecycle.no_stats(), "step": 1}}
    document = lifecycle.report(document, 1, said, START)
    assert lifecycle.recover(document, START, "gone", interrupted=True)["status"]["phase"] == "LOST"


def test_what_cannot_be_saved_or_restored_says_why() -> None:
    """Each refusal names the instance and the next step."""
    request: Any = {"id": "sav_1", "tag": None, "authorId": None}
    asked = zoo.instance(START)
    with pytest.raises(InvalidTransition, match=r"ins_1 is PENDING; save it while it is RUNNING or PAUSED"):
        lifecycle.save(asked, request)
    runs = lifecycle.report(lifecycle.claim(asked, 1, START), 1, {"phase": "RUNNING"}, START)
    with pytest.raises(InvalidTransition, match=r"ins_1 is being saved; wait"):
        lifecycle.save(lifecycle.save(runs, request), cast(Any, {**request, "id": "sav_2"}))
    with pytest.raises(InvalidTransition, match=r"env_1 has no state of its own"):
        lifecycle.save(zoo.instance(START, "env_1"), request)
    back = going_back(1, checkpoint("ins_1", 1, 5))
    with pytest.raises(InvalidTransition, match=r"ins_1 is stopping; launch a new one"):
        lifecycle.restore(lifecycle.terminate(runs, START), back, START)
    with pytest.raises(InvalidTransition, match=r"it has ended, launch a new one"):
        lifecycle.restore(lifecycle.finish(runs, START), back, START)
    with pytest.raises(InvalidTransition, match="a script's of its user"):
        lifecycle.restore(zoo.instance(START, origin="ATTACHED"), back, START)
    able = lifecycle.report(runs, 1, {"restorable": True}, START)
    with pytest.raises(InvalidTransition, match=r"ins_1 is being saved; wait"):
        lifecycle.restore(lifecycle.save(able, request), back, START)
    going = lifecycle.restore(able, back, START)
    with pytest.raises(InvalidTransition, match=r"ins_1 goes back to a checkpoint; wait"):
        lifecycle.save(going, request)
    with pytest.raises(InvalidTransition, match=r"ins_1 goes back to a checkpoint; wait"):
        lifecycle.restore(going, back, START)


def test_who_is_silent_while_it_should_go_back_can_be_sent_back_by_a_new_attempt() -> None:
    """The request that is given up is answered, and its point is not what the attempt starts from."""
    runs = lifecycle.report(
        lifecycle.claim(zoo.instance(START), 1, START), 1, {"phase": "PAUSED", "restorable": True}, START
    )
    first, second = going_back(1, checkpoint("ins_1", 1, 5)), going_back(2, checkpoint("ins_1", 1, 9))
    hushed = lifecycle.silent(lifecycle.restore(runs, first, START), 30)
    again = lifecycle.restore(hushed, second, START)
    answer = again["status"]["restore"]
    assert (again["attempt"], again["timeline"], again["status"]["checkpoint"]) == (2, 2, second["point"])
    assert answer is not None
    assert answer["id"] == "res_1"
    assert answer["failure"] is not None
    assert "calm before it had done this" in answer["failure"]["message"]
    assert lifecycle.wanted(again)["restore"] is None


def test_who_dies_while_it_should_go_back_starts_from_there() -> None:
    """Without a checkpoint of its own as well, and whoever waits has an answer."""
    runs = lifecycle.report(
        lifecycle.claim(zoo.instance(START), 1, START), 1, {"phase": "RUNNING", "restorable": True}, START
    )
    going = lifecycle.restore(runs, going_back(1, checkpoint("ins_9", 4, 5)), START)
    again = lifecycle.recover(going, START, "killed by SIGKILL")
    assert (again["attempt"], again["timeline"]) == (2, 2)
    assert again["status"]["checkpoint"] == checkpoint("ins_9", 4, 5)
    assert again["status"]["restore"] == {"id": "res_1", "timeline": 2, "failure": None}


def test_a_save_that_the_runner_did_not_live_to_make_is_answered() -> None:
    """Whoever waits for it learns that it comes no more, and the next attempt is not asked for it."""
    runs = lifecycle.report(lifecycle.claim(zoo.instance(START), 1, START), 1, {"phase": "RUNNING"}, START)
    saving = lifecycle.save(runs, {"id": "sav_1", "tag": "a", "authorId": None})
    saved = lifecycle.report(saving, 1, {"checkpoint": checkpoint("ins_1", 1, 5)}, START)
    again = lifecycle.recover(saved, START, "killed by SIGKILL")
    answer = again["status"]["save"]
    assert answer is not None
    assert (answer["id"], answer["checkpointId"]) == ("sav_1", None)
    assert answer["failure"] is not None
    assert "save again once it runs" in answer["failure"]["message"]
    assert lifecycle.wanted(again)["save"] is None


def test_a_launch_from_a_checkpoint_goes_on_from_it_even_when_it_is_interrupted() -> None:
    """The start point is what the next attempt starts from until there is a newer checkpoint."""
    point = checkpoint("ins_9", 3, 70)
    document = lifecycle.start_from(zoo.instance(START), point)
    assert (document["startPoint"], lifecycle.checkpoint_of(document)) == (point, point)
    again = lifecycle.recover(document, START, "gone", interrupted=True)
    assert (again["attempt"], again["status"]["checkpoint"]) == (2, point)


def test_instances_older_than_requests_to_save_have_none() -> None:
    """What an earlier version wrote lacks the keys, and can be saved and started again all the same."""
    runs = lifecycle.report(lifecycle.claim(zoo.instance(START), 1, START), 1, {"phase": "RUNNING"}, START)
    desired = {key: value for key, value in runs["desired"].items() if key != "save"}
    status = {key: value for key, value in runs["status"].items() if key != "save"}
    older = cast(InstanceDoc, {**runs, "desired": desired, "status": status})
    assert lifecycle.wanted(older)["save"] is None
    assert lifecycle.relaunch(older, START, timeline=True)["status"]["save"] is None
    request: Any = {"id": "sav_1", "tag": None, "authorId": None}
    assert lifecycle.pending_save(lifecycle.save(older, request)) == request


def test_an_attached_script_is_not_started_by_the_zoo() -> None:
    """It is its user's: without a word from it, it is LOST whatever it has saved."""
    document = lifecycle.claim(zoo.instance(START, origin="ATTACHED"), 1, START)
    saved = lifecycle.report(document, 1, {"checkpoint": checkpoint("ins_1", 1, 5)}, START)
    assert lifecycle.recover(saved, START, "silent")["status"]["phase"] == "LOST"


def test_documents_older_than_checkpoints_are_lost_as_before() -> None:
    """An instance that an earlier version wrote has no checkpoint, and nothing breaks on it."""
    document = lifecycle.claim(zoo.instance(START), 1, START)
    older = {key: value for key, value in document["status"].items() if key not in {"checkpoint", "crashes"}}
    lost = lifecycle.recover(cast(InstanceDoc, {**document, "status": older}), START, "gone")
    assert lost["status"]["phase"] == "LOST"
