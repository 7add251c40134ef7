"""Every error the zoo raises on purpose, as one tree.

    ZookeeperError                     code: stable UPPER_SNAKE string
    |-- Rejected                       the caller's fault; retrying is useless
    |     |-- NotFound  AlreadyExists  InvalidInput(path)  InvalidTransition
    |     `-- Unauthenticated  PermissionDenied  LimitReached  RateLimited(retry_after_s)  ControlHeld
    |-- Conflict                       lost a race; read again, then maybe retry
    |-- Transient(retry_after_s)       the world's fault; retry
    |-- DataCorrupt                    stored bytes fail their check; stop and keep the evidence
    `-- AInimalFault / EnvFault        user code raised or broke its contract; only its instance fails

A message names the thing, the value and the next step. Misuse of our own API (a step after close) is a
`RuntimeError` and stands outside the tree. Each edge (GraphQL, HTTP, queue, exit status) has one total table.
"""

from __future__ import annotations

from typing import ClassVar


class ZookeeperError(Exception):
    """Something the zoo knows how to report."""

    code: ClassVar[str] = "UNAVAILABLE"

    @property
    def message(self) -> str:
        return str(self)


class Rejected(ZookeeperError):
    """The request cannot be met as it stands."""

    code = "INVALID_INPUT"


class NotFound(Rejected):
    code = "NOT_FOUND"


class AlreadyExists(Rejected):
    code = "ALREADY_EXISTS"


class InvalidInput(Rejected):
    """A value breaks a rule; `path` leads to it from the top of the input."""

    code = "INVALID_INPUT"

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


class InvalidTransition(Rejected):
    code = "INVALID_TRANSITION"


class Unauthenticated(Rejected):
    code = "UNAUTHENTICATED"


class PermissionDenied(Rejected):
    code = "PERMISSION_DENIED"


class LimitReached(Rejected):
    code = "LIMIT_REACHED"


class RateLimited(Rejected):
    """Too many requests; the same one may succeed after `retry_after_s` seconds."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ControlHeld(Rejected):
    code = "CONTROL_HELD"


class Conflict(ZookeeperError):
    code = "CONFLICT"


class Transient(ZookeeperError):
    """The world failed for now; the same request may succeed after `retry_after_s` seconds."""

    code = "UNAVAILABLE"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DataCorrupt(ZookeeperError):
    code = "DATA_CORRUPT"


class UserCodeFault(ZookeeperError):
    """Code that the zoo runs for somebody raised or broke its contract; `traceback` is what Python printed."""

    code = "AINIMAL_FAULT"

    def __init__(self, message: str, traceback: str | None = None) -> None:
        super().__init__(message)
        self.traceback = traceback


class AInimalFault(UserCodeFault):
    code = "AINIMAL_FAULT"


class EnvFault(UserCodeFault):
    code = "ENV_FAULT"
