"""A compute whose jobs a test starts, ends and loses by hand."""

from __future__ import annotations

from typing import Literal

from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.ports.compute import Job, JobPhase, JobState


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the process handles it."""


class FakeCompute:
    """A `Compute`. `jobs` are those launched and not deleted; `refuse` is raised by the next launches when set.

    `broken` is raised by all else. `killed` is raised by one launch, "before" the job is made or "after": the process
    that asked for it is no more.
    """

    def __init__(self) -> None:
        self.jobs: dict[tuple[str, int], Job] = {}
        self.states: dict[tuple[str, int], JobState] = {}
        self.deleted: list[tuple[str, int, float]] = []
        self.refuse: ZookeeperError | None = None
        self.broken: ZookeeperError | None = None
        self.killed: Literal["before", "after"] | None = None
        self.made: list[tuple[str, int]] = []  # each time that a job came into being
        self.launches = 0

    def launch(self, job: Job) -> None:
        self.launches += 1
        if self.refuse is not None:
            raise self.refuse
        killed, self.killed = self.killed, None
        if killed == "before":
            raise Killed
        key = (job.instance_id, job.attempt)
        if self.jobs.setdefault(key, job) is job:  # at once, as names of jobs are unique on every platform
            self.made.append(key)
        self.states.setdefault(key, JobState(*key, JobPhase.RUNNING))
        if killed == "after":
            raise Killed

    def observe(self) -> list[JobState]:
        if self.broken is not None:
            raise self.broken
        return list(self.states.values())

    def delete(self, instance_id: str, attempt: int, grace_s: float) -> None:
        if self.broken is not None:
            raise self.broken
        self.deleted.append((instance_id, attempt, grace_s))
        self.lose(instance_id, attempt)

    def close(self, grace_s: float) -> None:
        self.jobs.clear()
        self.states.clear()

    def set(
        self, instance_id: str, attempt: int, phase: JobPhase, detail: str | None = None, *, interrupted: bool = False
    ) -> None:
        """Decides what `observe` says of a job, launched here or not."""
        self.states[instance_id, attempt] = JobState(instance_id, attempt, phase, detail, interrupted)

    def lose(self, instance_id: str, attempt: int) -> None:
        """The job is gone without a trace."""
        self.jobs.pop((instance_id, attempt), None)
        self.states.pop((instance_id, attempt), None)
