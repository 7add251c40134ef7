"""Discretion: the secrets that an attempt was given stay out of what it tells, whatever user code prints or raises."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_SHORTEST = 8  # shorter values stand in texts by chance
_HIDDEN = "***"
_FOR_PEOPLE = frozenset({"message", "traceback", "text", "stage", "findings"})  # keys of reports and answers


class Discretion:
    """Hides `values` in texts that people read; names, numbers and pictures are left as they are."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        parts = {part for value in values for part in (value, *value.splitlines()) if len(part) >= _SHORTEST}
        parts |= {quoted(part)[1:-1] for part in parts for quoted in (repr, json.dumps)}  # as errors and JSON show it
        self._hidden = sorted(parts, key=len, reverse=True)
        self._bytes = [part.encode("utf-8", "surrogateescape") for part in self._hidden]

    @classmethod
    def of(cls, launch: Mapping[str, Any]) -> Discretion:
        """Returns that of the variables in the specifications of a launch."""
        offers = (launch.get("model"), launch.get("environment"))
        return cls(value for offer in offers if offer for value in (offer["spec"].get("variables") or {}).values())

    def text(self, text: str) -> str:
        for part in self._hidden:
            text = text.replace(part, _HIDDEN)
        return text

    def printed(self, data: bytes) -> bytes:
        """Hides in a piece of a stream what stands in it as a whole."""
        for part in self._bytes:
            data = data.replace(part, _HIDDEN.encode())
        return data

    def told(self, content: Any) -> Any:
        """Hides in the texts for people of a JSON value; returns it as it is where there is nothing to hide."""
        return self._told(content, is_text=False) if self._hidden else content

    def _told(self, content: Any, *, is_text: bool) -> Any:
        if isinstance(content, str):
            return self.text(content) if is_text else content
        if isinstance(content, Mapping):
            return {key: self._told(value, is_text=key in _FOR_PEOPLE) for key, value in content.items()}
        if isinstance(content, (list, tuple)):
            return [self._told(value, is_text=is_text) for value in content]
        return content
