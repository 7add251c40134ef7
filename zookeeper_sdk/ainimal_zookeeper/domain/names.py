"""Names as parts of ids: the same name is the same part in every clone of a configuration."""

from __future__ import annotations

import hashlib
import re

CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
"""Where a word begins inside another, as in CartPole."""


def slug(name: str) -> str:
    """Returns `name` for an id; where letters are lost by it, a digest keeps it apart from others."""
    made = re.sub(r"[^a-z0-9]+", "-", CAMEL.sub(" ", name).lower()).strip("-")
    return made if made and name.isascii() else f"{made}-{digest(name)}".lstrip("-")


def id_of(prefix: str, name: str, provider: str, identity: str) -> str:
    """Returns an id that begins with `prefix` and shows the name; `identity` tells it from others of `provider`."""
    return f"{prefix}_{slug(name)}-{digest(f'{provider}|{identity}')}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
