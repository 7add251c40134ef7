"""Cells: what is wanted of one activation, and the value that it had in the last forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .values import is_tensor, made_like, shown

Change = Callable[[Any], Any]


class Cell:
    """Values pass through it within the forward."""

    __slots__ = ("_copies", "_given", "_kept", "_version", "change", "observed", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.observed = False
        self.change: Change | None = None
        self._kept: Any = None
        self._version: int | None = None  # of a tensor that is not copied
        self._copies = False
        self._given = False  # whether somebody holds what is kept, which is a copy

    @property
    def idle(self) -> bool:
        return not self.observed and self.change is None

    def through(self, value: Any) -> Any:
        """Returns what goes on: `value`, or what the change makes of it. Raises: InvalidInput for a misfit."""
        if self.change is not None:
            value = made_like(value, self.change(np.array(shown(value))), self.path)
        if self.observed:
            self._keep(value)
        return value

    def read(self) -> Any | None:
        """Returns the last value, as people see it; None when there is none."""
        if self._version is not None and self._kept._version != self._version:
            # What came after has written into the tensor: from now on it is copied in time.
            self._copies, self._kept, self._version = True, None, None
        return None if self._kept is None else shown(self._kept)

    def give(self) -> bool:
        """Returns whether what `read` returned is a copy into which nothing is written any more."""
        self._given = isinstance(self._kept, np.ndarray)
        return self._given

    def forget(self) -> None:
        self._kept = self._version = None

    def _keep(self, value: Any) -> None:
        if is_tensor(value):
            self._keep_tensor(value.detach())
        elif isinstance(value, np.ndarray):
            kept = self._kept
            fits = type(kept) is np.ndarray and kept.shape == value.shape and kept.dtype == value.dtype
            if fits and not self._given:
                np.copyto(kept, value)
            else:
                self._kept, self._given = np.array(value), False
        else:
            self._kept = value

    def _keep_tensor(self, tensor: Any) -> None:
        if self._copies or tensor.is_inference():  # those do not count what is written into them
            self._kept, self._version = tensor.clone(), None
        else:
            self._kept, self._version = tensor, tensor._version
