"""Kill -9 at any moment, of anything: what was acknowledged stays, and everything ends up where it should be."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
import pytest
from ainimal_zookeeper.client import Instance, Zookeeper
from ainimal_zookeeper.domain.documents import FINAL_PHASES
from ainimal_zookeeper.domain.errors import InvalidTransition, Transient

from tests.e2e.hosting import HostedZoo, furnish, until

ROUNDS = 20
BUDGET_S = 30.0  # a busy machine makes fewer rounds
CROWD = 4  # instances that live at once
BLOWS = ("runner", "runner", "host", "host and runner", "host, and again while it starts")
MODES = ("both", "inference", "none")

ZOO = """
models:
  - {path: walker.py, rate: 20}
environments:
  - {name: Line, path: line.py}
"""
FILES = {
    "walker.py": """
class Walker:
    def act(self, observation):
        return 1

    def train(self, trajectory):
        return 0.0
""",
    "line.py": """
import numpy as np
from ainimal_zookeeper import Env, Modality

class Line(Env):
    observation_modalities = {"place": Modality.vector("place", 1)}
    action_modalities = {"move": Modality.discrete("move", 2)}

    def reset(self, seed=None):
        return np.zeros(1, np.float32)

    def step(self, action):
        return np.zeros(1, np.float32), 1.0, False, False, {}
""",
}


@dataclass
class Promise:
    """What the zoo may say of an instance: what was acknowledged, and what was asked since without an answer."""

    instance: Instance
    modes: set[str] = field(default_factory=lambda: {"both"})
    phases: set[str] = field(default_factory=lambda: {"RUNNING"})


class Keeper:
    """Launches, changes and terminates without a pause in a thread, and remembers what it was promised."""

    def __init__(self, url: str, random: Random) -> None:
        self.promises: dict[str, Promise] = {}
        self.launched = 0
        self.trouble: BaseException | None = None
        self._random = random
        self._zoo = Zookeeper(url)
        self._living: list[str] = []
        self._answered = 0
        self._changed = threading.Condition()
        self._serves = threading.Event()
        self._done = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._serves.set()
        self._thread.start()

    def await_answers(self, count: int) -> None:
        """Returns when `count` more changes have been acknowledged."""
        with self._changed:
            wanted = self._answered + count
            assert self._changed.wait_for(lambda: self._answered >= wanted or self.trouble is not None, 30)
        if self.trouble is not None:
            raise self.trouble

    def zoo_is_gone(self) -> None:
        self._serves.clear()

    def zoo_is_at(self, url: str) -> None:
        if url != self._zoo.url:
            self._zoo.close()
            self._zoo = Zookeeper(url)
        self._serves.set()

    def close(self) -> None:
        self._done = True
        self._serves.set()
        self._thread.join(60)
        self._zoo.close()

    def finish(self) -> None:
        """Ends, with every launch acknowledged."""
        self._done = True
        self._thread.join(30)
        assert not self._thread.is_alive()
        if self.trouble is not None:
            raise self.trouble
        if len(self.promises) < self.launched:
            self._launch()

    def _run(self) -> None:
        try:
            while not self._done:
                self._serves.wait(30)
                self._change()
        except BaseException as error:  # it is raised again in the test's own thread
            self.trouble = error
        with self._changed:
            self._changed.notify_all()

    def _change(self) -> None:
        promise: Promise | None = None
        try:
            if len(self.promises) < self.launched or len(self._living) < CROWD:
                self._launch()
            else:
                promise = self.promises[self._random.choice(self._living)]
                self._alter(promise)
        except Transient:
            return
        except InvalidTransition:  # it has ended: killed, or terminated by a request whose answer was lost
            assert promise is not None
            self._living.remove(promise.instance.id)
            return
        with self._changed:
            self._answered += 1
            self._changed.notify_all()

    def _launch(self) -> None:
        """Launches the next one, or asks again for the one whose launch was not answered."""
        if len(self.promises) == self.launched:
            self.launched += 1
        name = f"number-{self.launched}"
        instance = self._zoo.launch("Walker", "Line", name=name, command_id=name, wait=False)
        self.promises[instance.id] = Promise(instance)
        self._living.append(instance.id)

    def _alter(self, promise: Promise) -> None:
        if self._random.random() < 0.08:
            promise.phases.add("TERMINATED")
            promise.instance.terminate()
            promise.phases = {"TERMINATED"}
            self._living.remove(promise.instance.id)
        else:
            mode = self._random.choice(MODES)
            promise.modes.add(mode)
            promise.instance.mode(mode)
            promise.modes = {mode}


def runners(links: set[str]) -> dict[psutil.Process, tuple[str, str]]:
    """Returns the runner processes of the zoo at `links`, each with its instance and attempt."""
    seen = {process: _variables(process) for process in psutil.process_iter()}
    return {
        process: (variables["ZOO_INSTANCE"], variables["ZOO_ATTEMPT"])
        for process, variables in seen.items()
        if variables.get("ZOO_LINK") in links
    }


def _variables(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ() if "zookeeper_runner" in process.cmdline() else {}
    except psutil.Error:
        return {}


class Target:
    """A zoo that is hit and opened again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.zoo = HostedZoo(folder)
        self.links = {f"{self.zoo.url}/runner"}

    def kill_host(self) -> None:
        self.zoo.process.kill()
        self.zoo.process.wait()

    def kill_runner(self, random: Random) -> str | None:
        """Returns the instance whose runner it was."""
        living = sorted(runners(self.links).items(), key=lambda found: found[0].pid)
        if not living:
            return None
        process, (instance_id, _) = random.choice(living)
        process.kill()
        return instance_id

    def await_end(self, instance_id: str) -> None:
        with Zookeeper(self.zoo.url) as zoo:
            instance = zoo.instance(instance_id)
            until(lambda: instance.refresh().ended, timeout_s=15)

    def open(self) -> str:
        self.zoo = HostedZoo(self._folder)
        self.links.add(f"{self.zoo.url}/runner")
        return self.zoo.url

    def open_and_kill(self, random: Random) -> None:
        """Kills the host somewhere in its start, at the latest when it serves."""
        self.zoo = HostedZoo(self._folder)
        started = psutil.Process(self.zoo.process.pid)
        cpu_s = random.uniform(0.0, 1.2)
        until(lambda: sum(started.cpu_times()[:2]) >= cpu_s or "is open at" in self.zoo.output)
        self.kill_host()


@pytest.mark.parametrize("seed", [20])
def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    """Each instance is where it was asked to be, or has ended with a reason; no attempt runs twice; nothing stays."""
    random = Random(seed)
    furnish(tmp_path, ZOO, FILES)
    target = Target(tmp_path)
    keeper = Keeper(target.zoo.url, Random(seed + 1))
    try:
        begun = time.monotonic()
        for _ in range(ROUNDS):
            if time.monotonic() - begun > BUDGET_S:
                break
            keeper.await_answers(random.randint(1, 5))
            blow = random.choice(BLOWS)
            if "host" in blow:
                target.kill_host()
                keeper.zoo_is_gone()
            hit = target.kill_runner(random) if "runner" in blow else None
            if hit is not None and blow == "runner":
                target.await_end(hit)
            if "again" in blow:
                target.open_and_kill(random)
            if "host" in blow:
                keeper.zoo_is_at(target.open())
            attempts = Counter(runners(target.links).values())
            assert not [attempt for attempt, count in attempts.items() if count > 1]
        keeper.finish()
        with Zookeeper(target.zoo.url) as zoo:
            assert sorted(row.name for row in zoo.instances()) == sorted(
                f"number-{number + 1}" for number in range(keeper.launched)
            )
            for promise in keeper.promises.values():
                check(zoo, promise, target.links)
            for row in zoo.instances():
                if row.phase not in FINAL_PHASES:
                    zoo.instance(row.id).terminate()
            until(lambda: all(row.phase in FINAL_PHASES for row in zoo.instances()), timeout_s=20)
        until(lambda: not runners(target.links), timeout_s=15)
        assert target.zoo.stop() == 0
        assert not runners(target.links)
    finally:
        keeper.close()
        target.zoo.close()
        for left in runners(target.links):
            left.kill()


def check(zoo: Zookeeper, promise: Promise, links: set[str]) -> None:
    """Waits until an instance is where it should be, and compares it with what was promised."""
    instance = zoo.instance(promise.instance.id)
    until(lambda: _has_arrived(instance), timeout_s=30)
    info = instance.info
    assert info.mode in promise.modes
    assert info.desired_phase in promise.phases
    if info.phase == "RUNNING":
        assert (info.id, str(info.attempt)) in runners(links).values()
    elif info.phase != "TERMINATED":
        assert info.failure


def _has_arrived(instance: Instance) -> bool:
    info = instance.refresh().info
    return info.phase in FINAL_PHASES or (info.phase == "RUNNING" and info.desired_phase == "RUNNING")
