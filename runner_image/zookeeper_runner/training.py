"""Training: what was lived through, kept until the agent learns from it, and again while it only learns."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np
from ainimal_zookeeper.ainimal import losses
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.models.agent import TrainOn
from ainimal_zookeeper.timestep import Timestep, Trajectory

from .fault import fault_of

LONGEST = 2048
KEPT_TIMESTEPS = 16_384
KEPT_BYTES = 256 * 2**20
_FIELDS = (
    "observation", "outputs", "action", "reward", "terminated", "truncated", "final_inputs", "overridden", "driver",
    "info",
)  # fmt: skip


class Trainer:
    """Gathers timesteps of one actor and decides when `train` is called.

    every: timesteps between two calls; "episode": at the end of each episode, at the latest every 2048 timesteps.
    on: what is learnt from when somebody drove: what was executed, what the agent proposed (`proposed` makes an action
    of its outputs), or nothing ("skip"): then the trajectory ends where somebody took the wheel.
    Past trajectories are kept, 16,384 timesteps or about 256 MiB in all, for learning without acting.
    """

    def __init__(
        self,
        train: Callable[[Trajectory], Any],
        every: int | Literal["episode"],
        *,
        on: TrainOn = "executed",
        proposed: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> None:
        self._train = train
        self._every = every
        self._on = on
        self._proposed = proposed
        self._current: list[Timestep] = []
        self._past: deque[tuple[Trajectory, int]] = deque()
        self._past_timesteps = 0
        self._past_bytes = 0
        self._turn = 0

    @property
    def has_past(self) -> bool:
        return bool(self._past)

    def add(self, timestep: Timestep, inputs: Mapping[str, Any]) -> dict[str, float] | None:
        """Takes a timestep and the inputs that followed it; returns what `learn` does when it was time to learn."""
        if not self._learns_from(timestep):
            return self.learn() if self._current and self._every == "episode" else None
        current = self._current
        current.append(timestep)
        ended = timestep.terminated or timestep.truncated
        if ended:
            timestep.final_inputs = kept(inputs)
        by_episode = self._every == "episode"
        if not ((ended or len(current) >= LONGEST) if by_episode else len(current) >= int(self._every)):
            return None
        if not ended:
            timestep.final_inputs = kept(inputs)
        return self.learn()

    def add_batch(self, timestep: Timestep, inputs: Mapping[str, Any]) -> dict[str, float] | None:
        """As `add`, for a timestep that holds a batch: only the number of timesteps decides."""
        if not self._learns_from(timestep):
            return None
        self._current.append(timestep)
        due = self._every != "episode" and len(self._current) >= self._every
        if due or np.any(timestep.last):
            timestep.final_inputs = kept(inputs)
        return self.learn() if due else None

    def _learns_from(self, timestep: Timestep) -> bool:
        """Makes of a timestep in which somebody drove what `on` says; False: nothing, and the trajectory ends."""
        if timestep.driver is None or self._on == "executed":
            return True
        if self._on == "proposed" and self._proposed is not None and timestep.outputs is not None:
            timestep.action = self._proposed(timestep.outputs)
            return True
        if self._current and self._current[-1].final_inputs is None:
            self._current[-1].final_inputs = timestep.observation
        return False

    def snapshot(self) -> dict[str, Any]:
        """Returns what `put_back` takes; the timesteps themselves are looked at later, in any thread."""
        from .state.taking import Later

        current = list(self._current)
        if current:
            current[-1] = copy.copy(current[-1])  # what followed it may still be added to it
        past = [trajectory for trajectory, _ in self._past]
        return {
            "turn": self._turn,
            "current": Later(lambda: _rows(current)),
            "lengths": [len(trajectory) for trajectory in past],
            "past": Later(lambda: [row for trajectory in past for row in _rows(trajectory)]),
        }

    def put_back(self, kept: Mapping[str, Any], *, goes_on: bool) -> None:
        """Becomes what `snapshot` returned. goes_on: whether what comes next follows from the current trajectory."""
        self._current = _timesteps(kept["current"]) if goes_on else []
        self._past.clear()
        self._past_timesteps = self._past_bytes = 0
        timesteps, at = _timesteps(kept["past"]), 0
        for length in kept["lengths"]:
            self._keep(Trajectory(timesteps[at : at + length]))
            at += length
        self._turn = kept["turn"]

    def cut(self) -> None:
        """Ends the trajectory without learning from it: what comes next does not follow from what was."""
        self._current = []

    def learn(self) -> dict[str, float]:
        """Calls train with what has been gathered and returns its metrics by name, "loss" among them if it says one.

        Raises: AInimalFault when it raises.
        """
        trajectory = Trajectory(self._current)
        self._current = []
        self._keep(trajectory)
        return self._call(trajectory)

    def relearn(self) -> dict[str, float]:
        """Calls train with the next of the kept trajectories, in turn."""
        self._turn = (self._turn + 1) % len(self._past)
        return self._call(self._past[self._turn][0])

    def _call(self, trajectory: Trajectory) -> dict[str, float]:
        try:
            returned = self._train(trajectory)
        except BaseException as error:
            raise fault_of(error, AInimalFault) from error
        try:
            return losses(returned)
        except (TypeError, ValueError):
            raise AInimalFault(
                f"train returned a {type(returned).__name__}, {returned!r:.80}; "
                "it must return None, a number, an array of numbers, or a dict of those"
            ) from None

    def _keep(self, trajectory: Trajectory) -> None:
        size = len(trajectory) * _bytes(trajectory[0].observation)
        self._past.append((trajectory, size))
        self._past_timesteps += len(trajectory)
        self._past_bytes += size
        while len(self._past) > 1 and (self._past_timesteps > KEPT_TIMESTEPS or self._past_bytes > KEPT_BYTES):
            oldest, size = self._past.popleft()
            self._past_timesteps -= len(oldest)
            self._past_bytes -= size


def _rows(timesteps: Iterable[Timestep]) -> list[tuple[Any, ...]]:
    return [tuple(getattr(timestep, field) for field in _FIELDS) for timestep in timesteps]


def _timesteps(rows: Iterable[tuple[Any, ...]]) -> list[Timestep]:
    return [Timestep(**dict(zip(_FIELDS, row, strict=True))) for row in rows]


def kept(tree: Any) -> Any:
    """Returns values with copies of their arrays, as environments and models may write into theirs again.

    What is no array, mapping or list stays as it is: tensors may belong to a graph that training needs.
    """
    if isinstance(tree, np.ndarray):
        return tree.copy()
    if type(tree) is dict:
        return {name: kept(part) for name, part in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(map(kept, tree))
    return tree


def _bytes(tree: Any) -> int:
    """Returns about how much memory the arrays of a tree hold."""
    if isinstance(tree, Mapping):
        return sum(map(_bytes, tree.values()))
    if isinstance(tree, (list, tuple)):
        return sum(map(_bytes, tree))
    return int(getattr(tree, "nbytes", 64))
