"""What attaching adds to a script's steps beside the same steps without it.

One script steps CartPole, bare and through `run.env`, by turns in one process, in a zoo that looks up four times a
second and shows nothing; and logs a number, in a zoo and without one. Each number is the median over turns, of the
thread's own time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium
from ainimal_zookeeper.attachment import Run
from zookeeper_runner.attached.companion import begin
from zookeeper_runner.attached.reach import Introduction
from zookeeper_runner.link import Link
from zookeeper_runner.settings import Settings

from benchmarks.row import Row
from tests.fakes.runner_link import FakeRunnerLink, launch_of, wanted

TURNS, STEPS = 101, 1_000


def stepping(env: Any) -> float:
    """Returns seconds per step."""
    env.reset(seed=0)
    begun = time.thread_time()
    for _ in range(STEPS):
        answer = env.step(0)
        if answer[2] or answer[3]:
            env.reset()
    return (time.thread_time() - begun) / STEPS


def logging(run: Run) -> float:
    """Returns seconds per call."""
    begun = time.thread_time()
    for _ in range(STEPS):
        run.log({"loss": 0.5})
    return (time.thread_time() - begun) / STEPS


def medians(*measured: Callable[[], float]) -> list[float]:
    """Returns the median of each in microseconds, measured by turns."""
    times: list[list[float]] = [[] for _ in measured]
    for _ in range(TURNS):
        for each, measure in zip(times, measured, strict=True):
            each.append(measure())
    return [statistics.median(each) * 1e6 for each in times]


def attached(link: FakeRunnerLink) -> Any:
    variables = link.variables("ins_1")
    settings = Settings(variables["ZOO_LINK"], "ins_1", 1, variables["ZOO_TOKEN"])
    asked = Link(settings)
    return begin(Introduction(settings, "ins_1", "", is_here=True), asked, asked.claim())


def launch() -> dict[str, Any]:
    """Without a flight recorder, which does not remember steps as short as these."""
    settings = {"reportSeconds": 10}
    return launch_of(origin="ATTACHED", desired=wanted(training=True), settings=settings, flight={"seconds": 0})


def made() -> Any:
    return gymnasium.make("CartPole-v1", disable_env_checker=True)


def main() -> list[Row]:
    link = FakeRunnerLink(launch())
    with attached(link) as run:
        bare, seen = made(), run.env(made())
        beside, ours = medians(lambda: stepping(bare), lambda: stepping(seen))
    link.close()
    other = FakeRunnerLink(launch())
    alone = Run()
    with attached(other) as run:
        inert, logged = medians(lambda: logging(alone), lambda: logging(run))
    other.close()
    return [
        {
            "what": "added to a step of CartPole that a script makes, nothing watched",
            "value": ours - beside,
            "unit": "us",
            "bar": "<= 2 us",
            "kept": ours - beside <= 2.0,
        },
        {
            "what": "a step of CartPole that a script makes, nothing watched",
            "value": ours,
            "unit": "us",
            "beside": "the same without a zoo",
            "beside_value": beside,
        },
        {
            "what": "logging a number, which ends a step where there is no environment",
            "value": logged,
            "unit": "us",
            "beside": "without a zoo",
            "beside_value": inert,
        },
    ]
