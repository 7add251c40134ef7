"""The control lease under any order of asking, time and silence, against its invariants."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest
from ainimal_zookeeper.domain import control, lifecycle
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import InstanceDoc
from ainimal_zookeeper.domain.errors import ControlHeld, InvalidTransition
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.fakes import zoo

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
ANN, BEN = Principal("usr_ann", "KEEPER"), Principal("usr_ben", "KEEPER")
BOSS, NAMELESS = Principal("usr_boss", "OPERATOR"), Principal.operator()
ANYBODY = st.sampled_from([ANN, BEN, BOSS, NAMELESS])


def running(now: datetime = START, **changes: Any) -> InstanceDoc:
    document = lifecycle.claim(zoo.instance(now, **changes), 1, now)
    return lifecycle.report(document, 1, {"phase": "RUNNING"}, now)


class Wheel(RuleBasedStateMachine):
    """Several people ask for the wheel of one instance, send or fall silent; its runner and its life go on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.document = running()
        self.number = 0
        self.known: tuple[str, str | None, datetime] | None = None  # lease, holder, end: what must hold

    @initialize()
    def launched(self) -> None:
        self.document = running()

    def apply(self, function: Any, *arguments: Any, **more: Any) -> bool:
        """Tells whether it was accepted; a refusal changes nothing, and neither does the given document."""
        before, kept = self.document, copy.deepcopy(self.document)
        try:
            self.document = cast(InstanceDoc, function(before, *arguments, **more))
        except (ControlHeld, InvalidTransition):
            assert before == kept
            return False
        assert before == kept
        return True

    @property
    def held(self) -> tuple[str, str | None] | None:
        return None if self.known is None or self.known[2] <= self.now else self.known[:2]

    @rule(who=ANYBODY, if_free=st.booleans(), paths=st.none() | st.just(["action.steer"]))
    def acquire(self, who: Principal, if_free: bool, paths: list[str] | None) -> None:
        self.number += 1
        lease, held, generation = f"ctl_{self.number}", self.held, self.document["generation"]
        free = held is None or (not if_free and (held[1] == who.user_id or who.role == "OPERATOR"))
        more: Any = {"on_silence": "HOLD", "paths": paths, "if_free": if_free}
        if lifecycle.is_final(self.document):
            assert not self.apply(control.acquire, who, lease, self.now, **more)
            return
        assert self.apply(control.acquire, who, lease, self.now, **more) is free
        assert self.document["generation"] == generation + free
        if free:
            self.known = (lease, who.user_id, self.now + timedelta(seconds=control.LEASE_S))

    @rule(age=st.integers(0, 3))
    def renew(self, age: int) -> None:
        lease, held, generation = f"ctl_{self.number - age}", self.held, self.document["generation"]
        assert self.apply(control.renew, lease, self.now)
        assert self.document["generation"] == generation
        if held is not None and held[0] == lease and self.known is not None:
            left = self.known[2] - self.now
            if left < timedelta(seconds=control.RENEW_BELOW_S) and not lifecycle.is_final(self.document):
                self.known = (*held, self.now + timedelta(seconds=control.LEASE_S))

    @rule(who=ANYBODY)
    def release(self, who: Principal) -> None:
        held = self.held
        allowed = held is None or held[1] == who.user_id or who.role == "OPERATOR"
        if lifecycle.is_final(self.document):
            return
        assert self.apply(control.release, who, self.now) is allowed
        if allowed:
            self.known = None

    @rule(age=st.integers(0, 3))
    def lapse(self, age: int) -> None:
        """The runner has not heard of a driver; only of the lease that counts that has an effect."""
        lease = f"ctl_{self.number - age}"
        if not lifecycle.is_final(self.document):
            said: Any = {"control": {"id": lease, "ended": "LAPSED"}}
            self.document = lifecycle.report(self.document, 1, said, self.now)
        if self.known is not None and self.known[0] == lease:
            self.known = None

    @rule(seconds=st.floats(0.1, 20.0))
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(who=ANYBODY, age=st.none() | st.integers(0, 3))
    def check(self, who: Principal, age: int | None) -> None:
        named = None if age is None else f"ctl_{self.number - age}"
        held = self.held
        holds = held is not None and held[1] == who.user_id and named in {None, held[0]}
        if lifecycle.is_final(self.document):
            holds = False
        try:
            lease = control.check(self.document, who, self.now, named)
        except ControlHeld:
            assert held is not None
            assert not holds
        except InvalidTransition:
            assert held is None or lifecycle.is_final(self.document)
        else:
            assert holds
            assert lease["id"] == cast(Any, held)[0]

    @rule(sure=st.integers(0, 9))
    def end(self, sure: int) -> None:
        if sure == 0 and not lifecycle.is_final(self.document):
            self.document = lifecycle.report(self.document, 1, {"phase": "TERMINATED"}, self.now)
            self.known = None

    @invariant()
    def the_lease_that_counts_is_the_one_that_was_given(self) -> None:
        lease = control.in_force(self.document, self.now)
        assert (None if lease is None else (lease["id"], lease["holderId"])) == self.held

    @invariant()
    def the_runner_is_told_of_what_it_has_not_ended(self) -> None:
        told = lifecycle.wanted(self.document).get("control")
        if self.held is not None:
            assert told is not None
            assert told["id"] == self.held[0]


TestWheel = Wheel.TestCase


def acquired(who: Principal = ANN, **more: Any) -> InstanceDoc:
    return control.acquire(running(), who, "ctl_1", START, **{"on_silence": "MODEL", **more})


def test_who_comes_second_is_told_who_drives() -> None:
    """The refusal names the holder."""
    with pytest.raises(ControlHeld, match="usr_ann drives ins_1"):
        control.acquire(acquired(), BEN, "ctl_2", START, on_silence="MODEL")


def test_the_holder_before_a_takeover_is_refused() -> None:
    """An operator takes the wheel; who had it is told, and so is an older lease of the operator's own."""
    taken = control.acquire(acquired(), BOSS, "ctl_2", START, on_silence="PAUSE")
    with pytest.raises(ControlHeld):
        control.check(taken, ANN, START)
    again = control.acquire(taken, BOSS, "ctl_3", START, on_silence="PAUSE")
    with pytest.raises(ControlHeld):
        control.check(again, BOSS, START, "ctl_2")
    assert control.check(again, BOSS, START, "ctl_3")["onSilence"] == "PAUSE"


def test_without_users_the_operator_holds_it_under_that_name() -> None:
    """Nobody's id is None, which is somebody all the same."""
    lease = control.check(acquired(NAMELESS), NAMELESS, START)
    assert control.holder_name(lease) == "operator"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"id": "env_1"}, "is a world"),
        ({"environmentId": None}, "acts in no environment"),
    ],
)
def test_what_takes_no_action_cannot_be_driven(changes: Any, why: str) -> None:
    """A world has no seat of its own, and a model without a world answers questions."""
    with pytest.raises(InvalidTransition, match=why):
        control.acquire(running(**changes), ANN, "ctl_1", START, on_silence="MODEL")


def test_what_has_not_begun_cannot_be_driven() -> None:
    """The message says what it is and when it can be."""
    with pytest.raises(InvalidTransition, match="is PENDING; drive it while it is RUNNING or PAUSED"):
        control.acquire(zoo.instance(START), ANN, "ctl_1", START, on_silence="MODEL")


def test_resuming_what_stands_still_for_a_silent_driver_takes_the_wheel() -> None:
    """Its runner paused by itself: to let it run is to end the lease; otherwise resuming leaves the lease alone."""
    halted = lifecycle.report(acquired(on_silence="PAUSE"), 1, {"phase": "PAUSED"}, START)
    after = lifecycle.resume(halted)
    assert control.in_force(after, START) is None
    assert after["generation"] == halted["generation"] + 1
    asked = lifecycle.resume(lifecycle.report(lifecycle.pause(acquired()), 1, {"phase": "PAUSED"}, START))
    assert control.in_force(asked, START) is not None
