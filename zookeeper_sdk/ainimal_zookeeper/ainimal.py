"""AInimal: what an author subclasses."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ainimal_zookeeper.env import Env as _Env
from ainimal_zookeeper.tapping import T, tap

if TYPE_CHECKING:
    from ainimal_zookeeper.modality import Modality
    from ainimal_zookeeper.timestep import Trajectory


class AInimal(ABC):
    """A model or an agent. Only `forward` must be written; what else is written, the zoo finds and uses.

    A constructor takes parameters by name (those of AINIMAL_PARAMETERS, or with defaults), and `save_path` when it
    asks for it: a directory that holds what `save` wrote, or is empty at the first launch.
    What is carried from one `forward` to the next may be kept in an attribute `recurrent_state`; then each
    conversation has its own.
    """

    AINIMAL_PARAMETERS: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """What users choose at launch, as literals: the zoo reads them without running the file."""

    TRAIN_ON: ClassVar[Literal["executed", "proposed", "skip"]] = "executed"
    """What `train` sees when somebody else drove: the executed action, the proposed one, or nothing at all."""

    TRAIN_EVERY: ClassVar[int | Literal["episode"]] = "episode"
    """Timesteps between two calls of `train`; "episode": at the end of each."""

    VECTORIZED: ClassVar[bool] = False
    """Whether `forward` takes batches, [num_envs, ...]."""

    Agent: ClassVar[type[AInimal]]
    Env = _Env

    @abstractmethod
    def forward(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Returns outputs by modality name. May be `async`, or a generator whose last value counts."""

    def train(self, traj: Trajectory) -> Any:
        """Learns from timesteps; returns a loss, losses as an array, or a mapping of them by name."""
        raise NotImplementedError

    def save(self, path: str) -> None:
        """Writes all that `load` needs into the existing directory `path`.

        Who does not write it is saved all the same: the zoo copies the attributes (docs/checkpoints.md).
        """
        raise NotImplementedError

    def load(self, path: str) -> None:
        """Becomes what `save` wrote into `path`."""
        raise NotImplementedError

    @property
    def input_modalities(self) -> Mapping[str, Modality] | None:
        """What `forward` takes, by name; None: what the environment shows. Spaces and specs will do."""
        return None

    @property
    def output_modalities(self) -> Mapping[str, Modality] | None:
        """What `forward` returns, by name; None: what the environment takes. Spaces and specs will do."""
        return None

    @property
    def state(self) -> Mapping[str, Any]:
        """Anything to inspect and record, by name: numbers, arrays, text, mappings of them."""
        raise NotImplementedError

    def set_state(self, name: str, value: Any) -> None:
        """Changes what `state[name]` shows."""
        raise NotImplementedError

    def reset(self, mask: Any = None) -> None:
        """An episode begins. `mask`: bool[num_envs], which of them; None: the only one, or all."""
        raise NotImplementedError

    def handover(self, driver: str, last_action: Any) -> None:
        """Somebody takes the wheel ("model" when it comes back) after `last_action`: drop plans made before."""
        raise NotImplementedError

    def on_mode(self, training: bool, inference: bool) -> None:
        """The mode changed."""
        raise NotImplementedError

    def log(self, metrics: Mapping[str, Any]) -> None:
        """Shows numbers as `metrics.<name>`; the newest of each name counts."""
        pending = self.__dict__.setdefault("_logged_metrics", {})
        for name, value in metrics.items():
            pending[name] = float(value)

    def tap(self, name: str, value: T) -> T:
        """Returns `value`, or what an override makes of it, and shows it as `activations.<name>`; within forward."""
        return tap(name, value)

    def _take_metrics(self) -> dict[str, float]:
        """Returns what was logged since the last call."""
        logged: dict[str, float] = self.__dict__.pop("_logged_metrics", {})
        return logged


AInimal.Agent = AInimal  # type: ignore[type-abstract]  # the name, not an instance


def losses(returned: Any) -> dict[str, float]:
    """Returns what `train` returned as numbers by name: {"loss": mean} for a number or an array, none for None.

    Raises: TypeError for what is neither a number, an array nor a mapping of them.
    """
    if returned is None:
        return {}
    if isinstance(returned, Mapping):
        return {str(name): _mean(value) for name, value in returned.items()}
    return {"loss": _mean(returned)}


def _mean(value: Any) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    if hasattr(value, "detach"):  # a torch tensor that needs gradients or lies on a device
        value = value.detach().cpu()
    if hasattr(value, "mean") and getattr(value, "shape", ()) != ():
        return float(value.mean()) if math.prod(value.shape) else math.nan
    if isinstance(value, Sequence) and not isinstance(value, str):
        return sum(map(_mean, value)) / len(value) if value else math.nan
    return float(value)
