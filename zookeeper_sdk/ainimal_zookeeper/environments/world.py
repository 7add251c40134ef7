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


class WorldLoader(Protocol):
    def __call__(
        self,
        spec: Mapping[str, Any],
        parameters: Mapping[str, Any],
        *,
        seed: int | None,
        stage: Callable[[str], None],
    ) -> World:
        """Raises: EnvFault with file, line and traceback when the author's code fails; InvalidInput for parameters."""
        ...
