"""What a step costs inside the runner beside the bare loop.

Both loops run the same policy in the same environment, by turns in one process; each number is the median over turns.
Nothing is watched and nothing is learnt: this is the price that every step pays. Time is the thread's own, so that
what else the machine does is left out.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from ainimal_zookeeper.environments import load
from ainimal_zookeeper.models.agent import Agent
from zookeeper_runner.acting import Actor
from zookeeper_runner.bell import Bell
from zookeeper_runner.history import History
from zookeeper_runner.journal import Journal
from zookeeper_runner.session import Session
from zookeeper_runner.signals import Signals

from benchmarks.row import Row

TURNS = 151
DESIRED = {"phase": "RUNNING", "mode": {"training": False, "inference": True}, "rate": None, "steps": 0, "resets": 0}
LAUNCH = {
    "instanceId": "ins_bench",
    "attempt": 1,
    "timeline": 0,
    "kind": "instance",
    "desired": DESIRED,
    "generation": 1,
}


def cartpole() -> Any:
    spec = {"type": "gymnasium", "env_name": "CartPole-v1"}
    return load(spec, {}, seed=0, stage=lambda _: None)


def bare_turn(policy: Callable[[Any], int], steps: int) -> float:
    import gymnasium

    env = gymnasium.make("CartPole-v1", render_mode="rgb_array", disable_env_checker=True)
    observation, _ = env.reset(seed=0)
    begun = time.thread_time()
    for _ in range(steps):
        action = policy(observation)
        observation, _reward, terminated, truncated, _info = env.step(action)
        if terminated or truncated:
            observation, _ = env.reset()
    return (time.thread_time() - begun) / steps


def runner_turn(policy: Callable[[Any], int], steps: int) -> float:
    world = cartpole()
    bell = Bell()
    signals = Signals(bell)
    session = Session(LAUNCH, bell)
    journal = Journal(session, signals, History(0))
    agent = Agent(
        forward=lambda inputs: {"action": policy(inputs["observation"])},
        inputs=dict(world.observation),
        outputs=dict(world.action),
    )
    actor = Actor(agent, world, journal, bell, 0)
    actor.begin()
    step = world.step
    left = steps

    def counted(action: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            bell.ring()
        return step(action)

    # The bell is rung from inside the environment; the bare loop pays for its `range` instead.
    world.step = counted
    begun = time.thread_time()
    actor.act(DESIRED["mode"])  # type: ignore[arg-type]
    passed = time.thread_time() - begun
    assert journal.counters.step == steps
    return passed / steps


def counting_cost(steps: int) -> float:
    """Returns what the counting wrapper of `runner_turn` costs per step: it is the benchmark's, not the runner's."""
    left = steps

    def plain(_action: Any) -> None:
        return None

    def counted(action: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            return None
        return plain(action)

    begun = time.thread_time()
    for _ in range(steps):
        counted(0)
    wrapped = time.thread_time() - begun
    begun = time.thread_time()
    for _ in range(steps):
        plain(0)
    return (wrapped - (time.thread_time() - begun)) / steps


def busy(seconds: float) -> Callable[[Any], int]:
    def policy(_observation: Any) -> int:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass
        return 0

    return policy


def compare(policy: Callable[[Any], int], steps: int) -> dict[str, float]:
    bare, runner = [], []
    for turn in range(TURNS):
        pair = [(bare, bare_turn), (runner, runner_turn)]
        for times, measure in pair if turn % 2 else reversed(pair):
            times.append(measure(policy, steps))
    correction = statistics.median(counting_cost(steps) for _ in range(5))
    base, ours = statistics.median(bare), statistics.median(runner) - correction
    overheads = sorted(after - before - correction for before, after in zip(bare, runner, strict=True))
    return {
        "bare_us": base * 1e6,
        "runner_us": ours * 1e6,
        "overhead_us": statistics.median(overheads) * 1e6,
        "ratio": ours / base,
        "wrapper_us": correction * 1e6,
    }


def main() -> list[Row]:
    trivial = compare(lambda _observation: 0, 1_000)
    slow = compare(busy(200e-6), 50)
    return [
        {
            "what": "added to a step of CartPole with a trivial policy, nothing watched",
            "value": trivial["overhead_us"],
            "unit": "us",
            "bar": "<= 2 us",
            "kept": trivial["overhead_us"] <= 2.0,
        },
        {
            "what": "a step of CartPole with a trivial policy, nothing watched",
            "value": trivial["runner_us"],
            "unit": "us",
            "beside": "the bare loop",
            "beside_value": trivial["bare_us"],
        },
        {
            "what": "a step whose policy is busy for 200 us, nothing watched",
            "value": slow["runner_us"],
            "unit": "us",
            "beside": "the bare loop",
            "beside_value": slow["bare_us"],
            "bar": "<= 1.02x",
            "kept": slow["ratio"] <= 1.02,
        },
    ]
