"""Staged functions, installed and served as they are where they are deployed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from ainimal_zookeeper.config import load
from ainimal_zookeeper.staging import stage

EXAMPLE = Path(__file__).parents[2] / "zoo.py"
INSTALL_TIMEOUT_S = 400

_START_S = 60.0
_STOP_S = 15.0


def stage_example(target: Path) -> dict[str, Path]:
    """Returns the staged folders of the example zoo by function."""
    document = load(EXAMPLE, {}).compile().document()
    return {one.function.name: one.folder for one in stage(document, target)}


def install(folder: Path, environment: Path) -> Path:
    """Returns the functions-framework of an environment that has what the staged `folder` asks for, and no more."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    command = [*pip, "install", "--quiet", "--no-compile", "-r", "requirements.txt"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return environment / "bin" / "functions-framework"


@contextmanager
def served(framework: Path, folder: Path, target: str, variables: Mapping[str, str]) -> Iterator[str]:
    """Serves `target` of `folder` and yields its address; afterwards it has ended."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder.parent / f"{target}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [framework, "--target", target, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(process, url, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        if _answers(url):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing answers at {url}:\n{log.read_text(errors='replace')}")


def _answers(url: str) -> bool:
    try:
        httpx.get(f"{url}/robots.txt", timeout=_START_S)  # functions-framework answers it for every function
    except httpx.TransportError:
        return False
    return True
