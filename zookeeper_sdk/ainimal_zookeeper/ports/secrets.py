"""Secrets: the variables that specifications may name as `${env.NAME}`. Their values are in no store."""

from __future__ import annotations

from typing import Protocol


class Secrets(Protocol):
    """Thread-safe. Only what is meant for models and environments can be read: never the zoo's own variables."""

    def get(self, name: str) -> str | None:
        """Returns the value now, None where there is none. Raises: Transient when it cannot be read for the moment."""
        ...

    def advice(self, name: str) -> str:
        """Returns how an operator sets it, as the end of a sentence: "export it or write it into ..."."""
        ...
