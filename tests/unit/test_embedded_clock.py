"""The real clock and real ids."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from ainimal_zookeeper.adapters.embedded.clock import RandomIds, SystemClock


def test_clock_is_aware_and_utc() -> None:
    """The time is now, in UTC."""
    now = SystemClock().now()
    assert now.tzinfo is timezone.utc
    assert abs(now - datetime.now(timezone.utc)) < timedelta(seconds=5)


def test_ids_are_prefixed_and_differ() -> None:
    """An id is its prefix and 16 letters and digits by chance."""
    ids = {RandomIds().new("ins") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"ins_[a-z0-9]{16}", one) for one in ids)
