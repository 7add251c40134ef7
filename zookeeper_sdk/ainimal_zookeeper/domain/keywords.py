"""Search by the beginnings of words, in stores that can only ask whether a list contains a value."""

from __future__ import annotations

import re

MAX_PREFIX = 20
MAX_KEYWORDS = 200

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Returns the words of `text`, in lower case and cut to what `keywords` holds."""
    return [word[:MAX_PREFIX] for word in _WORD.findall(text.lower())]


def keywords(*texts: str) -> list[str]:
    """Returns every beginning of every word in `texts`, sorted; at most `MAX_KEYWORDS`, short ones first."""
    found = {word[:length] for text in texts for word in words(text) for length in range(1, len(word) + 1)}
    return sorted(sorted(found, key=lambda prefix: (len(prefix), prefix))[:MAX_KEYWORDS])
