"""The real clock and real chance."""

from __future__ import annotations

import secrets
from datetime import datetime, timezone

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_LENGTH = 16  # 16 of 36 characters are 82.7 bits


class SystemClock:
    """A `Clock`: the computer's."""

    def now(self) -> datetime:
        return datetime.now(timezone.utc)


class RandomIds:
    """`Ids` from the operating system's randomness, so that nobody guesses one."""

    def new(self, prefix: str) -> str:
        return prefix + "_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
