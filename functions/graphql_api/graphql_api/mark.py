"""Marks: how far a viewer has come in a list that may still get elements between those it knows."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Generic, TypeVar

_CHARACTERS = 8  # of a fingerprint

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Mark(Generic[P]):
    """All up to `floor` is known, and of what comes after it those whose fingerprints are in `told`."""

    floor: P
    told: frozenset[str] = frozenset()

    def json(self) -> list[object]:
        return [self.floor, "".join(sorted(self.told))]


@lru_cache(4096)  # every stream asks for those of the same events
def fingerprint(*parts: str) -> str:
    """Returns 48 bits of a name as text, short enough for many of them to travel with each event."""
    return base64.urlsafe_b64encode(blake2b("\0".join(parts).encode(), digest_size=6).digest()).decode()


def read_fingerprints(text: str) -> Iterable[str]:
    """Reads what `Mark.json` has joined."""
    return (text[start : start + _CHARACTERS] for start in range(0, len(text), _CHARACTERS))
