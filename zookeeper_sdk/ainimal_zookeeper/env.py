"""Env: what an author of an environment subclasses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ainimal_zookeeper.modality import Modality


class Env(ABC):
    """A world. `reset`, `step` and the two modalities must be written.

    One seat: observations and actions are bare values, or dicts by modality name when there are several modalities.
    Several seats: `reset` returns {seat: observation}; `step` takes {seat: action} and returns {seat: the 5-tuple}.
    Seats are "0", "1", ... up to `seats`.
    `get_state()`, which returns all that changes (numbers, arrays, lists and dicts of them), and `set_state(state)`,
    which becomes that, let a checkpoint go on in the middle of an episode; without them it begins a new one there.
    Sources of chance that are attributes (`np.random.Generator`, `random.Random`) are kept without them.
    """

    AINIMAL_PARAMETERS: ClassVar[tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]]] = ()
    """What users choose at launch, as literals; they reach the constructor by name."""

    frame_rate: ClassVar[float | None] = None
    """Steps per second at which the world looks real."""

    seats: int = 1

    @property
    @abstractmethod
    def observation_modalities(self) -> Mapping[str, Modality]:
        """What an agent sees, by name: a model's inputs. Spaces and specs will do."""

    @property
    @abstractmethod
    def action_modalities(self) -> Mapping[str, Modality]:
        """What an agent does, by name: a model's outputs. Spaces and specs will do."""

    @abstractmethod
    def reset(self, seed: int | None = None) -> Any:
        """Starts an episode; returns its first observation."""

    @abstractmethod
    def step(self, action: Any) -> tuple[Any, float, bool, bool, Mapping[str, Any]] | Mapping[str, Any]:
        """Returns (observation, reward, terminated, truncated, info), or that by seat."""

    def render(self) -> Any:
        """Returns a picture, uint8[H, W, 3], or None when there is none."""
        return None

    def close(self) -> None:  # noqa: B027 - nothing to free is the rule
        """Frees what the world holds. Idempotent."""
