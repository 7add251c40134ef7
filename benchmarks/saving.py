"""How long a loop stands still while its model of 20 MB is saved, beside the model's own `save`.

A runner's loop, with a model that writes 20 MB and an environment that does next to nothing, is asked for its state 21
times; each is packed, hashed and sent to a runner link of the tests, in this process as well, before the next is asked
for. What the zoo adds is the time between the two steps around a save, less what the model's `save` takes. The longest
other step until the state has arrived is shown beside the longest while nothing is saved.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.documents import SaveRequest
from ainimal_zookeeper.models.agent import Agent, Capabilities
from zookeeper_runner.bell import Bell
from zookeeper_runner.history import History
from zookeeper_runner.journal import Journal
from zookeeper_runner.link import Link
from zookeeper_runner.loop import Loop
from zookeeper_runner.saving import Saver
from zookeeper_runner.session import End, Leave, Session
from zookeeper_runner.settings import Settings
from zookeeper_runner.signals import Signals

from benchmarks.row import Row
from tests.fakes.runner_link import FakeRunnerLink, launch_of, wanted

SAVES = 21
FLOATS = 5_000_000
PROMISED_MS = 20.0
CALM_S = 0.5


class Model:
    def __init__(self) -> None:
        self.took: list[float] = []
        self._weights = np.random.default_rng(0).standard_normal(FLOATS).astype(np.float32)

    def save(self, path: str) -> None:
        began = time.perf_counter()
        np.save(Path(path) / "weights.npy", self._weights)
        self.took.append(time.perf_counter() - began)


class Body:
    """Steps that do nothing but look at the clock; a state is asked for once the one before has arrived.

    forget: called before each, for what need not be kept.
    """

    can_learn = has_past = False

    def __init__(self, session: Session, forget: Callable[[], None]) -> None:
        self.gaps: list[list[float]] = [[]]  # s, between two steps: first without a save, then of each save
        self._session = session
        self._forget = forget
        self._stepped_at = time.perf_counter()
        self._calm_until = self._stepped_at + CALM_S

    def begin(self) -> None: ...

    def cut(self) -> None: ...

    def relearn(self) -> None: ...

    def ready(self, _mode: Any) -> bool:
        return True

    def act(self, _mode: Any) -> None:
        session = self._session
        while True:
            session.counters.step += 1
            now = time.perf_counter()
            self.gaps[-1].append(now - self._stepped_at)
            self._stepped_at = now
            if session.take_answer() or (len(self.gaps) == 1 and now > self._calm_until):
                self._ask()
            if session.bell.rung:
                return

    def _ask(self) -> None:
        number = len(self.gaps)
        self._forget()
        if number > SAVES:
            self._session.end(End.ASKED)
            return
        self.gaps.append([])
        request: SaveRequest = {"id": f"sav_{number}", "tag": None, "authorId": None}
        self._session.offer(wanted(save=request), number + 1)


def main() -> list[Row]:
    launch = launch_of(settings={"hangSeconds": 60})
    runner_link = FakeRunnerLink(launch)
    bell, model = Bell(), Model()
    session = Session(launch, bell)
    signals = Signals(bell)
    body = Body(session, runner_link.objects.clear)
    link = Link(Settings.from_environ(runner_link.variables("ins_1")))
    agent = Agent(forward=dict, can=Capabilities(save=model.save, load=lambda _: None))
    saver = Saver(agent, session, link, tell=lambda _: None, seeds=dict)
    journal = Journal(session, signals, History(0))
    loop = Loop(session, signals, journal, body, on_mode=None, refuse=None, gather=lambda: None, keeping=saver)
    sys.setswitchinterval(0.001)  # as the runner does
    with suppress(Leave):
        loop.run()
    link.close()
    runner_link.close()
    calm, *saves = body.gaps
    added = [max(gaps) - took for gaps, took in zip(saves, model.took, strict=True)]
    others = [sorted(gaps)[-2] for gaps in saves]
    return [
        {
            "what": "what the zoo adds to the step around a save, median",
            "value": statistics.median(added) * 1e3,
            "unit": "ms",
            "beside": "the model's own save, median",
            "beside_value": statistics.median(model.took) * 1e3,
            "bar": f"<= {PROMISED_MS:g} ms",
            "kept": statistics.median(added) * 1e3 <= PROMISED_MS,
        },
        {
            "what": "longest other step until the state has arrived, median",
            "value": statistics.median(others) * 1e3,
            "unit": "ms",
            "beside": f"longest step of {CALM_S:g} s without a save",
            "beside_value": max(calm) * 1e3,
        },
    ]
