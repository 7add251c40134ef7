"""Rule: one override as what it makes of a value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.documents import OverrideDoc
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.overrides import Terms, terms_of
from ainimal_zookeeper.modality import decoded

from ..taps.values import made_like, shown

Values = Callable[[int], Any]  # of a recording: what it has at the step so many after the first, None after its end


class Rule:
    """What stands on one path. Its values were checked when it was set; what does not fit any more is refused.

    values: what a PATCH puts in place. since: the step after which it began to stand, on the current timeline.
    """

    def __init__(self, document: OverrideDoc, since: int, values: Values | None = None) -> None:
        self.document = document
        self.id = document["id"]
        self.path = document["path"]
        self.group, _, self.name = self.path.partition(".")
        self.terms: Terms = terms_of(document)
        self.since = since
        self.values = values
        self._at: Any = None if self.terms.index is None else (..., *self.terms.index)
        self._of: dict[np.dtype[Any], tuple[Any, Any, Any]] = {}
        until = document["expiresAt"]
        self.expires_at = None if until is None else datetime.fromisoformat(until.replace("Z", "+00:00")).timestamp()

    @property
    def clamps(self) -> bool:
        return self.terms.rule == "CLAMP"

    @property
    def expires_at_step(self) -> int | None:
        """The last step for which it holds, on the current timeline."""
        in_steps = self.document["expiresInSteps"]
        return None if in_steps is None else self.since + in_steps

    def made_of(self, value: Any, step: int) -> Any:
        """Returns what it makes of `value` in step `step`, of the same type, dtype and shape; nothing in place.

        Raises: InvalidInput when it does not fit.
        """
        if isinstance(value, str):
            return self._text(step)
        if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
            return [self._text(step)] * len(value)  # of several environments
        now = np.asarray(shown(value))
        new = self.array(now, step)
        return value if new is now else made_like(value, new, self.path)

    def array(self, now: np.ndarray[Any, Any], step: int) -> np.ndarray[Any, Any]:
        """Returns what it makes of an array, as another one of its dtype and shape; itself where a clamp does nothing.

        Axes that the signal does not have (environments) come first. Raises: InvalidInput when it does not fit.
        """
        if now.dtype.kind not in "biuf":
            raise InvalidInput(f"{self.path} holds {now.dtype.name}, which no rule can be applied to")
        part = now if self._at is None else now[self._at]
        try:
            new = self._part(part, step)
            whole = now.copy()
            whole[... if self._at is None else self._at] = new
        except (IndexError, ValueError) as error:
            raise InvalidInput(
                f"{self.path} is {now.dtype.name}{list(now.shape)} now, which does not fit: {error}"
            ) from error
        if self.clamps and np.array_equal(whole, now, equal_nan=now.dtype.kind == "f"):
            return now
        return whole

    def _part(self, part: Any, step: int) -> Any:
        value, low, high = self._numbers(np.asarray(part).dtype)
        rule = self.terms.rule
        if rule == "PATCH":
            value = _fitting(self._patch(step), np.asarray(part).dtype)
        if rule in {"SET", "PATCH"}:
            return value
        if rule == "CLAMP":
            return np.clip(part, low, high)
        with np.errstate(over="ignore", invalid="ignore"):
            weight = self.terms.weight or 0.0
            new = np.multiply(part, value) if rule == "SCALE" else part * (1.0 - weight) + value * weight
            return _fitting(new, np.asarray(part).dtype)

    def _numbers(self, dtype: np.dtype[Any]) -> tuple[Any, Any, Any]:
        """Returns value, low and high as arrays for values of `dtype`; None where there is none."""
        known = self._of.get(dtype)
        if known is None:
            terms = self.terms
            value, low, high = (
                None if given is None else decoded(self.path, _plain(given))
                for given in (terms.value, terms.low, terms.high)
            )
            if terms.rule == "SET":
                value = _fitting(value, dtype)
            elif value is not None:
                value = _fitting(value, dtype if dtype.kind == "f" else np.dtype(np.float64))
            if dtype.kind in "iu":
                low, high = _within(low, np.ceil, dtype), _within(high, np.floor, dtype)
            else:
                low, high = (None if bound is None else _fitting(bound, dtype) for bound in (low, high))
            known = self._of[dtype] = (value, low, high)
        return known

    def patch_at(self, step: int) -> Any:
        """Returns what it takes from a recording for step `step`; None after its end, and where it takes nothing."""
        return None if self.values is None else self.values(step - self.since - 1)

    def _patch(self, step: int) -> Any:
        value = self.patch_at(step)
        if value is None:
            raise EndOfRecording
        value = np.asarray(value)
        return value[self.terms.index] if self.terms.index is not None and value.ndim else value

    def _text(self, step: int) -> str:
        value = self.terms.value
        if self.terms.rule == "PATCH":
            value = self.patch_at(step)
            if value is None:
                raise EndOfRecording
        if not isinstance(value, str):
            raise InvalidInput(f"{self.path} is text now, and {self.terms.rule} puts {value!r:.40} in its place")
        return value


class EndOfRecording(Exception):
    """A PATCH has nothing more to put in place."""


def _fitting(value: Any, dtype: np.dtype[Any]) -> Any:
    """Returns numbers as `dtype`: rounded to integers, and no further than finite ones of it go."""
    array = np.asarray(value)
    if dtype.kind in "iu" and array.dtype.kind == "f":
        limits = np.iinfo(dtype)
        whole = np.rint(np.nan_to_num(array, nan=0.0, posinf=np.inf, neginf=-np.inf))
        # The largest int64 is no float: what rounds up to beyond it would wrap around.
        least, most = whole <= limits.min, whole >= limits.max
        inner = np.where(least | most, 0, whole).astype(dtype)
        return np.where(least, limits.min, np.where(most, limits.max, inner)).astype(dtype)
    if dtype.kind == "f":
        most = np.finfo(dtype).max
        array = np.where(np.isfinite(array), np.clip(array, -most, most), array)
    return array.astype(dtype)


def _within(bound: Any, toward: Any, dtype: np.dtype[Any]) -> Any:
    """Returns a bound of integers as one of them; None where it bounds none."""
    return None if bound is None else _fitting(toward(np.asarray(bound, np.float64)), dtype)


def _plain(value: Any) -> Any:
    """Returns a JSON value with "NaN" and the like as numbers."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return float(value) if isinstance(value, str) else value
