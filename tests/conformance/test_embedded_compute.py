"""Local processes as the compute: the suite, other interpreters, and the death of hosts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ainimal_zookeeper.adapters.embedded.compute import ProcessCompute
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.ports.compute import Job, JobPhase

from tests.conformance.compute_suite import ComputeTests
from tests.conformance.deadline import eventually
from tests.fakes.clock import FakeClock

_ROOT = Path(__file__).parents[2]
_PROGRAM = "tests.conformance.job_program"

_DYING_HOST = f"""
import os, pathlib, signal, sys
from ainimal_zookeeper.adapters.embedded.compute import ProcessCompute
from ainimal_zookeeper.adapters.embedded.clock import SystemClock
from ainimal_zookeeper.ports.compute import Job
compute = ProcessCompute(pathlib.Path(sys.argv[1]), SystemClock(), module="{_PROGRAM}")
for n, behaviour in enumerate(sys.argv[3:]):
    variables = {{"ZOO_TEST_BEHAVIOUR": behaviour, "ZOO_TEST_FILE": f"{{sys.argv[2]}}/ins_{{n}}-1"}}
    compute.launch(Job("instance", f"ins_{{n}}", 1, variables))
os.kill(os.getpid(), signal.SIGKILL)
"""


class ProcessPlace:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "jobs"
        self.clock = FakeClock()
        self.opened: list[ProcessCompute] = []

    def open(self) -> ProcessCompute:
        self.opened.append(ProcessCompute(self.root, self.clock, module=_PROGRAM))
        return self.opened[-1]

    def job(self, behaviour: str, instance_id: str = "ins_a", attempt: int = 1, python: str | None = None) -> Job:
        variables = {
            "ZOO_TEST_BEHAVIOUR": behaviour,
            "ZOO_TEST_FILE": str(self.folder / f"{instance_id}-{attempt}"),
        }
        return Job("instance", instance_id, attempt, variables, python)

    def said(self, job: Job) -> dict[str, Any]:
        """Waits for what the job says of itself."""
        file = Path(job.variables["ZOO_TEST_FILE"])
        log = self.root / f"{job.instance_id}-{job.attempt}.log"
        eventually(file.exists, f"the job speaks (its log: {log.read_text() if log.exists() else None})")
        return dict(json.loads(file.read_text()))

    def wait_until_running(self, job: Job) -> None:
        self.said(job)

    def running(self) -> int:
        said = [json.loads(file.read_text()) for file in self.folder.glob("ins_*") if not file.suffix]
        return sum(_runs(facts["pid"]) for facts in said)

    def close(self) -> None:
        for compute in self.opened:
            compute.close(0.2)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(autouse=True)
def _in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs find the test program by the folder they start in."""
    monkeypatch.chdir(_ROOT)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[ProcessPlace]:
    place = ProcessPlace(tmp_path)
    yield place
    place.close()


class TestProcessCompute(ComputeTests):
    """Bound."""


def test_failure_carries_the_last_words(place: ProcessPlace) -> None:
    """The detail of a failed job holds its exit status and the end of its output."""
    compute = place.open()
    compute.launch(place.job("fail"))
    eventually(lambda: compute.observe()[0].phase is JobPhase.FAILED, "the job fails")
    detail = "exit status 3; its last words:\nsomething went wrong\nthese are the last words"
    assert compute.observe()[0].detail == detail
    assert place.open().observe()[0].detail == detail


def test_death_by_a_signal_is_named(place: ProcessPlace) -> None:
    """A job that crashed says by which signal, and where Python was."""
    compute = place.open()
    compute.launch(place.job("crash"))
    eventually(lambda: compute.observe()[0].phase is JobPhase.FAILED, "the job fails")
    detail = compute.observe()[0].detail
    assert detail is not None
    assert detail.startswith("killed by SIGSEGV")
    assert "in crash" in detail


def test_children_end_with_their_job(place: ProcessPlace) -> None:
    """What a job leaves running in its group is killed when it has ended, or is killed itself."""
    compute = place.open()
    job = place.job("litter", "ins_a")
    compute.launch(job)
    child = place.said(job)["child"]
    eventually(lambda: not _runs(child), "the child of an ended job is gone")
    job = place.job("stubborn", "ins_b")
    compute.launch(job)
    facts = place.said(job)
    os.kill(facts["pid"], signal.SIGKILL)
    eventually(lambda: not _runs(facts["child"]), "the child of a killed job is gone")


def test_ended_jobs_are_no_zombies(place: ProcessPlace) -> None:
    """The host reaps its jobs."""
    compute = place.open()
    compute.launch(place.job("end"))
    eventually(lambda: compute.observe()[0].phase is JobPhase.ENDED, "the job ends")
    assert [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE] == []


def test_jobs_survive_their_host(place: ProcessPlace) -> None:
    """After kill -9 of the host the next one finds its running jobs, and says of ended ones what can be known."""
    command = [sys.executable, "-c", _DYING_HOST, str(place.root), str(place.folder), "run", "stubborn"]
    assert subprocess.run(command, check=False, timeout=30).returncode == -9
    compute = place.open()
    running, stubborn = place.job("run", "ins_0"), place.job("stubborn", "ins_1")
    facts = place.said(running), place.said(stubborn)
    assert [state.phase for state in compute.observe()] == [JobPhase.RUNNING, JobPhase.RUNNING]
    compute.launch(running)
    os.kill(facts[0]["pid"], signal.SIGKILL)
    eventually(lambda: compute.observe()[0].phase is JobPhase.FAILED, "the death is seen")
    assert "no zoo was there" in str(compute.observe()[0].detail)
    compute.delete("ins_1", 1, 0.1)
    eventually(lambda: len(compute.observe()) == 1, "the job is gone")
    eventually(lambda: not _runs(facts[1]["child"]), "and so is its child")


def test_launch_that_the_host_did_not_finish_fails(place: ProcessPlace) -> None:
    """A record without a process is a launch in progress at first, and then a failure."""
    compute = place.open()
    record = {"instance_id": "ins_a", "attempt": 1, "launched_at": "2030-01-01T00:00:00.000000Z"}
    (place.root / "ins_a-1.json").write_text(json.dumps(record))
    assert compute.observe()[0].phase is JobPhase.PENDING
    place.clock.advance(11)
    assert compute.observe()[0].phase is JobPhase.FAILED
    compute.delete("ins_a", 1, 0)
    eventually(lambda: compute.observe() == [], "the job is gone")


def temporary(place: ProcessPlace) -> tuple[dict[str, str], Path]:
    """Returns an environment whose temporary files are in a folder of the test's, and the folder."""
    folder = place.folder / "temporary"
    folder.mkdir()
    return {**os.environ, "TMPDIR": str(folder)}, folder


def test_what_a_killed_job_was_working_on_goes_with_it(place: ProcessPlace) -> None:
    """Each job has a temporary folder of its own, which is gone when its end is known."""
    environ, folder = temporary(place)
    compute = ProcessCompute(place.root, place.clock, module=_PROGRAM, environ=environ)
    jobs = [place.job("look", "ins_a"), place.job("run", "ins_b")]
    for job in jobs:
        compute.launch(job)
    assert Path(place.said(jobs[0])["variables"]["TMPDIR"]).parent == folder
    running = psutil.Process(place.said(jobs[1])["pid"])
    own = Path(running.environ()["TMPDIR"])
    assert own.stat().st_mode & 0o777 == 0o700
    (own / "archive").mkdir()
    (own / "archive" / "state.zip").write_bytes(b"half of it")
    running.kill()
    eventually(lambda: {state.phase for state in compute.observe()} == {JobPhase.ENDED, JobPhase.FAILED}, "both end")
    assert list(folder.iterdir()) == []


def test_the_next_host_clears_up_after_jobs_that_died_with_theirs(place: ProcessPlace) -> None:
    """When the job is deleted, as all are that have ended."""
    environ, folder = temporary(place)
    command = [sys.executable, "-c", _DYING_HOST, str(place.root), str(place.folder), "run"]
    subprocess.run(command, env=environ, check=False)
    running = psutil.Process(place.said(place.job("run", "ins_0"))["pid"])
    assert Path(running.environ()["TMPDIR"]).parent == folder
    running.kill()
    compute = ProcessCompute(place.root, place.clock, module=_PROGRAM, environ=environ)
    compute.delete("ins_0", 1, 0)
    eventually(lambda: compute.observe() == [], "the job is gone")
    assert list(folder.iterdir()) == []


def test_without_room_for_a_folder_a_job_runs_all_the_same(place: ProcessPlace) -> None:
    """It looks for a place by itself."""
    environ = {**os.environ, "TMPDIR": str(place.folder / "missing")}
    compute = ProcessCompute(place.root, place.clock, module=_PROGRAM, environ=environ)
    job = place.job("look")
    compute.launch(job)
    assert place.said(job)["variables"]["TMPDIR"] == environ["TMPDIR"]
    compute.close(1)


def test_launches_that_a_host_died_in_are_taken_over(place: ProcessPlace) -> None:
    """The next host finds the process that was started, and forgets the launch that was not, which may come again."""
    place.root.mkdir()
    for name in ("ins_a", "ins_b"):
        record = {"instance_id": name, "attempt": 1, "launched_at": "2030-01-01T00:00:00.000000Z"}
        (place.root / f"{name}-1.json").write_text(json.dumps(record))
    job = place.job("stubborn", "ins_a")
    variables = {**os.environ, **job.variables, "ZOO_JOB": str(place.root / "ins_a-1")}
    started = subprocess.Popen([sys.executable, "-m", _PROGRAM], env=variables, start_new_session=True)
    facts = place.said(job)
    compute = place.open()
    assert [(state.instance_id, state.phase) for state in compute.observe()] == [("ins_a", JobPhase.RUNNING)]
    compute.launch(place.job("run", "ins_b"))
    place.said(place.job("run", "ins_b"))
    compute.delete("ins_a", 1, 0.1)
    assert started.wait(10) == -signal.SIGKILL
    eventually(lambda: not _runs(facts["child"]), "what it had started ends with it, and not before")


def test_launch_of_a_process_that_lives_is_left_to_it(place: ProcessPlace) -> None:
    """Whoever opens the same jobs in the middle of a launch does not forget it, which made room for a second one."""
    place.root.mkdir()
    dead = subprocess.Popen(["true"])
    dead.wait()
    for name, launcher in (("ins_a", os.getppid()), ("ins_b", dead.pid), ("ins_c", os.getpid())):
        record = {
            "instance_id": name, "attempt": 1, "launched_at": "2030-01-01T00:00:00.000000Z", "launcher": launcher,
        }  # fmt: skip
        (place.root / f"{name}-1.json").write_text(json.dumps(record))
    compute = place.open()
    assert [(state.instance_id, state.phase) for state in compute.observe()] == [("ins_a", JobPhase.PENDING)]


def test_number_of_another_process_is_not_the_job(place: ProcessPlace) -> None:
    """A process that got a dead job's number later is neither the job nor killed for it."""
    compute = place.open()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    record = {
        "instance_id": "ins_a", "attempt": 1, "launched_at": "2030-01-01T00:00:00.000000Z",
        "pid": stranger.pid, "started_at": psutil.Process(stranger.pid).create_time() - 60,
    }  # fmt: skip
    (place.root / "ins_a-1.json").write_text(json.dumps(record))
    assert compute.observe()[0].phase is JobPhase.FAILED
    compute.delete("ins_a", 1, 0)
    eventually(lambda: compute.observe() == [], "the job is gone")
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_damaged_record_hides_no_other_job(place: ProcessPlace, caplog: pytest.LogCaptureFixture) -> None:
    """A record that cannot be read is told in the log."""
    compute = place.open()
    (place.root / "ins_b-1.json").write_text("{")
    compute.launch(place.job("end"))
    eventually(lambda: [state.phase for state in compute.observe()] == [JobPhase.ENDED], "the other job ends")
    assert "ins_b-1.json" in caplog.text


def test_close_ends_all_at_once(place: ProcessPlace) -> None:
    """`close` ends every job within one grace, also those that are being deleted with a longer one."""
    compute = place.open()
    jobs = [place.job("stubborn", f"ins_{n}") for n in range(4)]
    for job in jobs:
        compute.launch(job)
    facts = [place.said(job) for job in jobs]
    compute.delete("ins_3", 1, 600)
    before = time.monotonic()
    compute.close(0.3)
    assert time.monotonic() - before < 3
    assert [_runs(fact[who]) for fact in facts for who in ("pid", "child")] == [False] * 8
    assert {state.instance_id for state in compute.observe()} == {"ins_0", "ins_1", "ins_2"}
    with pytest.raises(RuntimeError, match="closed"):
        compute.launch(jobs[0])


def test_jobs_see_little_of_the_host(place: ProcessPlace) -> None:
    """A job gets its variables and what finds programs and devices; no secret of the host's."""
    environ = {"PATH": os.environ["PATH"], "HOME": "/h", "CUDA_VISIBLE_DEVICES": "0", "WANDB_API_KEY": "s", "X": "y"}
    compute = ProcessCompute(place.root, place.clock, module=_PROGRAM, environ=environ)
    job = place.job("look")
    compute.launch(job)
    facts = place.said(job)
    variables = facts["variables"]
    assert {name: variables.get(name) for name in environ} == environ | {"WANDB_API_KEY": None, "X": None}
    assert variables["ZOO_TEST_BEHAVIOUR"] == "look"
    assert facts["session"]
    assert facts["executable"] == sys.executable
    compute.close(1)


def test_jobs_know_where_the_zoos_files_are(place: ProcessPlace) -> None:
    """ZOO_HOME is what relative paths in specifications begin with."""
    compute = ProcessCompute(place.root, place.clock, module=_PROGRAM, home=place.folder)
    job = place.job("look")
    compute.launch(job)
    assert place.said(job)["variables"]["ZOO_HOME"] == str(place.folder)
    compute.close(1)


@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13"])
def test_runs_another_python(place: ProcessPlace, version: str) -> None:
    """A job may name another interpreter: it imports the runner, and nothing else of this installation."""
    pythons = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    if not pythons:
        pytest.skip(f"there is no Python {version} in ~/.pyenv/versions")
    compute = place.open()
    job = place.job("look", python=str(pythons[0]))
    compute.launch(job)
    facts = place.said(job)
    assert facts["version"] == [int(part) for part in version.split(".")]
    assert facts["packages"] == ["ainimal_zookeeper", "zookeeper_runner", "websockets"]
    assert facts["orjson"] is None


@pytest.mark.parametrize("python", ["/nowhere/python", "no-such-python", __file__])
def test_python_that_does_not_exist_is_refused(place: ProcessPlace, python: str) -> None:
    """An interpreter that cannot be run is the caller's mistake and is named; nothing is left of the job."""
    compute = place.open()
    with pytest.raises(InvalidInput, match=Path(python).name) as caught:
        compute.launch(place.job("run", python=python))
    assert caught.value.path == ("python",)
    assert compute.observe() == []


def test_python_that_cannot_be_executed_is_refused(place: ProcessPlace) -> None:
    """A file that is executable but no program is found out at the launch, which leaves nothing."""
    program = place.folder / "python"
    program.write_bytes(b"\x7fnothing")
    program.chmod(0o755)
    compute = place.open()
    with pytest.raises(InvalidInput, match="cannot be run"):
        compute.launch(place.job("run", python=str(program)))
    assert compute.observe() == []


@pytest.mark.parametrize("instance_id", ["", "../a", "a/b", "a.json", "x" * 200])
def test_ids_that_are_no_names_are_refused(place: ProcessPlace, instance_id: str) -> None:
    """An id cannot lead out of the folder of jobs."""
    with pytest.raises(InvalidInput):
        place.open().launch(place.job("run", instance_id))
