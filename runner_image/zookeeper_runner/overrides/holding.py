"""Holding: weights and state under rules, and what lies underneath.

Rules make the effective value of the underlying one, and it is put in place whenever something else is found there:
after a call of `train`, after a step. What SET, SCALE, BLEND and PATCH are about keeps its underlying value meanwhile,
whatever is learnt; elsewhere, and within the bounds of a CLAMP, learning goes on underneath.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import InvalidInput

from ..taps import Taps
from .rule import Rule


class Held:
    """One weight, or part of the state, under the rules on it. Step thread only."""

    def __init__(self, taps: Taps, path: str) -> None:
        self._taps = taps
        self._path = path
        self._rules: Sequence[Rule] = ()
        self._underlying: Any = self._read()
        self._effective: Any = self._underlying
        self._step = 0  # for which the rules were applied last
        self._differs = False  # the effective value from the underlying one
        self._elements: list[tuple[int, ...]] | None = None  # those that the rules are about; None: all

    def rule(self, rules: Sequence[Rule], step: int) -> None:
        """Applies `rules` from now on, of which there is at least one. Raises: InvalidInput when they do not fit."""
        self._absorb()
        before, self._rules = self._rules, rules
        elements = [rule.terms.index for rule in rules if rule.terms.index is not None]
        self._elements = elements if len(elements) == len(rules) else None
        try:
            self._put(step)
        except BaseException:
            self._rules = before
            raise

    def hold(self, step: int) -> bool:
        """Puts the effective value in place where something else is; returns whether it differs from the underlying."""
        if any(rule.values for rule in self._rules) or not self._holds():
            self._absorb()
            self._put(step)
        return self._differs

    def lift(self) -> None:
        """Puts the underlying value in place, until `drop`."""
        self._absorb()
        self._taps.write(self._path, self._underlying)

    def drop(self) -> None:
        """Puts the effective value in place again."""
        self._put(self._step)

    def renew(self, step: int) -> None:
        """Takes what is there now for the underlying value: the model has become something else."""
        self._underlying = self._effective = self._read()
        self._put(step)

    def _put(self, step: int) -> None:
        self._step = step
        value = self._underlying
        for rule in self._rules:
            value = rule.made_of(value, step)
        self._taps.write(self._path, value)
        self._effective = self._read()
        self._differs = not _same(self._effective, self._underlying)

    def _absorb(self) -> None:
        """Lets what was learnt since become the underlying value, where no rule but clamps says what it is."""
        if self._is_there():
            return
        found = self._read()
        if isinstance(found, str) or isinstance(self._effective, str):
            if not self._rules:
                self._underlying = found
            return
        now, effective = np.asarray(found), np.asarray(self._effective)
        kept = np.zeros(now.shape, np.bool_)
        for rule in self._rules:
            if not rule.clamps:
                kept[rule.terms.index or ...] = True
        moved = ~kept & (now != effective)
        self._underlying = np.where(moved, now, np.asarray(self._underlying)).astype(now.dtype)[()]

    def _holds(self) -> bool:
        """Whether what the rules are about is as they say; the rest may have been learnt meanwhile."""
        if self._elements is None:
            return self._is_there()
        found = self._taps.read(self._path)
        return np.shape(found) == np.shape(self._effective) and all(
            _same(found[at], self._effective[at]) for at in self._elements
        )

    def _is_there(self) -> bool:
        return _same(self._taps.read(self._path), self._effective)

    def _read(self) -> Any:
        value = self._taps.read(self._path)
        if value is None:
            raise InvalidInput(f"{self._path} is not there any more")
        return np.array(value)[()] if isinstance(value, np.ndarray) else value


def _same(one: Any, other: Any) -> bool:
    """Tells whether two values are the same to the bit."""
    if isinstance(one, str) or isinstance(other, str) or one is None or other is None:
        return type(one) is type(other) and bool(one == other)
    first, second = np.asarray(one), np.asarray(other)
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    # As integers: what is no number is equal to itself then, and nothing has to be looked at twice.
    bits = f"u{first.dtype.itemsize}"
    return bool(np.array_equal(first.view(bits), second.view(bits)))
