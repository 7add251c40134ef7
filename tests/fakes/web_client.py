"""What the web client asks, word for word: the operations in its sources, with the fragments they need."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_SOURCE = Path(__file__).parents[2] / "client_web/src/api/documents.ts"


@cache
def _parts() -> dict[str, str]:
    """Returns each operation and fragment by its name."""
    found = re.findall(r"`\s*((?:query|mutation|subscription|fragment) (\w+)[^`]*)`", _SOURCE.read_text("utf-8"))
    return {name: text for text, name in found}


def operation(name: str) -> str:
    """Returns the operation `name` with all fragments that it spreads."""
    parts, wanted = _parts(), [name]
    for each in wanted:
        wanted += [other for other in re.findall(r"\.\.\.(\w+)", parts[each]) if other not in wanted]
    return "\n".join(parts[each] for each in wanted)
