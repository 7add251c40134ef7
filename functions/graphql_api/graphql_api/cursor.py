"""Cursors of live streams: how far a viewer has come."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from ainimal_zookeeper.domain.errors import InvalidInput


@dataclass(slots=True)
class Cursor:
    """The newest event, by time and id, and the time of the newest line of each console; empty texts before any."""

    event: tuple[str, str] = ("", "")
    lines: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def read(text: str | None) -> Cursor:
        """Reads `since`; none is the beginning. Raises: InvalidInput."""
        if text is None:
            return Cursor()
        try:
            place = json.loads(base64.urlsafe_b64decode(text))
            at, row_id = place["event"]
            return Cursor((str(at), str(row_id)), {str(key): str(each) for key, each in place["lines"].items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InvalidInput(
                "since is no cursor of a live stream; leave it out to start afresh", ("input", "since")
            ) from None

    def text(self) -> str:
        place = {"event": self.event, "lines": self.lines}
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
