"""Clock and ids: time and chance, as ports, so that tests decide both."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Returns the time, aware, in UTC."""
        ...


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """Returns `prefix` + "_" + at least 80 random bits in lower-case letters and digits."""
        ...
