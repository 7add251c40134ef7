"""Attaching: a script that owns its loop becomes an instance of a zoo, in a handful of lines (docs/attach.md).

run = ainimal_zookeeper.attach()
env = run.env(env)

What does the work is the runner as a library, and is imported only where there is a zoo: without one this module is all
that the script ever loads of it.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from ainimal_zookeeper.domain.errors import ZookeeperError

T = TypeVar("T")

_log = logging.getLogger(__name__)
_warned: set[str] = set()


class Run:
    """A script's place in a zoo. This one has none: it hands back what it is given, and does nothing.

    Nothing of it raises for the zoo's sake; what the script's own functions and environments raise comes through.
    """

    instance_id: str | None = None
    """None without a zoo."""

    def env(self, env: T) -> T:
        """Returns the environment to step instead: of a Gymnasium `Env` or `VectorEnv`, or a vector of
        Stable-Baselines3; one for each run.

        Each step is seen, may be overridden, driven and recorded, and is where a pause holds the script.
        """
        return env

    def watch(self, model: T, name: str | None = None) -> T:
        """Shows a torch module, or the tree of arrays that a function returns; returns `model`.

        name: what its paths begin with, needed where there are several: weights.<name>.<parameter>.
        """
        del name
        return model

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Takes numbers by name, as metrics.<name>. In a script without an environment this is where its steps end.

        step: how many there were; None: one more. Where an environment is watched its steps are what counts.
        """

    def checkpoints(self, save: Callable[[str], Any], load: Callable[[str], Any] | None = None) -> None:
        """Lets people save, and go back, by the script's own functions.

        Both take an empty folder's path, to write what it takes and to read it again; they are called within a step or
        `log`. Without `load` it can be saved, and nobody goes back in it.
        """

    @property
    def stopping(self) -> bool:
        """Whether somebody has asked the script to end; it does when it sees fit."""
        return False

    def close(self) -> None:
        """Says that the script has ended; the end of the process does the same. Idempotent."""

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Run], tuple[()]]:
        return Run, ()  # what goes to another process has no place in the zoo there


def attach(
    name: str | None = None,
    zoo: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> Run:
    """Makes this script an instance of a zoo. Without one in reach it warns once, and the script runs as it would.

    name: of the instance; None: the script's, with a number. zoo: its address; None: `ZOO_SERVER`, else the zoo that
    runs in this folder, else the address that zoos have by default. parameters: for people, as JSON has them. seed:
    what the script has been seeded with; nothing is seeded by it.
    """
    try:
        attached = importlib.import_module("zookeeper_runner.attached")
        run: Run = attached.attach(name, zoo, parameters, seed)
    except ZookeeperError as error:
        warn_once(f"this script runs without a zoo: {error}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the script is its user's and runs
        warn_once(f"this script runs without a zoo: {type(error).__name__}: {error}")
    else:
        return run
    return Run()


def warn_once(message: str) -> None:
    """Logs a warning unless the very same was logged before."""
    if message not in _warned:
        _warned.add(message)
        _log.warning("%s", message)


def forget_warnings() -> None:
    """Lets everything be warned of again."""
    _warned.clear()
