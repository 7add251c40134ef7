"""Arrows: what stands at the arrows of the step, and may look at a value there or put another in its place.

    observation -> inputs -> [rules] -> forward -> outputs -> [rules] -> action -> [rules, driver, clamps] -> env.step

Whoever begins or ceases to be active rings the bell: the bodies ask once for each time that it has rung.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

_NOTHING: frozenset[str] = frozenset()


class StepSink(Protocol):
    """Who takes every step: a recorder. All methods are called in the step thread."""

    @property
    def active(self) -> bool: ...

    def took(
        self,
        inputs: Any,
        outputs: Any,
        action: Any,
        reward: Any,
        terminated: Any,
        truncated: Any,
        final: Mapping[str, Any] | None = None,
        /,
    ) -> None:
        """A step was made. Copy what is kept: arrays may be written into again when this returns.

        inputs: as the environment emitted them. outputs: what forward returned, None when nothing was inferred.
        action: what the environment received, None where there is none. final: what was observed after the last step
        of an episode, as `inputs`; None while it goes on. `driver` and `overridden` of the arrows are of this step, and
        so is the step counter.
        """
        ...

    def began(self) -> None:
        """An episode begins with the next step."""
        ...


class Driving(Protocol):
    """Who may drive instead of the model. All methods are called in the step thread."""

    @property
    def active(self) -> bool: ...

    def drive(self, action: Any, step: int, /) -> tuple[Any, str | None]:
        """Returns the action to execute as step `step`, and the user who drives; None: the model does.

        action: what the model and the rules make of it. It is not changed in place.
        """
        ...


class Ruling(Protocol):
    """The rules that stand. All methods are called in the step thread, and change no value in place."""

    changed: set[str]  # paths of what was changed in this step

    @property
    def active(self) -> bool: ...

    def begin(self, step: int, /) -> None:
        """The step `step` begins: what has expired is gone, weights and state are as ruled."""
        ...

    def inputs(self, inputs: Mapping[str, Any], /) -> Mapping[str, Any]: ...

    def outputs(self, outputs: Mapping[str, Any], /) -> Mapping[str, Any]: ...

    def action(self, action: Any, /, *, clamps: bool) -> Any:
        """Applies the clamps among the rules on the action, or all the others."""
        ...

    def learnt(self) -> None:
        """`train` has returned: weights and state become as ruled again."""
        ...

    def patched(self) -> Mapping[str, Any]:
        """Returns what was taken from recordings for the step that was made last, by the ids of the rules."""
        ...


class Arrows:
    """All who stand there, in the order of the step. Step thread only."""

    __slots__ = ("driver", "driving", "overridden", "rules", "sinks")

    def __init__(self) -> None:
        self.driver: str | None = None  # who drove the last step
        self.overridden: frozenset[str] = _NOTHING  # paths that a rule or the driver changed in the last step
        self.sinks: list[StepSink] = []
        self.driving: Driving | None = None
        self.rules: Ruling | None = None

    @property
    def plain(self) -> bool:
        """Whether nobody stands there: then the plain loop may run."""
        return not self.changing and not any(sink.active for sink in self.sinks)

    @property
    def changing(self) -> bool:
        """Whether somebody may change a value."""
        rules, driving = self.rules, self.driving
        return (rules is not None and rules.active) or (driving is not None and driving.active)

    @property
    def patched(self) -> Mapping[str, Any] | None:
        """As of the rules; None where none stand."""
        rules = self.rules
        return None if rules is None or not rules.active else rules.patched()

    def clear(self) -> None:
        """Nobody changes anything from now on, until `begin`."""
        self.driver, self.overridden = None, _NOTHING

    def begin(self, step: int) -> None:
        """Comes before all that is changed in step `step`."""
        self.clear()
        if self.rules is not None:
            self.rules.changed.clear()
            if self.rules.active:
                self.rules.begin(step)

    def inputs(self, inputs: Any) -> Any:
        """Returns what forward gets; `inputs` stay what was observed."""
        return inputs if self.rules is None or not self.rules.active else self.rules.inputs(inputs)

    def outputs(self, outputs: Any) -> Any:
        """Returns what becomes the action, or the answer; `outputs` stay what forward returned."""
        return outputs if self.rules is None or not self.rules.active else self.rules.outputs(outputs)

    def action(self, action: Any, step: int) -> Any:
        """Returns what the environment receives as step `step`: after the rules, the driver, and clamps last."""
        rules, driving = self.rules, self.driving
        ruled = rules is not None and rules.active
        if rules is not None and ruled:
            action = rules.action(action, clamps=False)
        driven: frozenset[str] = _NOTHING
        if driving is not None and driving.active:
            proposed = action
            action, self.driver = driving.drive(action, step)
            if self.driver is not None:
                driven = _replaced(proposed, action)
        if rules is not None and ruled:
            action = rules.action(action, clamps=True)
        return self._done(action, driven)

    def answered(self) -> None:
        """Comes after all that is changed in a step without an action."""
        self._done(None, _NOTHING)

    def began(self) -> None:
        """An episode begins with the next step."""
        for sink in self.sinks:
            if sink.active:
                sink.began()

    def _done(self, action: Any, driven: frozenset[str]) -> Any:
        changed = self.rules.changed if self.rules is not None else None
        self.overridden = driven.union(changed) if changed else driven
        return action

    def learnt(self) -> None:
        """`train` has returned."""
        if self.rules is not None and self.rules.active:
            self.rules.learnt()

    def is_overridden(self, path: str) -> bool:
        """Tells whether the signal `path`, what it is part of or a part of it was changed in the last step."""
        return touches(self.overridden, path)


def touches(overridden: frozenset[str], path: str) -> bool:
    """Tells whether `path`, what it is part of or a part of it is among `overridden`."""
    if not overridden or path in overridden:
        return bool(overridden)
    return any(path.startswith(f"{each}.") or each.startswith(f"{path}.") for each in overridden)


def _replaced(proposed: Any, action: Any) -> frozenset[str]:
    """Returns the paths of what a driver put in place of what was proposed."""
    if isinstance(proposed, Mapping) and isinstance(action, Mapping):
        return frozenset(f"action.{name}" for name in action if action[name] is not proposed.get(name))
    return frozenset({"action"})
