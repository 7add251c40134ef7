"""Ticker: does something again and again until it is closed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ainimal_zookeeper.domain.errors import ZookeeperError

_log = logging.getLogger(__name__)


class Ticker:
    """Calls `task` every `period_s` seconds in a thread of its own; what it raises is logged once, while it lasts."""

    def __init__(self, name: str, task: Callable[[], None], period_s: float) -> None:
        self._task = task
        self._period_s = period_s
        self._closing = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when `task` runs no more, or hangs: then it ends with the process."""
        self._closing.set()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while not self._closing.wait(self._period_s):
            self._tick()

    def _tick(self) -> None:
        try:
            self._task()
        except ZookeeperError as error:
            self._note(error.message)
        except Exception as error:  # noqa: BLE001  one failed round must not end all later ones
            self._note(repr(error), error)
        else:
            self._trouble = None

    def _note(self, trouble: str, error: Exception | None = None) -> None:
        if trouble != self._trouble and not self._closing.is_set():
            self._trouble = trouble
            _log.warning("%s: %s", self._thread.name, trouble, exc_info=error)
