"""Side processes are started, kept, logged and ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import indent
from typing import Any

import psutil
import pytest
from ainimal_zookeeper.config import SideProcessSpec
from ainimal_zookeeper.server import side_guard
from ainimal_zookeeper.server.processes import SideProcesses, command

from tests.fakes.clock import FakeClock

PATIENCE_S = 20.0  # for a machine under load; no test waits for it
Make = Callable[..., SideProcesses]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[SideProcesses] = []

    def build(*specs: SideProcessSpec, **settings: Any) -> SideProcesses:
        settings.setdefault("delays_s", (0.0,))
        processes = SideProcesses(specs, tmp_path / "logs", settings.pop("clock", FakeClock()), **settings)
        made.append(processes)
        return processes

    yield build
    for processes in made:
        processes.close(0.0)


def python(folder: Path, code: str, name: str = "child", **settings: Any) -> SideProcessSpec:
    script = folder / f"{name}.py"
    script.write_text(code)
    environ = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, **settings.pop("environ", {})}
    return SideProcessSpec(name, f"$PYTHON -u {name}.py", folder, environ, **settings)


class Said:
    """What children write into the FIFO `said`: hearing it takes as long as it takes, and no longer."""

    def __init__(self, folder: Path) -> None:
        os.mkfifo(folder / "said")
        self._descriptor = os.open(folder / "said", os.O_RDWR | os.O_NONBLOCK)

    def hear(self) -> str:
        ready, _, _ = select.select([self._descriptor], [], [], PATIENCE_S)
        assert ready, "no child said anything"
        return os.read(self._descriptor, 4096).decode()

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def said(tmp_path: Path) -> Iterator[Said]:
    fifo = Said(tmp_path)
    yield fifo
    fifo.close()


SAY_PID = "import os; open('said', 'w').write(str(os.getpid()))\n"
LINGER = "import signal\nsignal.pause()\n"


def test_runs_a_command_with_its_variables_filled_in(make: Make, tmp_path: Path, said: Said) -> None:
    """$NAME in a command is taken from its environment, and a filled-in value is never split again."""
    code = "import sys; open('said', 'w').write(repr(sys.argv[1:]))\n" + LINGER
    spec = python(tmp_path, code, environ={"GREETING": "two words", "EMPTY": ""})
    spec = SideProcessSpec(spec.name, spec.cmd + " $GREETING ${GREETING}! '' '*'", spec.cwd, spec.environ)
    make(spec).start()

    assert said.hear() == "['two words', 'two words!', '', '*']"


def test_a_shell_reads_the_command_only_when_asked() -> None:
    """Without `shell`, nothing in a command is interpreted but variables."""
    cwd = Path("/")

    assert command(SideProcessSpec("a", "echo $A; rm -rf '*'", cwd, {"A": "1"})) == ["echo", "1;", "rm", "-rf", "*"]
    spec = SideProcessSpec("a", "echo $A", cwd, {"A": "1"}, shell=True)  # noqa: S604 - no shell runs here
    assert command(spec) == ["/bin/sh", "-c", "echo $A"]


def test_a_process_that_ends_is_started_again(make: Make, tmp_path: Path) -> None:
    """A crash is followed by restarts, which are counted and whose reason is in the log."""
    processes = make(python(tmp_path, "print('hello'); raise SystemExit(3)"))
    processes.start()

    assert processes.wait_for(lambda states: states[0]["restarts"] >= 2, PATIENCE_S)
    processes.close(1.0)
    log = (tmp_path / "logs" / "child.log").read_text()
    assert log.count("hello") >= 2
    assert "ended with status 3; it is started again in 0 s" in log


def test_a_process_that_need_not_run_again_does_not(make: Make, tmp_path: Path, said: Said) -> None:
    """`restart: false` is for commands that do one thing and end."""
    processes = make(python(tmp_path, SAY_PID, restart=False))
    processes.start()
    said.hear()

    assert processes.wait_for(lambda states: not states[0]["running"], PATIENCE_S)
    assert processes.snapshot() == [{"name": "child", "running": False, "restarts": 0, "url": None}]


def test_the_delay_grows_and_starts_over_after_a_steady_run(make: Make, tmp_path: Path) -> None:
    """Crashes in a row wait longer each time; a process that ran for `steady_s` begins with the shortest delay."""

    class Steps(FakeClock):
        """Each run looks as if it had taken as long as the next of `runs_s`."""

        runs_s = iter([1.0, 1.0, 40.0, 1.0])
        calls = 0

        def now(self) -> Any:
            self.calls += 1
            if self.calls % 2 == 0:
                self.advance(next(self.runs_s, 1.0))
            return super().now()

    processes = make(
        python(tmp_path, "raise SystemExit(1)"), clock=Steps(), delays_s=(0.001, 0.002, 0.003), steady_s=30.0
    )
    processes.start()
    assert processes.wait_for(lambda states: states[0]["restarts"] >= 4, PATIENCE_S)
    processes.close(1.0)

    delays = [line.rsplit(" ", 2)[1] for line in (tmp_path / "logs" / "child.log").read_text().splitlines()[:4]]
    assert delays == ["0.001", "0.002", "0.001", "0.002"]


def test_a_command_that_cannot_be_started_is_tried_again(make: Make, tmp_path: Path) -> None:
    """A missing program is no reason to stop: the log names it."""
    processes = make(SideProcessSpec("gone", "no-such-program-here", tmp_path, {"PATH": "/nowhere"}))
    processes.start()

    assert processes.wait_for(lambda states: states[0]["restarts"] >= 1, PATIENCE_S)
    processes.close(1.0)
    assert "cannot be started: " in (tmp_path / "logs" / "gone.log").read_text()


def test_logs_stay_within_their_size(make: Make, tmp_path: Path, said: Said) -> None:
    """The two log files of a process never hold more than their bound each, and the newest lines are there."""
    code = "import sys\nfor i in range(20000): print('line', i)\nsys.stdout.flush()\n" + SAY_PID
    processes = make(python(tmp_path, code, restart=False), log_bytes=10_000)
    processes.start()
    said.hear()
    assert processes.wait_for(lambda states: not states[0]["running"], PATIENCE_S)
    processes.close(1.0)

    sizes = {path.name: path.stat().st_size for path in (tmp_path / "logs").iterdir()}
    assert set(sizes) == {"child.log", "child.log.1"}
    assert max(sizes.values()) <= 10_000
    newest = "".join((tmp_path / "logs" / name).read_text() for name in ("child.log.1", "child.log"))
    assert "line 19999\n" in newest


def test_the_environment_is_never_shown(tmp_path: Path) -> None:
    """A specification may be logged: its environment, which holds secrets, is not part of it."""
    spec = SideProcessSpec("a", "run $TOKEN", tmp_path, {"TOKEN": "hunter2-hunter2"})

    assert "hunter2" not in repr(spec)


def test_close_ends_what_ignores_sigterm(make: Make, tmp_path: Path, said: Said) -> None:
    """After the grace, SIGKILL follows."""
    code = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SAY_PID + "while True: signal.pause()\n"
    processes = make(python(tmp_path, code))
    processes.start()
    pid = int(said.hear())
    processes.close(0.05)

    assert not alive(pid)
    assert processes.snapshot()[0]["running"] is False


def test_close_lets_a_process_finish_within_the_grace(make: Make, tmp_path: Path, said: Said) -> None:
    """SIGTERM comes once, and what a process does then is not cut short."""
    code = (
        "import signal\nasked = {signal.SIGTERM}\nsignal.pthread_sigmask(signal.SIG_BLOCK, asked)\n"
        + SAY_PID
        + "signal.sigwait(asked)\nprint('again' if signal.sigtimedwait(asked, 0.1) else 'saved')\n"
    )
    processes = make(python(tmp_path, code))
    processes.start()
    said.hear()
    processes.close(PATIENCE_S)

    log = (tmp_path / "logs" / "child.log").read_text()
    assert "saved\n" in log
    assert "again" not in log


@pytest.mark.parametrize("detached", [False, True], ids=["child", "daemon"])
def test_descendants_end_with_the_zoo(make: Make, tmp_path: Path, said: Said, *, detached: bool) -> None:
    """A process that forks leaves nobody behind, not even a daemon in a session of its own."""
    leave = "os.setsid()\nif os.fork(): os._exit(0)\n" if detached else ""
    code = "import os\nif os.fork() == 0:\n" + indent(leave + SAY_PID + LINGER, "    ") + LINGER
    processes = make(python(tmp_path, code))
    processes.start()
    pid = int(said.hear())
    assert alive(pid)
    processes.close(PATIENCE_S)

    assert not alive(pid)


def test_a_killed_zoo_leaves_nobody_behind(tmp_path: Path, said: Said) -> None:
    """Even SIGKILL to the zoo ends its side processes: a guard sees that it is gone."""
    (tmp_path / "child.py").write_text(SAY_PID + LINGER)
    zoo = tmp_path / "zoo.py"
    zoo.write_text(
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from ainimal_zookeeper.adapters.embedded.clock import SystemClock\n"
        "from ainimal_zookeeper.config import SideProcessSpec\n"
        "from ainimal_zookeeper.server.processes import SideProcesses\n"
        "spec = SideProcessSpec('child', f'{sys.executable} child.py', Path.cwd(), dict(os.environ))\n"
        "SideProcesses([spec], Path('logs'), SystemClock()).start()\n"
        "signal.pause()\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, str(zoo)], cwd=tmp_path, env=environ) as server:
        try:
            child = psutil.Process(int(said.hear()))
        finally:
            server.kill()

    child.wait(PATIENCE_S)
    assert not child.is_running()


def test_what_an_earlier_zoo_left_is_ended_first(make: Make, tmp_path: Path, said: Said) -> None:
    """When even the guard was killed, the next start cleans up."""
    spec = python(tmp_path, SAY_PID + LINGER)
    processes = make(spec)
    mark = f"{processes._mark}:0:"
    with subprocess.Popen(
        command(spec), cwd=tmp_path, env={**spec.environ, side_guard.MARK: mark}, start_new_session=True
    ) as left:
        assert int(said.hear()) == left.pid
        processes.start()

        assert left.wait(PATIENCE_S) == -signal.SIGTERM
    assert int(said.hear()) != left.pid


def test_close_is_idempotent_and_needs_no_start(make: Make, tmp_path: Path) -> None:
    """Closing twice, or without a start, does nothing."""
    processes = make(python(tmp_path, LINGER))
    processes.close(0.0)
    processes.close(0.0)

    assert processes.snapshot()[0]["running"] is False


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def test_close_may_be_hastened_from_another_thread(make: Make, tmp_path: Path, said: Said) -> None:
    """Who presses Ctrl-C twice does not wait for the patience of the first, and neither call fails."""
    processes = make(
        python(tmp_path, "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SAY_PID + LINGER)
    )
    processes.start()
    child = psutil.Process(int(said.hear()))
    with ThreadPoolExecutor() as pool:
        patient = pool.submit(processes.close, PATIENCE_S)
        hasty = pool.submit(processes.close, 0.0)
        hasty.result(PATIENCE_S / 2)
        patient.result(PATIENCE_S / 2)
    assert not child.is_running()
