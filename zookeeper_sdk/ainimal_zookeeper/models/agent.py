"""Agent: any model as the runner sees it, whatever it was written in.

A loader in this package makes one from a `ModelSpec`. The runner calls `forward` on its step path, so an adapter binds
it once to the cheapest callable that keeps the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.models.inside import Inside
from ainimal_zookeeper.timestep import Trajectory

TrainOn = Literal["executed", "proposed", "skip"]
Certainty = Literal["declared", "configured", "inferred", "measured", "guessed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a model, and how: `subject` "forward", "inputs", "train", ...; `text` is a sentence."""

    subject: str
    text: str
    certainty: Certainty


@dataclass(slots=True)
class Capabilities:
    """What an agent can do besides `forward`; None where it cannot."""

    train: Callable[[Trajectory], Any] | None = None
    save: Callable[[str], None] | None = None
    load: Callable[[str], None] | None = None
    reset: Callable[[Any], None] | None = None  # reset(mask): mask is None, or bool[num_envs] for VECTORIZED agents
    handover: Callable[[str, Any], None] | None = None
    on_mode: Callable[[bool, bool], None] | None = None  # on_mode(training, inference)
    state: Callable[[], Mapping[str, Any]] | None = None
    set_state: Callable[[str, Any], None] | None = None
    metrics: Callable[[], Mapping[str, float]] | None = None  # what `log` was given since the last call
    get_recurrent: Callable[[], Any] | None = None  # state carried between forwards, for conversations
    set_recurrent: Callable[[Any], None] | None = None


@dataclass(slots=True)
class Agent:
    """A loaded model.

    inputs, outputs: by name, in the model's order; empty while unknown (before `settle`).
    forward: inputs -> outputs, both dicts by modality name; may be a coroutine function or a generator function
        (`forward_kind`), where the runner drives it.
    train_every: "episode", or the number of timesteps between two calls of train.
    """

    forward: Callable[[dict[str, Any]], Any]
    forward_kind: Literal["plain", "async", "generator"] = "plain"
    inputs: dict[str, Modality] = field(default_factory=dict)
    outputs: dict[str, Modality] = field(default_factory=dict)
    can: Capabilities = field(default_factory=Capabilities)
    train_on: TrainOn = "executed"
    train_every: int | Literal["episode"] = "episode"
    vectorized: bool = False
    takes_save_path: bool = False  # whether it was made with the save_path of its specification, and so loads itself
    findings: Sequence[Finding] = ()
    subject: Any = None  # the author's object: taps look into it
    inside: Inside | None = None  # what taps look into where that is no Python object
    made: Mapping[str, str] | None = None  # classes of its attributes after the constructor; None while nobody looked


class Loader(Protocol):
    """Makes an agent from a specification; `stage` is told what is going on ("importing torch")."""

    def __call__(
        self,
        spec: Mapping[str, Any],
        parameters: Mapping[str, Any],
        *,
        observation: Mapping[str, Modality] | None,
        action: Mapping[str, Modality] | None,
        stage: Callable[[str], None],
    ) -> Agent:
        """`observation` and `action` are the world's, None without one: they fill what the model does not declare.

        Raises: AInimalFault with file, line and traceback when the author's code fails; InvalidInput for parameters.
        """
        ...
