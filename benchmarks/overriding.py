"""What rules that stand cost a step of CartPole with a trivial policy.

Each is measured beside the same step without any rule, by turns in one process; each number is the median over turns.
Time is the thread's own. The rule on weights holds one element, or all, of a million float32: what is compared at each
step, and written where something else is found.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any, cast

import numpy as np
from ainimal_zookeeper.domain.documents import Desired
from ainimal_zookeeper.models.agent import Agent
from zookeeper_runner.acting import Actor
from zookeeper_runner.arrows import Arrows
from zookeeper_runner.bell import Bell
from zookeeper_runner.history import History
from zookeeper_runner.journal import Journal
from zookeeper_runner.overrides import Overrides
from zookeeper_runner.session import Session
from zookeeper_runner.signals import Signals
from zookeeper_runner.taps import Taps

from benchmarks.row import Row
from benchmarks.step_overhead import DESIRED, LAUNCH, cartpole

TURNS = 31
STEPS = 500
RULES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "SET on the action": ("action", "SET", {"value": 1}),
    "BLEND on an input of 4 numbers": ("inputs.observation", "BLEND", {"value": 0, "weight": 0.5}),
    "SET on one of a million weights": ("weights.weight", "SET", {"value": 0.5, "index": [7]}),
    "SCALE on a million weights": ("weights.weight", "SCALE", {"value": 0.5}),
}


class Model:
    """Something with weights, which the policy does not look at."""

    def __init__(self) -> None:
        self.weight = np.ones(1_000_000, np.float32)


def turn(rule: tuple[str, str, dict[str, Any]] | None) -> float:
    """Returns seconds per step."""
    world, bell, model = cartpole(), Bell(), Model()
    signals, session, arrows = Signals(bell), Session(LAUNCH, bell), Arrows()
    journal = Journal(session, signals, History(0))
    agent = Agent(
        forward=lambda _inputs: {"action": 0},
        inputs=dict(world.observation),
        outputs=dict(world.action),
        subject=model,
    )
    actor = Actor(agent, world, journal, bell, 0, arrows)
    taps = Taps(agent)
    overrides = Overrides(session, arrows, lambda: taps)
    if rule is not None:
        path, kind, terms = rule
        document = {"id": "ovr_1", "order": 1, "path": path, "rule": kind, "valueJson": json.dumps(terms)}
        document |= {"expiresAt": None, "expiresInSteps": None, "authorId": None}
        overrides.heed(cast(Desired, {"overrides": [document]}))
    actor.begin()
    step, left = world.step, STEPS

    def counted(action: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            bell.ring()
        return step(action)

    world.step = counted
    bell.answer()
    begun = time.thread_time()
    actor.act(cast(Any, DESIRED["mode"]))
    passed = time.thread_time() - begun
    assert journal.counters.step == STEPS
    assert arrows.plain is (rule is None)
    taps.close()
    return passed / STEPS


def main() -> list[Row]:
    rows: list[Row] = []
    for what, rule in RULES.items():
        with_rule, without = [], []
        for _ in range(TURNS):
            with_rule.append(turn(rule))
            without.append(turn(None))
        rows.append(
            {
                "what": f"a step with a rule that stands: {what}",
                "value": statistics.median(with_rule) * 1e6,
                "unit": "us",
                "beside": "no rule",
                "beside_value": statistics.median(without) * 1e6,
            }
        )
    return rows
