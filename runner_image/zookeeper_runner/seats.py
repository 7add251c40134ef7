"""Seats: a world that several instances share, stepped when all who sit have acted.

The live thread seats joiners and brings their actions; the step thread plays.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ainimal_zookeeper.domain.documents import Mode
from ainimal_zookeeper.domain.errors import EnvFault, InvalidInput
from ainimal_zookeeper.environments.world import SeatedWorld
from ainimal_zookeeper.modality import Modality

from .bell import Bell
from .fault import fault_of
from .forwarding import inputs_of, neutral_action
from .journal import Journal
from .live.frames import pack_tree, unpack, unpack_tree

STEP_TIMEOUT_S = 1.0
_LOOK_S = 0.1


@dataclass(eq=False, slots=True)
class Chair:
    """A seat that somebody holds."""

    seat: str
    instance_id: str
    send: Callable[[bytes], None]  # from any thread
    playing: bool = False  # has been shown the first observation of the running episode
    action: Any = None
    acted_step: int = -1


class SeatBoard:
    """Who sits where. Thread-safe."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._world: SeatedWorld | None = None
        self._chairs: dict[str, Chair] = {}
        self._condition = threading.Condition()

    def open(self, world: SeatedWorld) -> None:
        """The world is loaded: its seats can be taken."""
        self._world = world

    @property
    def is_open(self) -> bool:
        return self._world is not None

    @property
    def taken(self) -> int:
        return len(self._chairs)

    def chairs(self) -> list[Chair]:
        with self._condition:
            return list(self._chairs.values())

    # --- in the live thread ------------------------------------------------------------------------------------------

    def sit(self, instance_id: str, send: Callable[[bytes], None]) -> Chair | None:
        """Returns a free seat, None when there is none. `send` carries messages to whoever sits there."""
        with self._condition:
            seats = () if self._world is None else self._world.seats
            seat = next((seat for seat in seats if seat not in self._chairs), None)
            if seat is None:
                return None
            chair = Chair(seat, instance_id, send)
            self._chairs[seat] = chair
        self._bell.ring()
        return chair

    def leave(self, chair: Chair) -> None:
        with self._condition:
            if self._chairs.get(chair.seat) is chair:
                del self._chairs[chair.seat]
            self._condition.notify_all()
        self._bell.ring()

    def description(self, chair: Chair) -> dict[str, Any]:
        """Returns what the joiner needs to know of its seat."""
        if self._world is None:
            raise RuntimeError("nobody can sit before the board is open")
        observation, observation_key = self._world.observation_of(chair.seat)
        action, action_key = self._world.action_of(chair.seat)
        return {
            "seat": chair.seat,
            "observation": [modality.to_document() for modality in observation.values()],
            "action": [modality.to_document() for modality in action.values()],
            "observationKey": observation_key,
            "actionKey": action_key,
            "frameRate": self._world.frame_rate,
        }

    def act(self, chair: Chair, message: bytes) -> None:
        """Takes an action message. Raises: InvalidInput for anything else."""
        header, payload = unpack(message)
        if header.get("type") != "action":
            raise InvalidInput(f"a seat sends actions, not {header.get('type')!r}")
        action = unpack_tree(header, payload)
        with self._condition:
            chair.action = action
            chair.acted_step = int(header.get("step", -1))
            self._condition.notify_all()

    # --- in the step thread ------------------------------------------------------------------------------------------

    def show(self, chair: Chair, header: Mapping[str, Any], observation: Any) -> None:
        chair.send(pack_tree({"type": "observation", **header}, observation))

    def wait_for(self, chairs: list[Chair], step: int, seconds: float, idle: Callable[[], None]) -> None:
        """Returns when all `chairs` have acted for `step` or left, and after `seconds`; calls `idle` now and then."""
        deadline = time.monotonic() + seconds

        def complete() -> bool:
            return all(chair.acted_step == step or self._chairs.get(chair.seat) is not chair for chair in chairs)

        while True:
            with self._condition:
                if self._condition.wait_for(complete, min(_LOOK_S, max(0.0, deadline - time.monotonic()))):
                    return
            if time.monotonic() >= deadline:
                return
            idle()


class WorldHost:
    """The body of an environment instance: plays while somebody sits, shows its first picture while nobody does."""

    can_learn = False
    has_past = False

    def __init__(
        self,
        world: SeatedWorld,
        board: SeatBoard,
        journal: Journal,
        bell: Bell,
        *,
        seed: int | None,
        step_timeout_s: float,
        idle: Callable[[], None],
    ) -> None:
        self._world = world
        self._board = board
        self._journal = journal
        self._bell = bell
        self._seed = seed
        self._step_timeout_s = step_timeout_s
        self._idle = idle
        self._observations: Mapping[str, Any] = {}
        self._actions: dict[str, tuple[Mapping[str, Modality], str | None]] = {}
        self._episode_return = 0.0
        self._began_at = 0

    def ready(self, _mode: Mode) -> bool:
        return self._board.taken > 0

    def cut(self) -> None:
        """A world does not learn."""

    def relearn(self) -> None:
        """A world does not learn."""

    def begin(self) -> None:
        """Starts an episode and shows it to everybody who sits."""
        try:
            self._observations = self._world.reset(self._seed)
        except BaseException as error:
            raise fault_of(error, EnvFault) from error
        self._seed = None
        self._episode_return = 0.0
        self._began_at = self._journal.counters.step
        for chair in self._board.chairs():
            chair.playing = False
        self._note(None, None)

    def act(self, _mode: Mode) -> None:
        """Makes at least one step, and goes on until the bell rings."""
        while True:
            self._step()
            if self._bell.rung:
                return

    def _step(self) -> None:
        step = self._journal.counters.step
        chairs = self._board.chairs()
        for chair in chairs:
            if not chair.playing and chair.seat in self._observations:
                chair.playing = True
                self._show(chair, step, self._observations[chair.seat], first=True)
        waited = [chair for chair in chairs if chair.playing and chair.seat in self._observations]
        self._board.wait_for(waited, step, self._step_timeout_s, self._idle)
        acted = {chair.seat: chair.action for chair in waited if chair.acted_step == step}
        actions = {seat: acted[seat] if seat in acted else self._neutral(seat) for seat in self._observations}
        try:
            outcomes = self._world.step(actions)
        except BaseException as error:
            raise fault_of(error, EnvFault) from error
        counters = self._journal.counters
        counters.step = step + 1
        rewards = [float(outcome.reward) for outcome in outcomes.values()]
        reward = sum(rewards) / len(rewards) if rewards else 0.0
        self._journal.rewards.add(reward)
        self._episode_return += reward
        for chair in waited:
            outcome = outcomes.get(chair.seat)
            if outcome is None:  # the environment let it play no more without a last word
                self._show(chair, step + 1, self._observations[chair.seat], truncated=True)
                continue
            self._show(
                chair,
                step + 1,
                outcome.observation,
                reward=float(outcome.reward),
                terminated=bool(outcome.terminated),
                truncated=bool(outcome.truncated),
            )
        ended = {seat for seat, outcome in outcomes.items() if outcome.terminated or outcome.truncated}
        self._observations = {seat: outcome.observation for seat, outcome in outcomes.items() if seat not in ended}
        self._note(actions, reward)
        if not self._observations:
            self._journal.episode(self._episode_return, counters.step - self._began_at)
            self.begin()

    def _show(
        self,
        chair: Chair,
        step: int,
        observation: Any,
        *,
        reward: float = 0.0,
        terminated: bool = False,
        truncated: bool = False,
        first: bool = False,
    ) -> None:
        header = {
            "step": step,
            "reward": reward,
            "terminated": terminated,
            "truncated": truncated,
            "first": first,
        }
        self._board.show(chair, header, observation)

    def _neutral(self, seat: str) -> Any:
        known = self._actions.get(seat)
        if known is None:
            known = self._actions[seat] = self._world.action_of(seat)
        return neutral_action(*known)

    def _note(self, actions: Mapping[str, Any] | None, reward: float | None) -> None:
        """Leaves what was seen and done for those who watch, as `inputs` and `action` too where there is one seat."""
        moment = self._journal.moment
        seats = self._world.seats
        moment.agents = {
            seat: {
                "inputs": inputs_of(seen, self._world.observation_of(seat)[1]),
                "action": None if actions is None else actions.get(seat),
            }
            for seat, seen in self._observations.items()
        }
        if len(seats) == 1 and seats[0] in moment.agents:
            moment.inputs = moment.agents[seats[0]]["inputs"]
            moment.action = moment.agents[seats[0]]["action"]
        moment.reward = reward
        moment.step = self._journal.counters.step
        moment.version += 1
