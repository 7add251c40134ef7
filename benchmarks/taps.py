"""What taps cost: those that nobody uses beside none at all, and those that are watched beside those that are not.

A network of 20 layers and a class that taps ten values act by turns in one process, without taps, with taps that nobody
uses, and with one that is observed; each number is the median over turns of the thread's own time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from ainimal_zookeeper import tap
from ainimal_zookeeper.models.agent import Agent
from zookeeper_runner.taps import Taps

from benchmarks.row import Row

TURNS, STEPS = 61, 100
LARGE = 4_000_000  # float32: 16 MB
ALLOWED = 1.02  # what nobody uses may cost: as much as measuring varies


def timed(act: Callable[[], Any], steps: int) -> float:
    begun = time.thread_time()
    for _ in range(steps):
        act()
    return (time.thread_time() - begun) / steps


def by_turns(first: Callable[[], float], second: Callable[[], float], turns: int = TURNS) -> tuple[float, float]:
    """Returns the medians of two ways, measured by turns."""
    one: list[float] = []
    other: list[float] = []
    for turn in range(turns):
        pair = [(one, first), (other, second)]
        for times, measure in pair if turn % 2 else reversed(pair):
            times.append(measure())
    return statistics.median(one), statistics.median(other)


class Net:
    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        self.layers = torch.nn.Sequential(*[torch.nn.Linear(16, 16) for _ in range(20)])
        self.seen = torch.zeros(1, 16)

    def act(self) -> Any:
        import torch

        with torch.no_grad():
            return self.layers(self.seen)


class Tapping:
    def __init__(self) -> None:
        self.weights = np.ones((64, 64), np.float32)
        self.seen = np.ones(64, np.float32)

    def act(self) -> Any:
        hidden = self.seen
        for name in "abcdefghij":
            hidden = tap(name, np.tanh(hidden @ self.weights))
        return hidden

    def bare(self) -> Any:
        hidden = self.seen
        for _ in "abcdefghij":
            hidden = np.tanh(hidden @ self.weights)
        return hidden


def used(subject: Any) -> Taps:
    """Returns taps that have learnt what there is."""
    taps = Taps(Agent(forward=lambda values: values, subject=subject))
    taps.signals()
    subject.act()
    taps.news()
    taps.signals()
    return taps


def of_network() -> list[Row]:
    alone, tapped = Net(), Net()
    taps = used(tapped)
    bare, idle = by_turns(lambda: timed(alone.act, STEPS), lambda: timed(tapped.act, STEPS))
    taps.observe("benchmark", frozenset({"activations.layers.10"}))
    plain, watched = by_turns(lambda: timed(alone.act, STEPS), lambda: timed(tapped.act, STEPS))
    taps.close()
    return [
        {
            "what": "a forward of 20 layers of torch, taps that nobody uses",
            "value": idle * 1e6,
            "unit": "us",
            "beside": "without taps",
            "beside_value": bare * 1e6,
            "bar": f"<= {ALLOWED}x",
            "kept": idle <= ALLOWED * bare,
        },
        {
            "what": "added to it by one layer that is observed",
            "value": (watched - plain) * 1e6,
            "unit": "us",
        },
    ]


def of_class() -> list[Row]:
    tapped = Tapping()
    taps = used(tapped)
    bare, idle = by_turns(lambda: timed(tapped.bare, STEPS), lambda: timed(tapped.act, STEPS))
    taps.close()
    return [
        {"what": "added by each call of tap that nobody uses", "value": (idle - bare) * 1e6 / 10, "unit": "us"},
    ]


def of_large() -> list[Row]:
    """A 16 MB activation, read ten times a second of a step of 50 ms: every other step."""
    import torch

    class Large:
        def __init__(self) -> None:
            self.net = torch.nn.Identity()
            self.seen = torch.zeros(LARGE)

        def act(self) -> None:
            self.net(self.seen + 1)

    large = Large()
    taps = used(large)
    taps.observe("benchmark", frozenset({"activations.net"}))

    def read() -> None:
        large.act()
        np.array(taps.read("activations.net"))

    bare, copied = by_turns(lambda: timed(large.act, 4), lambda: timed(read, 4), 15)
    taps.close()
    added = (copied - bare) / 2
    return [
        {
            "what": "added to a step of 50 ms by a 16 MB activation that is read at 10 Hz",
            "value": added * 1e3,
            "unit": "ms",
            "bar": "<= 2.5 ms (1.05x)",
            "kept": added <= 2.5e-3,
        }
    ]


def main() -> list[Row]:
    return [*of_network(), *of_class(), *of_large()]
