"""Waiting: look again until it is so, or say why it never will be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from ainimal_zookeeper.domain.documents import FINAL_PHASES
from ainimal_zookeeper.domain.errors import InvalidTransition, Transient, UserCodeFault

from .refusals import refusal


class Living(Protocol):
    """What can be waited for: what the zoo last said of an instance or a world."""

    @property
    def name(self) -> str: ...
    @property
    def phase(self) -> str: ...
    @property
    def stage(self) -> str | None: ...
    @property
    def failure(self) -> str | None: ...
    @property
    def failure_code(self) -> str | None: ...
    @property
    def traceback(self) -> str | None: ...


T = TypeVar("T", bound=Living)


def wait_until(
    seen: T,
    look: Callable[[], T],
    reached: Callable[[T], bool],
    what: str,
    *,
    timeout_s: float,
    sleep: Callable[[float], None],
    progress: Callable[[T], None] | None = None,
) -> T:
    """Returns what `look` has seen once that is `reached`; `seen` is the first look. `what` is waited for, in words.

    Raises:
        the failure as a domain error when it FAILED instead; InvalidTransition when it ended otherwise.
        Transient when `timeout_s` has passed; the message says what it was doing.
    """
    waited_s, pause_s = 0.0, 0.05
    while not reached(seen):
        if seen.phase in FINAL_PHASES:
            raise _end_of(seen)
        if waited_s >= timeout_s:
            doing = f" ({seen.stage})" if seen.stage else ""
            raise Transient(f"waited {timeout_s:g} s for {seen.name} {what}; it is {seen.phase}{doing}")
        sleep(pause_s)
        waited_s += pause_s
        pause_s = min(pause_s * 1.3, 0.5)
        seen = look()
        if progress is not None:
            progress(seen)
    return seen


def _end_of(seen: Living) -> Exception:
    if seen.failure is None:
        return InvalidTransition(f"{seen.name} is {seen.phase}; it has ended, launch a new one")
    failure = refusal(seen.failure_code, f"{seen.name} is {seen.phase}: {seen.failure}")
    if isinstance(failure, UserCodeFault):
        failure.traceback = seen.traceback
    return failure
