"""Callers: who may call a function that no person calls, such as a queue or a timer."""

from __future__ import annotations

from typing import Protocol


class Callers(Protocol):
    """Thread-safe; `admit` may block on the network."""

    def admit(self, authorization: str | None) -> None:
        """Returns when the request with this `Authorization` header comes from whoever may call.

        Raises: Unauthenticated for a header that proves nothing, PermissionDenied for somebody else, Transient while it
        cannot be told.
        """
        ...
