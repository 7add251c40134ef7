"""Watches: what one client wants to see of one signal, when it may ask again and what it has missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.paths import is_path

from ..cutting import WHOLE, Cut
from ..signals import Captured

Reduction = Literal["FULL", "JPEG", "STATISTICS", "HISTOGRAM"]
_MOST_RATE = 60.0  # values per second; a stream of the API tells 30 at most
_REDUCTIONS = ("FULL", "JPEG", "STATISTICS", "HISTOGRAM")


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """A `watch` message.

    max_rate: values per second; None, or above 60: as many as 60. max_size: elements per side at most.
    crop: start, stop per axis, from the first. index: picks one element of an array, or a part of it.
    """

    id: int
    path: str
    max_rate: float | None = None
    reduce: Reduction = "FULL"
    max_size: int | None = None
    crop: tuple[int, ...] | None = None
    index: tuple[int, ...] | None = None

    @property
    def cut(self) -> Cut:
        """What is copied of the signal's value; the rest of the reduction is made of that."""
        max_size = self.max_size if self.reduce == "FULL" else None
        whole = self.crop is None and self.index is None and max_size is None
        return WHOLE if whole else Cut(self.crop, self.index, max_size)

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> WatchRequest:
        """Raises: InvalidInput naming the field."""
        path = message.get("path")
        if not isinstance(path, str) or not is_path(path):
            raise InvalidInput(f"path is {path!r}; it must be a signal's path such as inputs.observation", ("path",))
        reduction = message.get("reduce") or "FULL"
        if reduction not in _REDUCTIONS:
            raise InvalidInput(f"reduce is {reduction!r}; it must be one of {', '.join(_REDUCTIONS)}", ("reduce",))
        max_rate, max_size = message.get("maxRate"), message.get("maxSize")
        if max_rate is not None and not (_is_number(max_rate) and 0 < max_rate <= 1e6):
            raise InvalidInput(f"maxRate is {max_rate!r}; it must be above 0 and at most 1000000", ("maxRate",))
        if max_size is not None and not (isinstance(max_size, int) and 1 <= max_size <= 1_000_000):
            raise InvalidInput(f"maxSize is {max_size!r}; it must be from 1 to 1000000", ("maxSize",))
        crop = _integers(message.get("crop"), "crop")
        if crop is not None and (
            len(crop) % 2 or any(stop <= start for start, stop in zip(crop[::2], crop[1::2], strict=True))
        ):
            raise InvalidInput(f"crop is {list(crop)}; it must hold start and a larger stop per axis", ("crop",))
        return cls(
            id=int(message["id"]),
            path=path,
            max_rate=None if max_rate is None else float(max_rate),
            reduce=cast("Reduction", reduction),
            max_size=max_size,
            crop=crop,
            index=_integers(message.get("index"), "index"),
        )


class Watch:
    """One running watch. `slot` holds the newest value that is not sent yet."""

    __slots__ = ("_next_at", "_pause_s", "_period_s", "_sent", "asked", "cut", "request", "slot")

    def __init__(self, request: WatchRequest, now: float) -> None:
        self.request = request
        self.cut = request.cut
        self.asked = False
        self.slot: Captured | None = None
        self._period_s = 0.0 if request.max_rate is None else 1.0 / request.max_rate
        self._pause_s = max(self._period_s, 1.0 / _MOST_RATE)
        self._next_at = now
        self._sent: Captured | None = None

    @property
    def seen_version(self) -> int:
        """Version of the newest value that was sent, -1 for none: only newer ones are of interest."""
        return -1 if self._sent is None else self._sent.version

    def wait_s(self, now: float) -> float:
        """Returns the seconds until the next value may be asked for."""
        return max(0.0, self._next_at - now)

    def offer(self, captured: Captured) -> bool:
        """Takes a value if it is newer than what was sent; the newest wins."""
        if captured.version <= self.seen_version:
            return False
        self.slot = captured
        self.asked = False
        return True

    def take(self, now: float) -> tuple[Captured, int] | None:
        """Returns the value to send and how many were missed since the last one, None when there is nothing."""
        captured, self.slot = self.slot, None
        if captured is None:
            return None
        dropped = self._missed(captured)
        self._sent = captured
        self._next_at = max(self._next_at + self._pause_s, now)
        return captured, dropped

    def _missed(self, captured: Captured) -> int:
        if self._sent is None:
            return 0
        steps = captured.step - self._sent.step
        wanted = steps if not self._period_s else min(steps, int((captured.time - self._sent.time) / self._period_s))
        return max(0, wanted - 1)


def _integers(value: Any, name: str) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, Sequence) or not all(isinstance(part, int) and part >= 0 for part in value):
        raise InvalidInput(f"{name} is {value!r}; it must be a list of whole numbers from 0", (name,))
    return tuple(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
