"""Cursors of live streams: how far a viewer has come."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.lifecycle import moment

from .mark import Mark, read_fingerprints

Place = tuple[str, str]  # of an event: time and id


@dataclass(frozen=True, slots=True)
class Cursor:
    """A mark in the events of the zoo, None before they were followed; and one in each console, by chunks."""

    events: Mark[Place] | None = None
    lines: Mapping[str, Mark[int]] = field(default_factory=dict)

    @staticmethod
    def read(text: str | None) -> Cursor:
        """Reads `since`; none is the beginning. Raises: InvalidInput."""
        if text is None:
            return Cursor()
        try:
            place = json.loads(base64.urlsafe_b64decode(text))
            events = None
            if place["events"] is not None:
                (at, row_id), told = place["events"]
                if at:
                    moment(at)
                events = Mark((str(at), str(row_id)), frozenset(read_fingerprints(told)))
            lines = {
                str(key): Mark(int(floor), frozenset(read_fingerprints(told)))
                for key, (floor, told) in place["lines"].items()
            }
            return Cursor(events, lines)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InvalidInput(
                "since is no cursor of a live stream; leave it out to start afresh", ("input", "since")
            ) from None

    def text(self) -> str:
        place = {
            "events": None if self.events is None else self.events.json(),
            "lines": {key: mark.json() for key, mark in self.lines.items()},
        }
        return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode()
