"""What people write on an instance: its name, tags and notes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ainimal_zookeeper.domain.errors import InvalidInput

MAX_NAME = 100
MAX_TAGS = 20
MAX_TAG = 50
MAX_NOTES = 10_000
_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control characters, half surrogate pairs, line and paragraph ends
_REVERSING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # shows text as another


def name(text: str | None) -> str | None:
    """Returns the name without blanks around it; None for none.

    Raises: InvalidInput when too long, or with characters that are no part of a line of text.
    """
    stripped = line(text or "", "name", ("input", "name"))
    if len(stripped) > MAX_NAME:
        raise InvalidInput(f"name has {len(stripped)} characters; at most {MAX_NAME} are kept", ("input", "name"))
    return stripped or None


def tags(texts: Sequence[str] | None) -> list[str]:
    """Returns the tags, each once, in order. Raises: InvalidInput for too many, or one too long or empty."""
    lines = [line(text, "tag", ("input", "tags", str(position))) for position, text in enumerate(texts or ())]
    kept = list(dict.fromkeys(lines))
    if len(kept) > MAX_TAGS:
        raise InvalidInput(f"there are {len(kept)} tags; at most {MAX_TAGS} are kept", ("input", "tags"))
    for position, tag in enumerate(kept):
        if not 1 <= len(tag) <= MAX_TAG:
            raise InvalidInput(
                f"tag {tag!r} has {len(tag)} characters; use 1 to {MAX_TAG}", ("input", "tags", str(position))
            )
    return kept


def notes(text: str | None) -> str | None:
    """Returns the notes; None for none. Raises: InvalidInput when too long."""
    if text is not None and len(text) > MAX_NOTES:
        raise InvalidInput(f"notes have {len(text)} characters; at most {MAX_NOTES} are kept", ("input", "notes"))
    return text or None


def line(text: str, what: str, path: tuple[str, ...]) -> str:
    """Returns text without blanks around it. Raises: InvalidInput for what breaks lines or terminals."""
    stripped = text.strip()
    for character in stripped:
        if unicodedata.category(character) in _NO_TEXT or character in _REVERSING:
            raise InvalidInput(f"{what} {stripped!r:.120} holds {character!r}, which is no text; leave it out", path)
    return stripped
