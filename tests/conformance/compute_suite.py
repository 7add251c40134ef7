"""What every compute does. A binding gives the fixture `place`, where jobs run and are seen without the adapter."""

from __future__ import annotations

import threading
from typing import Protocol

import pytest
from ainimal_zookeeper.ports.compute import Compute, Job, JobPhase, JobState

from tests.conformance.deadline import eventually, run_all


class ComputePlace(Protocol):
    """Where the jobs of one test run."""

    def open(self) -> Compute:
        """Returns a new adapter on this place's jobs."""
        ...

    def job(self, behaviour: str, instance_id: str = "ins_a", attempt: int = 1) -> Job:
        """Returns a job that does as tests/conformance/job_program.py says: end, fail, run or stubborn."""
        ...

    def wait_until_running(self, job: Job) -> None:
        """Waits until the job itself says that it runs."""
        ...

    def running(self) -> int:
        """Returns how many processes or pods of this place run, seen from outside."""
        ...


class ComputeTests:
    """Bind it by a subclass, in a module with a fixture `place`."""

    @pytest.fixture
    def compute(self, place: ComputePlace) -> Compute:
        return place.open()

    def test_runs_a_job(self, compute: Compute, place: ComputePlace) -> None:
        """A launched job runs and is observed under its instance and attempt."""
        job = place.job("run", "ins_a", 2)
        compute.launch(job)
        place.wait_until_running(job)
        assert compute.observe() == [JobState("ins_a", 2, JobPhase.RUNNING)]
        assert place.running() == 1

    def test_tells_success(self, compute: Compute, place: ComputePlace) -> None:
        """A job that ended well is ENDED until it is deleted."""
        compute.launch(place.job("end"))
        wait_for(compute, JobState("ins_a", 1, JobPhase.ENDED))
        compute.delete("ins_a", 1, 0)
        eventually(lambda: compute.observe() == [], "the job is forgotten")

    def test_tells_failure(self, compute: Compute, place: ComputePlace) -> None:
        """A job that ended badly is FAILED, and the detail says how."""
        compute.launch(place.job("fail"))
        eventually(lambda: [state.phase for state in compute.observe()] == [JobPhase.FAILED], "the job fails")
        detail = compute.observe()[0].detail
        assert detail is not None
        assert "3" in detail

    def test_launches_once(self, place: ComputePlace) -> None:
        """Launching the same job several times, by several adapters, makes one."""
        job = place.job("run")
        computes = [place.open() for _ in range(4)]
        run_all([threading.Thread(target=compute.launch, args=(job,)) for compute in computes])
        place.wait_until_running(job)
        computes[0].launch(job)
        assert [(state.instance_id, state.attempt) for state in computes[1].observe()] == [("ins_a", 1)]
        assert place.running() == 1

    def test_ended_jobs_are_not_launched_again(self, compute: Compute, place: ComputePlace) -> None:
        """An ended job keeps its name."""
        compute.launch(place.job("end"))
        wait_for(compute, JobState("ins_a", 1, JobPhase.ENDED))
        compute.launch(place.job("run"))
        assert compute.observe() == [JobState("ins_a", 1, JobPhase.ENDED)]

    def test_attempts_are_apart(self, compute: Compute, place: ComputePlace) -> None:
        """Attempts of one instance, and instances, are jobs of their own."""
        names = [("ins_a", 1), ("ins_a", 2), ("ins_b", 1)]
        for instance_id, attempt in names:
            compute.launch(place.job("run", instance_id, attempt))
            place.wait_until_running(place.job("run", instance_id, attempt))
        assert sorted((state.instance_id, state.attempt) for state in compute.observe()) == names
        compute.delete("ins_a", 1, 5)
        eventually(lambda: len(compute.observe()) == 2, "one job is gone")
        assert sorted((state.instance_id, state.attempt) for state in compute.observe()) == names[1:]

    def test_deletes_gently(self, compute: Compute, place: ComputePlace) -> None:
        """A job that heeds SIGTERM is gone long before its grace is over."""
        job = place.job("run")
        compute.launch(job)
        place.wait_until_running(job)
        compute.delete("ins_a", 1, 600)
        eventually(lambda: compute.observe() == [] and place.running() == 0, "the job is gone")

    def test_deletes_by_force_after_the_grace(self, compute: Compute, place: ComputePlace) -> None:
        """A job that ignores SIGTERM is killed after its grace, with its children."""
        job = place.job("stubborn")
        compute.launch(job)
        place.wait_until_running(job)
        compute.delete("ins_a", 1, 0.1)
        eventually(lambda: compute.observe() == [] and place.running() == 0, "the job and its child are gone")

    def test_deleting_again_is_success(self, compute: Compute, place: ComputePlace) -> None:
        """A job that is absent or going may be deleted; the shorter grace counts."""
        compute.delete("ins_a", 1, 0)
        job = place.job("stubborn")
        compute.launch(job)
        place.wait_until_running(job)
        compute.delete("ins_a", 1, 600)
        compute.delete("ins_a", 1, 0.1)
        eventually(lambda: compute.observe() == [] and place.running() == 0, "the job is gone")

    def test_another_adapter_takes_over(self, place: ComputePlace) -> None:
        """A new adapter finds the jobs of an earlier one, also ended ones, and can delete them."""
        first = place.open()
        first.launch(place.job("end", "ins_b"))
        wait_for(first, JobState("ins_b", 1, JobPhase.ENDED))
        job = place.job("run")
        first.launch(job)
        place.wait_until_running(job)
        second = place.open()
        assert {state.instance_id: state.phase for state in second.observe()} == {
            "ins_a": JobPhase.RUNNING,
            "ins_b": JobPhase.ENDED,
        }
        second.delete("ins_a", 1, 5)
        second.delete("ins_b", 1, 5)
        eventually(lambda: second.observe() == first.observe() == [] and place.running() == 0, "the jobs are gone")


def wait_for(compute: Compute, state: JobState) -> None:
    eventually(lambda: compute.observe() == [state], f"the state {state}")
