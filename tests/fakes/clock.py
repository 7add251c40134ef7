"""Time and ids that a test decides."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import count


class FakeClock:
    """A `Clock` that stands still until `advance` or `set` moves it."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=timezone.utc)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Moves the time by `seconds` and returns it."""
        self._now += timedelta(seconds=seconds)
        return self._now

    def set(self, moment: datetime) -> None:
        self._now = moment


class SequentialIds:
    """`Ids` that count: `ins_1`, `cmd_2`, `ins_3`; one count for all prefixes."""

    def __init__(self) -> None:
        self._count = count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}_{next(self._count)}"
