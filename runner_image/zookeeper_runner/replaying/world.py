"""RecordedWorld: what an instance saw, in the place of the environment that it saw it in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
from ainimal_zookeeper.domain import paths
from ainimal_zookeeper.domain.documents import SignalDoc
from ainimal_zookeeper.domain.recordings import TERMINATED, TRUNCATED
from ainimal_zookeeper.environments.world import Outcome
from ainimal_zookeeper.modality import Modality, ModalityKind

from .tape import Tape

NAME = "the recording"
Modalities = dict[str, Modality]


class RecordedWorld:
    """A `World` that goes on with what was recorded, whatever is done in it.

    Where what an episode ended in was not recorded, the last input comes once more, as what follows the step.
    """

    num_envs = 1
    vectorized = False
    frame_rate: float | None = None

    def __init__(self, tape: Tape, observation: Mapping[str, Modality], action: Mapping[str, Modality]) -> None:
        self.observation = observation
        self.action = action
        self.observation_key: str | None = None
        self.action_key: str | None = next(iter(action)) if len(action) == 1 else None
        self.spec = SimpleNamespace(id=NAME)
        self.step: Callable[[Any], Outcome] = self._go_on
        self._tape = tape
        self._at = 0

    def inner(self) -> list[Any]:
        """Returns itself: a checkpoint of it holds where it is."""
        return [self]

    def get_state(self) -> int:
        return self._at

    def set_state(self, step: int) -> None:
        """Goes to where `step` is the next one."""
        self._at = step

    def seen(self, step: int, group: str = "inputs") -> dict[str, Any]:
        """Returns the inputs of a step; of the group `paths.FINAL` what was seen after it."""
        found = {}
        for name, modality in self.observation.items():
            path = paths.join(group, name)
            value = self._tape.value(path, step) if path in self._tape.channels else None
            if value is not None:
                found[name] = as_it_was(value, modality)
        return found

    def reset(self, seed: int | None = None) -> dict[str, Any]:  # noqa: ARG002 - what was recorded has no chance
        return self.seen(self._at)

    def _go_on(self, _action: Any) -> Outcome:
        tape, step = self._tape, self._at
        reward = tape.value(paths.REWARD, step) if paths.REWARD in tape.channels else None
        flags = tape.flags(step)
        ended = tape.ended(step)
        self._at = min(step + 1, tape.last)
        return Outcome(
            {**self.seen(step), **self.seen(step, paths.FINAL)} if ended else self.seen(self._at),
            0.0 if reward is None else float(reward),
            bool(flags & TERMINATED),
            bool(flags & TRUNCATED),
            {},
        )

    def render(self) -> None:
        """There is nothing to see."""

    def close(self) -> None:
        """There is nothing to close."""


def modalities_of(signals: Iterable[SignalDoc]) -> tuple[Modalities, Modalities]:
    """Returns observation and action of the world that signals of a manifest tell of."""
    observation: Modalities = {}
    action: Modalities = {}
    for signal in signals:
        group, _, name = signal["path"].partition(".")
        modality = Modality.from_document(signal["modality"])
        if group == "inputs":
            observation[name] = modality
        elif group == paths.ACTION:
            action[name or modality.name] = modality
    return observation, action


def as_it_was(value: Any, modality: Modality) -> Any:
    """Returns a recorded value as an environment gives it, or takes it."""
    if isinstance(value, np.ndarray):
        return value.copy()
    return int(value) if modality.kind is ModalityKind.DISCRETE else value
