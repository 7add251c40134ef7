"""Weights: parameters and buffers of modules, and arrays of real numbers, by their names in checkpoints.

They are read where they are and written in place, so that whoever holds them as well (an optimizer) sees the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.modality import ModalityKind

from ..state.torches import library
from .holding import Chain, Holdings, follow, put
from .source import Listed
from .values import is_tensor, made_like, modality_of, shown

_READ_ONLY = "the array is read-only"


class Weights:
    """What `subject` has learnt. Step thread only."""

    def __init__(self, subject: Any) -> None:
        self._subject = subject
        self._chains: dict[str, Chain] = {}

    def look(self, holdings: Holdings) -> None:
        """Takes note of the weights there are."""
        self._chains = {}
        for held in holdings.modules:
            named = dict(held.part.named_parameters(remove_duplicate=False))
            named |= dict(held.part.named_buffers(remove_duplicate=False))
            for name in named:
                path = f"{held.path}.{name}" if held.path else name
                self._chains.setdefault(path, (*held.chain, *((False, part) for part in name.split("."))))
        for held in holdings.arrays:
            if held.path:
                self._chains.setdefault(held.path, held.chain)

    def listed(self) -> Iterator[Listed]:
        for path in self._chains:
            value = self._at(path)
            if value is None or "Uninitialized" in type(value).__name__:
                continue
            modality = modality_of(path, value)
            fixed = _READ_ONLY if isinstance(value, np.ndarray) and not value.flags.writeable else None
            yield Listed(path, modality, True, fixed is None and modality.kind is not ModalityKind.TREE, fixed)

    def knows(self, path: str) -> bool:
        return path in self._chains

    def read(self, path: str) -> Any | None:
        value = self._at(path)
        return None if value is None else shown(value)

    def write(self, path: str, value: Any) -> None:
        """Raises: InvalidInput for what does not fit."""
        live = self._at(path)
        if live is None:
            raise InvalidInput(f"weights.{path} is not there any more")
        named = f"weights.{path}"
        if is_tensor(live):
            torch = library()
            with torch.inference_mode() if live.is_inference() else torch.no_grad():
                live.copy_(made_like(live.detach(), value, named))
        elif isinstance(live, np.ndarray):
            if not live.flags.writeable:
                raise InvalidInput(f"{named} cannot be written: {_READ_ONLY}")
            live[...] = made_like(live, value, named)
        else:  # arrays that never change, as those of JAX
            put(self._subject, self._chains[path], made_like(live, value, named))

    def _at(self, path: str) -> Any | None:
        try:
            return follow(self._subject, self._chains[path])
        except Exception:  # noqa: BLE001 - whatever an author's object does when it is looked at: it is not there
            return None
