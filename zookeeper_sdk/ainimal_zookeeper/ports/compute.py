"""Compute: where attempts run, each as one job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from ainimal_zookeeper.domain.documents import Kind


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt to run an instance or environment instance; (instance_id, attempt) names it."""

    kind: Kind
    instance_id: str
    attempt: int
    variables: Mapping[str, str] = field(default_factory=dict)  # environment variables: link address and token
    python: str | None = None  # interpreter to run it with, for computes that run processes


class JobPhase(Enum):
    PENDING = "PENDING"  # accepted, not running yet
    RUNNING = "RUNNING"
    ENDED = "ENDED"  # by itself, with success
    FAILED = "FAILED"  # by itself, without; see detail


@dataclass(frozen=True, slots=True)
class JobState:
    """`detail` says for people why it is pending or failed: exit status, last words, image pull, quota.

    `interrupted`: what ended it came from outside (the zoo stopped, a node went away), so it may work another time.
    """

    instance_id: str
    attempt: int
    phase: JobPhase
    detail: str | None = None
    interrupted: bool = False


class Compute(Protocol):
    """Thread-safe. Raises: InvalidInput for a job that can never run, Transient when it may work later."""

    def launch(self, job: Job) -> None:
        """Starts the job. A job of the same name that exists already, also an ended one, is success."""
        ...

    def observe(self) -> list[JobState]:
        """Returns every job of the zoo that exists, ended ones until they are deleted."""
        ...

    def delete(self, instance_id: str, attempt: int, grace_s: float) -> None:
        """Ends the job (SIGTERM, after `grace_s` SIGKILL) and forgets it. Returns at once; absent is success."""
        ...

    def close(self, grace_s: float) -> None:
        """Ends all jobs where they cannot outlive this process; returns when they are gone."""
        ...
