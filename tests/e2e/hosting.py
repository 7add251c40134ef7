"""A real zoo in a process of its own, for tests that need all of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import httpx
import psutil

T = TypeVar("T")

PATIENCE_S = 60.0

TINY_ZOO = """
name: tiny
models:
  - path: pole.py
environments:
  - name: cartpole
    type: gymnasium
    env_name: CartPole-v1
"""
TINY_FILES: Mapping[str, str] = MappingProxyType(
    {"pole.py": "class Pole:\n    def act(self, observation):\n        return 1\n"}
)


class HostedZoo:
    """`python -m ainimal_zookeeper.server` on a configuration file or a folder with one; `with` ends it."""

    def __init__(self, configuration: Path, *arguments: str) -> None:
        folder = configuration if configuration.is_dir() else configuration.parent
        self.folder = folder
        self.state_dir = folder / ".zoo"
        self._out, self._err = folder / "zoo.out", folder / "zoo.err"
        command = [
            sys.executable,
            "-m",
            "ainimal_zookeeper.server",
            "--config",
            str(configuration),
            *(arguments or ("--port", "0")),
        ]
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=out, stderr=err, env={**os.environ, "PYTHONUNBUFFERED": "1"}
            )

    @property
    def output(self) -> str:
        """Everything that it has written to stdout and stderr."""
        return self._out.read_text() + self._err.read_text()

    @property
    def url(self) -> str:
        """The address that it printed. Waits until it serves; fails with what it said when it does not."""

        def printed() -> str | None:
            found = re.search(r"http://\S+:\d+", self._out.read_text())
            assert found or self.process.poll() is None, self.output
            return found[0] if found else None

        return until(printed)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Returns the data that the API answers. Raises: AssertionError with the errors that it answers instead."""
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.url}/graphql", json=body, headers={"Accept": "application/json"}, timeout=30).json()
        assert "errors" not in answer, json.dumps(answer["errors"])
        data: dict[str, Any] = answer["data"]
        return data

    def launch(self, **wanted: Any) -> str:
        """Launches the first model in the first environment (`wanted` goes first). Returns the instance's id."""
        found = self.ask("{ models { nodes { id } } environments { nodes { id } } }")
        given = {"modelId": found["models"]["nodes"][0]["id"], **wanted}
        if found["environments"]["nodes"] and "environmentInstanceId" not in wanted:
            given.setdefault("environmentId", found["environments"]["nodes"][0]["id"])
        answer = self.ask(
            "mutation($i: InstanceLaunchInput!) { instanceLaunch(input: $i)"
            " { instance { id } userErrors { code message } } }",
            i={key: value for key, value in given.items() if value is not None},
        )["instanceLaunch"]
        assert not answer["userErrors"], answer["userErrors"]
        launched: str = answer["instance"]["id"]
        return launched

    def instance(self, id: str) -> dict[str, Any]:
        """Returns how an instance is."""
        found: dict[str, Any] = self.ask(
            "query($i: ID!) { instance(id: $i)"
            " { id name phase stage attempt stats { step } failure { code message traceback } } }",
            i=id,
        )["instance"]
        return found

    def wait(self, id: str, *phases: str) -> dict[str, Any]:
        """Returns the instance once it is in one of `phases`; fails when it ends in another one."""

        def reached() -> dict[str, Any] | None:
            found = self.instance(id)
            if found["phase"] in phases:
                return found
            assert found["phase"] not in {"FAILED", "LOST", "TERMINATED"}, f"{found}\n{self.output}"
            return None

        return until(reached)

    def stop(self, number: signal.Signals = signal.SIGINT, timeout_s: float = PATIENCE_S) -> int:
        """Sends a signal and returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def runners(self) -> list[psutil.Process]:
        """Returns the processes that run its instances."""
        found = []
        for record in (self.state_dir / "jobs").glob("*.json"):
            pid = json.loads(record.read_text()).get("pid")
            if pid is not None and psutil.pid_exists(pid):
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def __enter__(self) -> HostedZoo:
        assert self.url
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends it, whatever state it is in, with all that it started."""
        try:
            self.stop(timeout_s=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for runner in self.runners():
            runner.kill()


def furnish(folder: Path, config: str = TINY_ZOO, files: Mapping[str, str] = TINY_FILES) -> None:
    """Writes `zoo.yaml` and the files of its models into `folder`."""
    for name, text in {"zoo.yaml": config, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def until(condition: Callable[[], T | None], timeout_s: float = PATIENCE_S) -> T:
    """Returns the first value of `condition` that is true. Fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"nothing happened within {timeout_s:g} s")
