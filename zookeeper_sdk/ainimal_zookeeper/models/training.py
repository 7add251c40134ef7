"""How to hand timesteps to what an author wrote to learn from them: a trajectory, or one transition at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.models.agent import Certainty, Finding
from ainimal_zookeeper.models.forwarding import annotation_of
from ainimal_zookeeper.timestep import Timestep, Trajectory

TRAIN_NAMES = ("train", "learn", "update", "fit")
Seen = Callable[[Mapping[str, Any]], Any]

_ROLES = {
    "observation": "observation obs state s",
    "action": "action act a",
    "reward": "reward rew r",
    "next": "next_observation next_obs next_state obs_next new_obs new_state next_s s_next s2 s_",
    "done": "done d terminal is_done",
    "terminated": "terminated",
    "truncated": "truncated",
    "outputs": "outputs",
    "info": "info infos",
    "step": "timestep transition step experience",
}
_ROLE_OF = {name: role for role, names in _ROLES.items() for name in names.split()}
_LABELS = frozenset({"y", "labels", "label", "targets", "target", "y_true", "Y"})


@dataclass(frozen=True, slots=True)
class Training:
    """`train` takes a trajectory; None when the model cannot learn here. `per_transition`: it learns step by step."""

    train: Callable[[Trajectory], Any] | None
    per_transition: bool
    findings: tuple[Finding, ...]


def find_training(subject: Any, configured: str | None, seen: Seen) -> Training:
    """Finds how a plain class learns. `seen` gives an observation the form that the class acts on.

    Raises: AInimalFault when the configured method is missing or needs what there is not.
    """
    label = type(subject).__name__
    name = configured or next((each for each in TRAIN_NAMES if is_own(subject, each)), None)
    if name is None:
        names = ", ".join(TRAIN_NAMES)
        return Training(None, False, (Finding("train", f"{label} has none of {names}: it does not learn", "inferred"),))
    method = getattr(subject, name, None)
    if not callable(method):
        raise AInimalFault(f"train_func names {name}, which {label} does not have")
    certain: Literal["configured", "inferred"] = "configured" if configured else "inferred"
    return _by_signature(method, f"{label}.{name}", certain, seen)


def renamed(
    train: Callable[[Trajectory], Any], inputs: Mapping[str, str], outputs: Mapping[str, str]
) -> Callable[[Trajectory], Any]:
    """Returns `train` for an author who calls channels otherwise; mappings from the world's names to the author's."""
    if not inputs and not outputs:
        return train

    def in_own_words(values: Mapping[str, Any] | None, names: Mapping[str, str]) -> dict[str, Any] | None:
        return None if values is None else {names.get(name, name): value for name, value in values.items()}

    def train_renamed(trajectory: Trajectory) -> Any:
        return train(
            Trajectory(
                Timestep(
                    in_own_words(step.observation, inputs) or {},
                    in_own_words(step.outputs, outputs),
                    step.action,
                    step.reward,
                    step.terminated,
                    step.truncated,
                    in_own_words(step.final_inputs, inputs),
                    step.overridden,
                    step.driver,
                    step.info,
                )
                for step in trajectory
            )
        )

    return train_renamed


def _by_signature(
    method: Callable[..., Any], label: str, certain: Literal["configured", "inferred"], seen: Seen
) -> Training:
    try:
        arguments = list(inspect.signature(method).parameters.values())
    except (ValueError, TypeError):
        arguments = []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [each for each in arguments if each.default is each.empty and each.kind not in variable]
    names = [each.name for each in required]
    if not arguments:
        told = Finding("train", f"{label} is called without arguments after each trajectory", "guessed")
        return Training(lambda _trajectory: method(), False, (told,))
    if len(required) <= 1:
        first = required[0] if required else arguments[0]
        if annotation_of(first) == "Timestep" or (first.name in _ROLE_OF and _ROLE_OF[first.name] == "step"):
            told = Finding("train", f"{label} learns from one timestep at a time", certain)
            return Training(lambda trajectory: _each(method, trajectory), True, (told,))
        how: Certainty = certain if certain == "configured" or annotation_of(first) else "guessed"
        told = Finding("train", f"{label} learns from a trajectory; observations in it are dicts by input name", how)
        return Training(method, False, (told,))
    unknown = [name for name in names if name not in _ROLE_OF]
    if unknown:
        why = (
            "labels, which no world gives" if _LABELS & set(names) else f"{', '.join(unknown)}, which mean nothing here"
        )
        text = f"{label} needs {why}; known are: {', '.join(_ROLE_OF)}; or take one trajectory"
        if certain == "configured":
            raise AInimalFault(text)
        return Training(None, False, (Finding("train", f"it does not learn: {text}", "inferred"),))
    told = Finding(
        "train",
        f"{label} learns from one transition at a time ({', '.join(names)})"
        + ("; done is terminated or truncated" if any(_ROLE_OF[name] == "done" for name in names) else ""),
        certain,
    )
    return Training(_per_transition(method, required, seen), True, (told,))


def _per_transition(
    method: Callable[..., Any], arguments: list[inspect.Parameter], seen: Seen
) -> Callable[[Trajectory], Any]:
    roles = [(each.name, _ROLE_OF[each.name], each.kind is each.KEYWORD_ONLY) for each in arguments]
    wants_next = any(role == "next" for _, role, _ in roles)

    def train(trajectory: Trajectory) -> Any:
        losses = []
        for index, step in enumerate(trajectory):
            following = trajectory.following(index) if wants_next else None
            if wants_next and following is None:
                continue  # cut off here: what came next is not known, and a made-up transition would teach nonsense
            values = {
                "observation": seen(step.observation),
                "action": step.action,
                "reward": step.reward,
                "next": None if following is None else seen(following),
                "done": step.last,
                "terminated": step.terminated,
                "truncated": step.truncated,
                "outputs": step.outputs,
                "info": step.info,
            }
            positional = [values[role] for _, role, keyword_only in roles if not keyword_only]
            keywords = {name: values[role] for name, role, keyword_only in roles if keyword_only}
            losses.append(method(*positional, **keywords))
        return _together(losses)

    return train


def _each(method: Callable[[Timestep], Any], trajectory: Trajectory) -> Any:
    return _together([method(step) for step in trajectory])


def _together(losses: list[Any]) -> Any:
    """Returns the last loss for one transition, all of them for several; mappings are told by the last."""
    told = [loss for loss in losses if loss is not None]
    if not told:
        return None
    return told[-1] if len(told) == 1 or isinstance(told[-1], Mapping) else told


def is_own(subject: Any, name: str) -> bool:
    """Tells whether the author wrote the method: torch's `Module.train` switches a mode and teaches nothing."""
    method = getattr(subject, name, None)
    return callable(method) and not str(getattr(method, "__module__", "")).startswith(
        ("torch.", "keras.", "tensorflow.")
    )
