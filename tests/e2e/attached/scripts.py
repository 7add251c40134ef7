"""Scripts that attach themselves, in processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from ainimal_zookeeper.client import Instance, Zookeeper

from tests.e2e.hosting import PATIENCE_S, until

HERE = Path(__file__).parent


class Script:
    """A script of this folder that runs in a zoo; `with` ends it."""

    def __init__(self, name: str, zoo: Zookeeper, folder: Path, *arguments: str) -> None:
        self._said = folder / f"{name}.out"
        self._name = name
        self._zoo = zoo
        self._known = {row.id for row in zoo.instances()}
        environment = {**os.environ, "ZOO_SERVER": zoo.url, "OMP_NUM_THREADS": "1"}
        with self._said.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / f"{name}.py"), *arguments],
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
            )

    @property
    def output(self) -> str:
        return self._said.read_text()

    def instance(self) -> Instance:
        """Returns the instance that the script has become, once it runs."""

        def found() -> Instance | None:
            assert self.process.poll() is None, self.output
            fresh = [row.id for row in self._zoo.instances() if row.id not in self._known]
            return self._zoo.instance(fresh[0]) if fresh else None

        return until(found).wait("RUNNING", timeout_s=PATIENCE_S)

    def interrupt(self) -> int:
        """Does what Ctrl-C does, and returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def added_lines(name: str) -> list[str]:
    """Returns the lines of a script that are there for the zoo."""
    return re.findall(r"^.*# zoo$", (HERE / f"{name}.py").read_text(), re.MULTILINE)
