"""World: any environment as the runner sees it, whatever it was written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from ainimal_zookeeper.modality import Modality


class Outcome(NamedTuple):
    """What a step gave. Scalars for one environment, arrays of shape [num_envs] for a vector of them."""

    observation: Any  # as the environment emits it
    reward: Any
    terminated: Any
    truncated: Any
    info: Mapping[str, Any]


class World(Protocol):
    """One running environment (or a vector of `num_envs`), of one seat.

    Observations and actions pass as the environment's own values: `observation_key` names the single input they
    become, None when they are dicts by input name already; `action_key` likewise for what `step` takes.
    Modalities are those of one environment, also for vectors. A vector starts ended episodes anew within the same
    step: the observation is the next episode's first, and `info["final_obs"][i]` is the last of the ended one where
    `info["_final_obs"][i]`.
    A world that runs in this process also has `inner()`, the author's environment objects, and `wrapped()` where others
    wrap them: `memory` looks there for what a checkpoint keeps of it.
    """

    observation: Mapping[str, Modality]
    action: Mapping[str, Modality]
    observation_key: str | None
    action_key: str | None
    num_envs: int  # 1 for a plain one
    vectorized: bool
    frame_rate: float | None  # frames per second that the environment names as its real speed

    def reset(self, seed: int | None = None) -> Any:
        """Starts an episode and returns its first observation. Raises: EnvFault."""
        ...

    step: Callable[[Any], Outcome]  # bound once, as it is on the step path; raises what the environment raises

    def render(self) -> Any:
        """Returns a picture, uint8[H, W, 3], or None when there is none."""
        ...

    def close(self) -> None:
        """Idempotent."""
        ...


Seat = str  # "0", "1", ... or the environment's own names for its agents


class SeatOutcome(NamedTuple):
    """What a step gave to one seat."""

    observation: Any
    reward: float
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]


class SeatedWorld(Protocol):
    """One running environment that several agents share, one seat each, all stepping at once.

    Observations and actions are the environment's own values, as in `World`; all seats have the same modalities
    unless `observation_of(seat)` says otherwise.
    """

    seats: tuple[Seat, ...]  # all that can be taken, in order
    frame_rate: float | None

    def observation_of(self, seat: Seat) -> tuple[Mapping[str, Modality], str | None]:
        """Returns the modalities of what `seat` sees, and `observation_key`."""
        ...

    def action_of(self, seat: Seat) -> tuple[Mapping[str, Modality], str | None]:
        """Returns the modalities of what `seat` does, and `action_key`."""
        ...

    def reset(self, seed: int | None = None) -> Mapping[Seat, Any]:
        """Starts an episode; returns the first observation of each seat that plays. Raises: EnvFault."""
        ...

    def step(self, actions: Mapping[Seat, Any]) -> Mapping[Seat, SeatOutcome]:
        """Steps all. `actions` names every seat that plays. A seat that is absent afterwards plays no more.

        The episode is over when every outcome is terminated or truncated; then `reset` starts the next.
        """
        ...

    def render(self) -> Any:
        """Returns a picture, uint8[H, W, 3], or None when there is none."""
        ...

    def close(self) -> None:
        """Idempotent."""
        ...
