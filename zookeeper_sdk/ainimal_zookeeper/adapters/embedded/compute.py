"""The compute of the embedded zoo: each job is a process group on this computer."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import psutil

from ainimal_zookeeper.domain.errors import InvalidInput, Transient
from ainimal_zookeeper.domain.lifecycle import moment, timestamp
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.compute import Job, JobPhase, JobState

from .interpreter import environment, interpreter
from .job_record import JobRecord, JobRecords
from .scratch import Scratch

_ID = re.compile(r"[A-Za-z0-9_\-]{1,100}\Z")
_STARTING_S = 10.0  # how long a record without a process is a launch in progress
_SAME_START_S = 2.0  # the system's idea of when a process started shifts with its clock
_POLL_S = 0.02
_NAME_VARIABLE = "ZOO_JOB"  # by which a process is found whose number nobody had the time to note
_LAST_WORDS_BYTES = 4096
_LAST_WORDS_LINES = 12
_FROM_OUTSIDE = frozenset({-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGKILL})  # exit statuses
_SHORT_OF = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT})

_logger = logging.getLogger(__name__)


class ProcessCompute:
    """A `Compute`. `root` holds a record and a log for each job; `environ` is what jobs inherit some of.

    `home` is the folder of the zoo's files, where the paths in specifications begin: jobs know it as ZOO_HOME.

    Jobs are leaders of their own sessions: neither Ctrl-C nor the host's death reaches them, and the next host that
    opens `root` finds those that live. What a job leaves running in its group ends with it.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        *,
        module: str = "zookeeper_runner",
        environ: Mapping[str, str] = os.environ,
        home: Path | None = None,
    ) -> None:
        self._root = root.absolute()
        self._clock = clock
        self._module = module
        self._environ = environ
        self._own = {} if home is None else {"ZOO_HOME": str(home.absolute())}
        self._records = JobRecords(self._root)
        self._scratch = Scratch(self._root, environ)
        self._lock = threading.Lock()
        self._waiters: dict[str, threading.Thread] = {}  # by job, while its process is a child of ours
        self._endings: dict[str, _Ending] = {}
        self._closed = False
        self._take_over()

    def launch(self, job: Job) -> None:
        if self._closed:
            raise RuntimeError("the compute is closed")
        if not _ID.match(job.instance_id) or job.attempt < 1:
            raise InvalidInput(f"job {job.instance_id!r}, attempt {job.attempt}: no name for a process's files")
        executable = interpreter(job.python)
        record = JobRecord(job.instance_id, job.attempt, timestamp(self._clock.now()), launcher=os.getpid())
        if not self._records.create(record):
            return
        try:
            with self._log(record.name).open("ab") as log:
                variables = environment(executable, self._root / "imports", self._environ) | self._own
                variables |= self._scratch.make(record.name)
                variables |= job.variables
                variables[_NAME_VARIABLE] = self._mark(record)
                child = self._start(executable, variables, log)
        except OSError as error:
            self._scratch.remove(record.name)
            self._records.remove(record.name)
            raise Transient(
                f"job files cannot be written below {self._root}: {error.strerror or error}", 5.0
            ) from error
        except BaseException:
            self._scratch.remove(record.name)
            self._records.remove(record.name)
            raise
        waiter = threading.Thread(target=self._wait, args=(record.name, child), name=f"job-{record.name}", daemon=True)
        with self._lock:
            self._waiters[record.name] = waiter
        try:  # before the waiter, who reaps: so the process is there to ask for its start
            started_at = psutil.Process(child.pid).create_time()
            self._records.replace(dataclasses.replace(record, pid=child.pid, started_at=started_at))
        except BaseException:
            child.kill()
            self._records.remove(record.name)
            raise
        finally:
            waiter.start()

    def observe(self) -> list[JobState]:
        return [self._state(record) for record in self._records.all()]

    def delete(self, instance_id: str, attempt: int, grace_s: float) -> None:
        record = self._records.get(f"{instance_id}-{attempt}")
        if record is not None:
            self._end(record, grace_s, forget=True)

    def close(self, grace_s: float) -> None:
        """Ends all jobs, each as `delete` does, and keeps what is known of their ends."""
        self._closed = True
        endings = [self._end(record, grace_s, forget=False) for record in self._records.all()]
        for ending in endings:
            ending.thread.join()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        """Ends the launches in which an earlier host died: finds their processes, and forgets what never began."""
        records = self._records.all()
        unfinished = {self._mark(record): record for record in records if record.pid is None and not _is_made(record)}
        for process in psutil.process_iter() if unfinished else ():
            with contextlib.suppress(psutil.Error, OSError):
                mark = process.environ().get(_NAME_VARIABLE, "")
                if mark in unfinished and os.getsid(process.pid) == process.pid:  # the job, not what it has started
                    found = dataclasses.replace(unfinished.pop(mark), pid=process.pid, started_at=process.create_time())
                    self._records.replace(found)
        for record in unfinished.values():
            self._scratch.remove(record.name)
            self._records.remove(record.name)

    def _mark(self, record: JobRecord) -> str:
        return str(self._root / record.name)

    def _log(self, name: str) -> Path:
        return self._root / f"{name}.log"

    def _start(self, executable: str, variables: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            # Without preexec_fn this is a vfork: a host with much memory starts jobs as fast as a small one.
            return subprocess.Popen(
                [executable, "-m", self._module],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=variables,
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno in _SHORT_OF:
                raise Transient(
                    f"no process can be started now: {reason}; end some instances or free some space", 5.0
                ) from error
            raise InvalidInput(f"python {executable!r} cannot be run: {reason}", ("python",)) from error

    def _wait(self, name: str, child: subprocess.Popen[bytes]) -> None:
        """Runs in a thread for each child: reaps it, ends what it left in its group, and keeps its exit status."""
        status = child.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        self._scratch.remove(name)
        try:
            self._records.note_end(name, status)
        except Transient as error:
            _logger.warning("the exit status %d of job %s is lost: %s", status, name, error)
        with self._lock:
            del self._waiters[name]

    def _state(self, record: JobRecord) -> JobState:
        phase, detail, interrupted = JobPhase.RUNNING, None, False
        ours = record.name in self._waiters  # asked before the exit status, which is written first
        status = self._records.exit_status(record.name)
        if status is not None:
            phase = JobPhase.FAILED if status else JobPhase.ENDED
            interrupted = status in _FROM_OUTSIDE
            detail = self._with_last_words(record.name, _reason(status)) if status else None
        elif record.pid is None:
            if self._is_starting(record):
                phase = JobPhase.PENDING
            else:
                phase, detail, interrupted = JobPhase.FAILED, "the zoo ended while it started this job", True
        elif not ours and not _is_alive(record):
            phase, interrupted = JobPhase.FAILED, True
            reason = f"process {record.pid} ended while no zoo was there to see how"
            detail = self._with_last_words(record.name, reason)
        return JobState(record.instance_id, record.attempt, phase, detail, interrupted)

    def _is_starting(self, record: JobRecord) -> bool:
        return (self._clock.now() - moment(record.launched_at)).total_seconds() < _STARTING_S

    def _with_last_words(self, name: str, reason: str) -> str:
        try:
            with self._log(name).open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_WORDS_BYTES))
                lines = log.read().decode(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return "\n".join([f"{reason}; its last words:", *lines[-_LAST_WORDS_LINES:]]) if lines else reason

    def _end(self, record: JobRecord, grace_s: float, *, forget: bool) -> _Ending:
        """Begins to end a job, or hastens an end that has begun."""
        deadline = time.monotonic() + grace_s
        with self._lock:
            ending = self._endings.get(record.name)
            if ending is not None and ending.thread.is_alive():
                ending.deadline = min(ending.deadline, deadline)
                ending.forget = ending.forget or forget
                return ending
            thread = threading.Thread(target=self._see_out, args=(record,), name=f"end-{record.name}", daemon=True)
            ending = self._endings[record.name] = _Ending(thread, deadline, forget)
        thread.start()
        return ending

    def _see_out(self, record: JobRecord) -> None:
        """Runs in a thread for each job that is to end."""
        name = record.name
        ending = self._endings[name]
        while record.pid is None and self._is_starting(record) and time.monotonic() < ending.deadline:
            time.sleep(_POLL_S)
            record = self._records.get(name) or record
        if record.pid is not None:
            if _is_alive(record):
                with contextlib.suppress(ProcessLookupError):
                    # To the runner alone: its own workers are still needed while it saves.
                    os.kill(record.pid, signal.SIGTERM)
            while _is_alive(record) and time.monotonic() < ending.deadline:
                time.sleep(_POLL_S)
            _kill_group(record)
            while _is_alive(record):
                time.sleep(_POLL_S)
        waiter = self._waiters.get(name)
        if waiter is not None:
            waiter.join()
        self._scratch.remove(name)
        with self._lock:
            if ending.forget:
                self._records.remove(name)
                self._log(name).unlink(missing_ok=True)
            del self._endings[name]


@dataclasses.dataclass(slots=True)
class _Ending:
    thread: threading.Thread
    deadline: float  # of time.monotonic(): when patience ends
    forget: bool


def _process(record: JobRecord) -> psutil.Process | None:
    """Returns the job's process, maybe a zombie; None when it is gone, also when its number is another's now."""
    if record.pid is None or record.started_at is None:
        return None
    try:
        process = psutil.Process(record.pid)
        return process if abs(process.create_time() - record.started_at) < _SAME_START_S else None
    except psutil.NoSuchProcess:
        return None


def _is_made(record: JobRecord) -> bool:
    """Tells whether another process launches the job just now: the launcher and the reconciler may be two."""
    if record.launcher is None or record.launcher == os.getpid():
        return False
    try:
        return psutil.Process(record.launcher).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_alive(record: JobRecord) -> bool:
    process = _process(record)
    try:
        return process is not None and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill_group(record: JobRecord) -> None:
    """Kills the job's process and all that it left in its group."""
    if record.pid is None or (psutil.pid_exists(record.pid) and _process(record) is None):
        return  # the number is another's: the system gives it away only when the group is empty
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(record.pid, signal.SIGKILL)


def _reason(status: int) -> str:
    if status > 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
