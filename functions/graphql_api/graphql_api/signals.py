"""Signal values on their way from a runner to many viewers."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ainimal_zookeeper.domain.errors import DataCorrupt
from ainimal_zookeeper.domain.lifecycle import timestamp

_ALIGNMENT = 8


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What to watch and how much of it; requests that are equal share one watch of the runner's."""

    path: str
    max_rate: float | None = None
    reduce: str | None = None
    max_size: int | None = None
    crop: tuple[int, ...] | None = None
    index: tuple[int, ...] | None = None

    @staticmethod
    def of(request: Mapping[str, Any]) -> WatchRequest:
        """Reads a `SignalRequest`."""
        crop, index = request.get("crop"), request.get("index")
        return WatchRequest(
            request["path"],
            request.get("maxRate"),
            request.get("reduce"),
            request.get("maxSize"),
            None if crop is None else tuple(crop),
            None if index is None else tuple(index),
        )

    def message(self, id: int) -> dict[str, Any]:
        """Returns the live link's `watch`."""
        return {
            "type": "watch",
            "id": id,
            "path": self.path,
            "maxRate": self.max_rate,
            "reduce": self.reduce,
            "maxSize": self.max_size,
            "crop": None if self.crop is None else list(self.crop),
            "index": None if self.index is None else list(self.index),
        }


@dataclass(frozen=True, slots=True)
class Value:
    """One value: what every viewer gets of it, and how many the runner skipped before it."""

    watch_id: int
    shown: dict[str, Any]  # a `SignalValue` but for key, instance, path and what was dropped
    dropped: int
    size: int  # bytes that it takes in an event, about


def read_value(message: bytes) -> Value:
    """Reads a binary message of the live link; an array becomes base64 here, once for all viewers.

    Raises: DataCorrupt for a message that is none.
    """
    try:
        (length,) = struct.unpack_from("<I", message)
        header = json.loads(message[4 : 4 + length])
        start = -(-(4 + length) // _ALIGNMENT) * _ALIGNMENT
        shown: dict[str, Any] = {
            "timeline": int(header["timeline"]),
            "step": float(header["step"]),
            "time": timestamp(datetime.fromtimestamp(header["time"], timezone.utc)),
            "scalar": header.get("scalar"),
            "text": header.get("text"),
            "statistics": header.get("statistics"),
            "histogram": header.get("histogram"),
            "tensor": None,
            "overridden": bool(header["overridden"]),
        }
        size = length
        if "dtype" in header:
            shown["tensor"] = {
                "dtype": header["dtype"],
                "shape": header["shape"],
                "encoding": header["encoding"],
                "data": base64.b64encode(message[start:]).decode("ascii"),
            }
            size += len(shown["tensor"]["data"])
        return Value(int(header["id"]), shown, int(header["dropped"]), size)
    except (struct.error, ValueError, KeyError, TypeError, OverflowError, OSError) as error:
        raise DataCorrupt(f"a runner sent a value that cannot be read: {error!r}") from error
