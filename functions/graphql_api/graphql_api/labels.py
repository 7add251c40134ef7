"""What people write on an instance: its name, tags and notes."""

from __future__ import annotations

from collections.abc import Sequence

from ainimal_zookeeper.domain.errors import InvalidInput

MAX_NAME = 100
MAX_TAGS = 20
MAX_TAG = 50
MAX_NOTES = 10_000


def name(text: str | None) -> str | None:
    """Returns the name without blanks around it; None for none. Raises: InvalidInput when too long."""
    stripped = (text or "").strip()
    if len(stripped) > MAX_NAME:
        raise InvalidInput(f"name has {len(stripped)} characters; at most {MAX_NAME} are kept", ("input", "name"))
    return stripped or None


def tags(texts: Sequence[str] | None) -> list[str]:
    """Returns the tags, each once, in order. Raises: InvalidInput for too many, or one too long or empty."""
    kept = list(dict.fromkeys(text.strip() for text in texts or ()))
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
