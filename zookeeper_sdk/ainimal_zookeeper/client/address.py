"""Where a zoo is when nobody says."""

from __future__ import annotations

import json
import os
from pathlib import Path

VARIABLE = "ZOO_SERVER"
DEFAULT_URL = "http://127.0.0.1:3000"
ANNOUNCEMENTS = (Path(".zoo/lock"), Path(".zoo/emulators/lock"))
"""Where a running zoo notes its address on either profile, seen from the folder that it was started in."""


def nearest_zoo() -> str:
    """Returns `ZOO_SERVER`, else the address of the zoo that runs in this folder, else what zoos have by default."""
    given = os.environ.get(VARIABLE)
    return given or next((url for url in map(announced, ANNOUNCEMENTS) if url is not None), DEFAULT_URL)


def announced(announcement: Path) -> str | None:
    """Returns the address that a running zoo has noted in a file; None when there is none."""
    try:
        url = json.loads(announcement.read_text(encoding="utf-8"))["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return url if isinstance(url, str) else None
