"""What an AInimal learns from: timesteps, and trajectories of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload


class Timestep:
    """One interaction: what was seen, what was answered, what was done, and what came of it.

    observation: inputs by modality name, as the environment emitted them.
    outputs: what `forward` returned (proposed), by modality name; None when nothing was inferred.
    action: what the environment received, in the environment's own form (a bare action, or a dict by name).
    reward, terminated, truncated: of that action; arrays of shape [num_envs] for vectorised worlds.
    final_inputs: inputs that followed, by name, on the last timestep of an episode and of a trajectory;
        None elsewhere, where the next timestep holds them.
    overridden: whether a rule or a driver changed anything on the way. driver: who drove, None when nobody did.
    info: what the environment added.
    """

    __slots__ = (
        "action",
        "driver",
        "final_inputs",
        "info",
        "observation",
        "outputs",
        "overridden",
        "reward",
        "terminated",
        "truncated",
    )

    def __init__(
        self,
        observation: Mapping[str, Any],
        outputs: Mapping[str, Any] | None,
        action: Any,
        reward: Any,
        terminated: Any,
        truncated: Any,
        final_inputs: Mapping[str, Any] | None = None,
        overridden: bool = False,
        driver: str | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.observation = observation
        self.outputs = outputs
        self.action = action
        self.reward = reward
        self.terminated = terminated
        self.truncated = truncated
        self.final_inputs = final_inputs
        self.overridden = overridden
        self.driver = driver
        self.info = info

    @property
    def last(self) -> Any:
        """Whether the episode ended here; an array for vectorised worlds."""
        if isinstance(self.terminated, (bool, int)):
            return bool(self.terminated or self.truncated)
        return self.terminated | self.truncated

    @property
    def discount(self) -> Any:
        """0.0 where the environment terminated, else 1.0: a truncated episode would have gone on."""
        if isinstance(self.terminated, (bool, int)):
            return 0.0 if self.terminated else 1.0
        return 1.0 - self.terminated

    def __repr__(self) -> str:
        return (
            f"Timestep(action={self.action!r}, reward={self.reward!r}, terminated={self.terminated!r}, "
            f"truncated={self.truncated!r}, driver={self.driver!r})"
        )


@dataclass(frozen=True, slots=True)
class Stacked:
    """A trajectory of T timesteps as arrays; each has T as its first axis.

    observations, next_observations, outputs: by modality name; next_observations is None when the trajectory does
    not tell what followed its last timestep, outputs when nothing was inferred in some of them.
    actions: an array, or arrays by name. rewards: float64. terminated, truncated, overridden: bool.
    """

    observations: dict[str, Any]
    actions: Any
    rewards: Any
    terminated: Any
    truncated: Any
    next_observations: dict[str, Any] | None
    outputs: dict[str, Any] | None
    overridden: Any


class Trajectory(Sequence[Timestep]):
    """Timesteps in the order of their happening. Within one, an episode may end and the next begin."""

    __slots__ = ("_timesteps",)

    def __init__(self, timesteps: Iterable[Timestep] = ()) -> None:
        self._timesteps = list(timesteps)

    def __len__(self) -> int:
        return len(self._timesteps)

    @overload
    def __getitem__(self, index: int) -> Timestep: ...

    @overload
    def __getitem__(self, index: slice) -> Trajectory: ...

    def __getitem__(self, index: int | slice) -> Timestep | Trajectory:
        if isinstance(index, slice):
            return Trajectory(self._timesteps[index])
        return self._timesteps[index]

    def __repr__(self) -> str:
        return f"Trajectory of {len(self)} timesteps"

    def following(self, index: int) -> Mapping[str, Any] | None:
        """Returns the inputs that followed timestep `index`, None when the trajectory does not tell."""
        timestep = self._timesteps[index]
        if timestep.final_inputs is not None:
            return timestep.final_inputs
        after = index + 1 if index >= 0 else len(self) + index + 1
        return self._timesteps[after].observation if after < len(self) else None

    def stack(self) -> Stacked:
        """Returns the trajectory as arrays. What cannot be stacked (text, trees, ragged) is an array of objects.

        Raises: ValueError for an empty trajectory, which has no shapes.
        """
        import numpy as np

        steps = self._timesteps
        if not steps:
            raise ValueError("an empty trajectory cannot be stacked: there is no timestep to take shapes from")
        following = [self.following(index) for index in range(len(steps))]
        outputs = [step.outputs for step in steps]
        return Stacked(
            observations=_stack([step.observation for step in steps]),
            actions=_stack([step.action for step in steps]),
            rewards=np.asarray([step.reward for step in steps], np.float64),
            terminated=np.asarray([step.terminated for step in steps], np.bool_),
            truncated=np.asarray([step.truncated for step in steps], np.bool_),
            next_observations=None if None in following else _stack(following),
            outputs=None if None in outputs else _stack(outputs),
            overridden=np.asarray([step.overridden for step in steps], np.bool_),
        )


def _stack(values: Sequence[Any]) -> Any:
    import numpy as np

    first = values[0]
    if isinstance(first, Mapping):
        return {name: _stack([value[name] for value in values]) for name in first}
    if first is not None and not isinstance(first, (str, bytes)):
        try:
            stacked = np.asarray(values)
        except ValueError:  # ragged
            stacked = np.empty(0, object)
        if stacked.dtype.kind in "biufc":
            return stacked
    objects = np.empty(len(values), object)
    for index, value in enumerate(values):
        objects[index] = value
    return objects
