"""Idling: a runner's attempt, in this process, whose environment does next to nothing: what is added to it shows."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from ainimal_zookeeper.domain.documents import Desired
from ainimal_zookeeper.models.agent import Agent
from zookeeper_runner.bell import Bell
from zookeeper_runner.history import History
from zookeeper_runner.journal import Journal
from zookeeper_runner.link import Link
from zookeeper_runner.loop import Loop
from zookeeper_runner.restoring import Restorer
from zookeeper_runner.saving import Saver
from zookeeper_runner.session import End, Leave, Session
from zookeeper_runner.settings import Settings
from zookeeper_runner.signals import Signals
from zookeeper_runner.stage import Stage

from tests.fakes.runner_link import FakeRunnerLink, launch_of

CALM_S = 0.5


class Idling:
    """An attempt of `agent` and the runner link that it asks; `with` ends both.

    gaps: seconds between two steps: first for CALM_S without a request, then of each request until it is answered.
    took: seconds of each request, until the first step that knows its answer. answers: what they were.
    """

    can_learn = has_past = False

    def __init__(self, agent: Agent) -> None:
        launch = launch_of(settings={"hangSeconds": 60, "orphanSeconds": 600})
        self.runner_link = FakeRunnerLink(launch)
        self.gaps: list[list[float]] = [[]]
        self.took: list[float] = []
        self.answers: list[Mapping[str, Any]] = []
        self._requests: Iterator[Desired] = iter(())
        self._session = Session(launch, Bell())
        self._stage = Stage(self, agent)
        self._link = Link(Settings.from_environ(self.runner_link.variables("ins_1")))
        self._stepped_at = self._asked_at = 0.0

    def __enter__(self) -> Idling:
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()
        self.runner_link.close()

    def run(self, requests: Iterator[Desired]) -> None:
        """Asks for what comes, each once the one before is answered."""
        session, signals, agent = self._session, Signals(self._session.bell), self._stage.agent
        journal = Journal(session, signals, History(0))
        put_back, silent = self._stage.put_back, lambda _: None
        loop = Loop(
            session,
            signals,
            journal,
            self,
            on_mode=None,
            refuse=None,
            gather=lambda: None,
            keeping=Saver(agent, session, self._link, tell=silent, seeds=dict, body=self),
            going_back=Restorer(session, self._link, journal, put_back=put_back, warn=silent, tell=silent),
        )
        self._requests = requests
        self._stepped_at = self._asked_at = time.perf_counter()
        interval = sys.getswitchinterval()
        sys.setswitchinterval(0.001)  # as the runner does, the next line too
        gc.freeze()
        try:
            with suppress(Leave):
                loop.run()
        finally:
            gc.unfreeze()
            sys.setswitchinterval(interval)

    # --- the body: step thread -----------------------------------------------------------------------------------

    def act(self, _mode: Any) -> None:
        session = self._session
        while True:
            session.counters.step += 1
            now = time.perf_counter()
            self.gaps[-1].append(now - self._stepped_at)
            self._stepped_at = now
            answer = session.take_answer()
            if answer:
                self.took.append(now - self._asked_at)
                self.answers.append(answer)
            if answer or (len(self.gaps) == 1 and now - self._asked_at > CALM_S):
                self._ask()
            if session.bell.rung:
                return

    def _ask(self) -> None:
        wanted = next(self._requests, None)
        if wanted is None:
            self._session.end(End.ASKED)
            return
        self.gaps.append([])
        self._stepped_at = self._asked_at = time.perf_counter()
        self._session.offer(wanted, len(self.gaps))

    def snapshot(self) -> dict[str, Any]:
        return {"episodeStep": 0}

    def put_back(self, _kept: Mapping[str, Any] | None, become: Callable[[], None]) -> list[str]:
        become()
        return []

    def begin(self) -> None: ...

    def cut(self) -> None: ...

    def relearn(self) -> None: ...

    def ready(self, _mode: Any) -> bool:
        return True
