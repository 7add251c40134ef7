"""Driving: who acts while somebody holds the wheel, and when they fall silent."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.control import LEASE_S
from ainimal_zookeeper.domain.documents import ControlDoc, Mode
from ainimal_zookeeper.domain.documents.control import OnSilence
from ainimal_zookeeper.domain.errors import AInimalFault, ControlHeld, InvalidInput, InvalidTransition
from ainimal_zookeeper.environments.world import Outcome
from ainimal_zookeeper.modality import Modality, ModalityKind
from ainimal_zookeeper.models.agent import Agent, Capabilities, TrainOn
from ainimal_zookeeper.timestep import Trajectory
from hypothesis import given
from hypothesis import strategies as st
from zookeeper_runner.acting import Actor
from zookeeper_runner.arrows import Arrows
from zookeeper_runner.batching import BatchActor
from zookeeper_runner.bell import Bell
from zookeeper_runner.driving import FRAME_RATE, SILENCE_S, Steering
from zookeeper_runner.history import History
from zookeeper_runner.journal import Journal
from zookeeper_runner.session import Session
from zookeeper_runner.signals import Signals

from tests.fakes.runner_link import launch_of, wanted

ACT: Mode = {"training": False, "inference": True}
BOTH: Mode = {"training": True, "inference": True}
NEUTRAL: Mode = {"training": False, "inference": False}
MAX_DELTA = 0.25


class Road:
    """A car without an end: it steers and shifts."""

    observation_key: str | None = "place"
    action_key: str | None = None
    vectorized = False

    def __init__(self, *, frame_rate: float | None = None, num_envs: int | None = None) -> None:
        steer = Modality("steer", ModalityKind.SCALAR, (), "float32", -1.0, 1.0, max_delta=MAX_DELTA)
        self.observation = {"place": Modality.vector("place", 1)}
        self.action = {"steer": steer, "gear": Modality.discrete("gear", 5)}
        self.frame_rate = frame_rate
        self.vectorized, self.num_envs = num_envs is not None, num_envs or 1
        self.actions: list[tuple[Any, Any]] = []

    def reset(self, seed: int | None = None) -> Any:
        return self._seen()

    def step(self, action: Any) -> Outcome:
        self.actions.append((np.asarray(action["steer"]).tolist(), np.asarray(action["gear"]).tolist()))
        if self.vectorized:
            zeros = np.zeros(self.num_envs)
            return Outcome(self._seen(), zeros, zeros.astype(bool), zeros.astype(bool), {})
        return Outcome(self._seen(), 0.0, False, False, {})

    def render(self) -> Any:
        return None

    def close(self) -> None:
        pass

    def _seen(self) -> Any:
        return np.zeros((self.num_envs, 1) if self.vectorized else 1, np.float32)


class Car:
    """A model on the road with somebody who may drive it, its time in the test's hands."""

    def __init__(
        self, *, road: Road | None = None, train_on: TrainOn = "executed", handover: Any = None, every: int = 100
    ) -> None:
        self.now = 0.0
        self.road = road or Road()
        self.handovers: list[tuple[str, Any]] = []
        self.trajectories: list[Trajectory] = []
        bell = self.bell = Bell()
        self.session = Session(launch_of(), bell)
        signals = Signals(bell)
        journal = Journal(self.session, signals, History(0))
        self.moment = signals.moment
        can = Capabilities(train=self.trajectories.append, handover=handover or self._passed_over)
        agent = Agent(self._forward, can=can, train_on=train_on, train_every=every)
        agent.inputs, agent.outputs = dict(self.road.observation), dict(self.road.action)
        world: Any = self.road
        self.steering = Steering(
            self.session, agent, world, lambda: self.moment.action, clock=lambda: self.now, watch=lambda _look: None
        )
        arrows = Arrows()
        arrows.driving = self.steering
        body = BatchActor if self.road.vectorized else Actor
        self.actor = body(agent, world, journal, bell, None, arrows)
        self.actor.begin()
        self.generation = 1
        self.leases = 0
        self.answers: list[dict[str, Any]] = []

    def _forward(self, inputs: Any) -> Any:
        model: dict[str, Any] = {"steer": np.float32(-0.5), "gear": np.int64(1)}
        if self.road.vectorized:
            return {name: np.asarray(value) for name, value in model.items()}
        return model

    def _passed_over(self, driver: str, last: Any) -> None:
        self.handovers.append(
            (driver, None if last is None else {name: np.asarray(last[name]).tolist() for name in last})
        )

    def lease(
        self, on_silence: OnSilence = "MODEL", *, holder: str | None = "ada", paths: list[str] | None = None
    ) -> str:
        self.leases += 1
        lease: ControlDoc = {
            "id": f"ctl_{self.leases}",
            "holderId": holder,
            "holderRole": "KEEPER",
            "paths": paths,
            "onSilence": on_silence,
            "acquiredAt": "2030-01-01T00:00:00.000000Z",
            "expiresAt": "2030-01-01T00:00:15.000000Z",
        }
        self.desire(lease)
        return lease["id"]

    def desire(self, lease: ControlDoc | None) -> None:
        self.generation += 1
        self.session.offer({**wanted(), "control": lease}, self.generation)

    def send(self, sequence: float, lease: str | None = None, **values: Any) -> None:
        by_path = {f"action.{name}": value for name, value in values.items()}
        self.steering.hear(lease or f"ctl_{self.leases}", by_path, sequence, self.answers.append)

    def steps(self, count: int = 1, mode: Mode = ACT) -> list[tuple[Any, Any]]:
        """Makes steps, attending between them as the loop does; returns what was executed."""
        first = len(self.road.actions)
        for _ in range(count):
            self.bell.answer()
            self.steering.attend(self.session.wanted()[0])
            self.bell.ring()
            self.actor.act(mode)
        return self.road.actions[first:]

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.steering.look()

    def active(self) -> bool:
        return self.steering.active

    def halted(self) -> bool:
        return self.steering.halted

    def rate(self) -> float | None:
        return self.steering.rate

    def driver(self) -> str | None:
        return self.moment.driver

    @property
    def events(self) -> list[str]:
        return [each["message"] for each in self.session.take_events()]


def test_the_model_drives_until_the_holder_sends_something() -> None:
    """A lease alone changes nothing, and the plain loop runs on."""
    car = Car()
    car.lease()
    assert car.steps(2) == [(-0.5, 1)] * 2
    assert not car.active()
    assert car.driver() is None


def test_what_is_driven_moves_by_at_most_max_delta_in_both_directions() -> None:
    """From the model's -0.5 to 0.25 in three steps, and back in as many; what has no max_delta jumps."""
    car = Car()
    car.steps()
    lease = car.lease()
    car.send(1, lease, steer=0.25, gear=4)
    assert car.steps(4) == [(-0.25, 4), (0.0, 4), (0.25, 4), (0.25, 4)]
    assert car.driver() == "ada"
    car.desire(None)
    assert car.steps(4) == [(0.0, 1), (-0.25, 1), (-0.5, 1), (-0.5, 1)]
    assert car.driver() is None
    assert not car.active()


def test_a_driver_whose_handover_is_done_may_jump() -> None:
    """Only the change of who acts is bounded, not what they do afterwards."""
    car = Car()
    car.lease()
    car.send(1, steer=-0.5)
    car.steps(2)
    car.send(2, steer=1.0)
    assert car.steps(1) == [(1.0, 1)]


@given(target=st.floats(-1, 1, width=32), start=st.integers(1, 6), back=st.integers(0, 6))
def test_no_handover_jumps(target: float, start: int, back: int) -> None:
    """However soon the wheel is taken back, no two steps of it are further apart than max_delta."""
    car = Car()
    car.steps()
    lease = car.lease()
    car.send(1, lease, steer=target)
    car.steps(start)
    if back:
        car.desire(None)
        car.steps(back)
    steers = [steer for steer, _ in car.road.actions]
    assert max(abs(after - before) for before, after in pairwise(steers)) <= MAX_DELTA + 1e-6


def test_the_model_is_told_of_both_edges_with_the_last_action() -> None:
    """Plans that were made before are dropped before the next forward: `handover(driver, last_action)`."""
    car = Car()
    car.steps()
    car.lease()
    car.send(1, gear=3)
    car.steps(3)
    car.desire(None)
    car.steps(3)
    before, during = {"steer": -0.5, "gear": 1}, {"steer": -0.5, "gear": 3}
    assert car.handovers == [("ada", before), ("model", during)]
    assert [event for event in car.events if "drives" in event] == [
        "ada drives from step 2 on",
        "the model drives from step 5 on",
    ]


def test_a_handover_that_fails_is_the_models_fault() -> None:
    """It is user code in the step thread."""

    def handover(driver: str, last: Any) -> None:
        raise RuntimeError(f"not {driver}")

    car = Car(handover=handover)
    car.lease()
    car.send(1, gear=3)
    with pytest.raises(AInimalFault, match="not ada"):
        car.steps()


def test_the_newest_sequence_wins_and_each_value_is_told_its_step() -> None:
    """What arrives late is left out, though it shows that the driver is there; the others take effect together."""
    car = Car()
    car.lease()
    car.send(2, gear=3)
    car.send(1, gear=4)
    car.send(3, steer=-0.5)
    assert car.answers == [{"step": None}]
    assert car.steps() == [(-0.5, 3)]
    assert car.answers == [{"step": None}, {"step": 1}, {"step": 1}]
    car.send(4)
    assert car.answers[-1] == {"step": None}


@pytest.mark.parametrize(
    ("on_silence", "after", "driver"),
    [("MODEL", (-0.5, 1), None), ("HOLD", (-0.25, 3), "ada"), ("NEUTRAL", (0.0, 0), "ada")],
)
def test_silence_lets_act_what_was_agreed(on_silence: OnSilence, after: tuple[float, int], driver: str | None) -> None:
    """Half a second after the last word the model, the last values or the neutral action act, until a word comes."""
    car = Car()
    car.lease(on_silence)
    car.send(1, steer=-0.25, gear=3)
    assert car.steps(3)[-1] == (-0.25, 3)
    car.wait(SILENCE_S - 0.01)
    assert car.steps()[-1] == (-0.25, 3)
    car.wait(0.02)
    assert car.bell.rung
    assert car.steps(2)[-1] == after
    assert car.driver() == driver
    car.send(2)
    assert car.steps(2)[-1] == (-0.25, 3)
    assert "ada is heard of again" in car.events


def test_silence_may_hold_everything_still() -> None:
    """With PAUSE nothing steps until the driver is heard of, or the lease is over."""
    car = Car()
    car.lease("PAUSE")
    car.steps()
    car.wait(SILENCE_S)
    assert car.halted()
    car.send(1)
    assert not car.halted()
    car.wait(SILENCE_S)
    car.wait(LEASE_S)
    assert car.halted()
    car.desire(None)
    car.steering.attend(car.session.wanted()[0])
    assert not car.halted()


def test_a_lease_lapses_where_its_holder_is_not_heard_of() -> None:
    """The zoo is told by a report, the model drives again, and what comes later is refused."""
    car = Car()
    lease = car.lease("HOLD")
    car.send(1, gear=3)
    car.steps(2)
    car.wait(SILENCE_S)
    car.wait(LEASE_S)
    assert car.session.report()["control"] == {"id": lease, "ended": "LAPSED"}
    assert car.steps()[-1] == (-0.5, 1)
    assert car.rate() is None
    with pytest.raises(InvalidTransition, match="acquire control"):
        car.send(2, lease)


def test_the_holder_before_is_refused() -> None:
    """A newer lease counts from when it is wanted, though the step thread has not heard of it; who waits is told."""
    car = Car()
    first = car.lease()
    car.send(1, first, gear=3)
    car.lease(holder="ben")
    with pytest.raises(ControlHeld, match="ben drives"):
        car.send(2, first, gear=4)
    assert car.answers == [{"code": "CONTROL_HELD", "message": "somebody else drives now"}]
    assert car.steps() == [(-0.5, 1)]


def test_values_that_do_not_fit_change_nothing() -> None:
    """The error names the path or what was expected, and no part of the message is taken."""
    car = Car()
    car.lease(paths=["action.gear"])
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"gear": 3, "steer": "left"}, "modality steer: expected float32 from -1.0 to 1.0"),
        ({"gear": 7}, "expected an integer from 0 to 4"),
        ({"gear": 3, "break": 1}, "action.break cannot be driven; action.steer, action.gear can"),
        ({"gear": 3, "steer": 0.5}, "the lease is not of steer"),
    ]
    for values, why in wrong:
        with pytest.raises(InvalidInput, match=why):
            car.send(1, **values)
    assert car.steps() == [(-0.5, 1)]


def test_what_the_lease_is_not_of_stays_the_models() -> None:
    """A lease of some paths drives those alone."""
    car = Car()
    car.lease("NEUTRAL", paths=["action.gear"])
    car.send(1, gear=2)
    assert car.steps() == [(-0.5, 2)]
    car.wait(SILENCE_S)
    assert car.steps() == [(-0.5, 0)]


def test_a_driver_drives_where_nothing_is_inferred() -> None:
    """In the mode none the neutral action acts but for what is driven."""
    car = Car()
    car.lease()
    car.send(1, gear=2)
    assert car.steps(mode=NEUTRAL) == [(0.0, 2)]


def test_in_a_vector_of_worlds_one_value_drives_all() -> None:
    """Each environment receives it, within max_delta."""
    car = Car(road=Road(num_envs=2))
    car.lease()
    car.steps()
    car.send(1, steer=0.0, gear=2)
    assert car.steps(2) == [([-0.25, -0.25], [2, 2]), ([0.0, 0.0], [2, 2])]


@pytest.mark.parametrize(("frame_rate", "expected"), [(50.0, 50.0), (None, FRAME_RATE)])
def test_while_somebody_drives_it_runs_at_real_speed(frame_rate: float | None, expected: float) -> None:
    """The environment's own frame rate, or a fixed one; as fast as it goes when the model has the wheel again."""
    car = Car(road=Road(frame_rate=frame_rate))
    assert car.rate() is None
    car.lease()
    car.steps()
    assert car.rate() == expected
    car.wait(SILENCE_S)
    assert car.rate() is None


@pytest.mark.parametrize(
    ("train_on", "gears"), [("executed", [[1, 3, 3, 1, 1]]), ("proposed", [[1, 1, 1, 1, 1]]), ("skip", [[1, 1, 1]])]
)
def test_train_on_says_what_is_learnt_of_a_drive(train_on: TrainOn, gears: list[list[int]]) -> None:
    """What was executed, what the model proposed, or only what it did itself."""
    car = Car(train_on=train_on, every=5 if train_on != "skip" else 3)
    car.steps(1, BOTH)
    lease = car.lease()
    car.send(1, lease, gear=3)
    car.steps(2, BOTH)
    car.desire(None)
    car.steps(2, BOTH)
    learnt = [[int(timestep.action["gear"]) for timestep in trajectory] for trajectory in car.trajectories]
    assert learnt == gears
    drivers = [timestep.driver for trajectory in car.trajectories for timestep in trajectory]
    assert drivers == ([None] * 3 if train_on == "skip" else [None, "ada", "ada", None, None])
