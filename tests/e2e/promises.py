"""Promises: what a zoo has acknowledged, remembered by those who asked, and compared with what became of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from random import Random

from ainimal_zookeeper.client import Instance, InstanceInfo, Zookeeper
from ainimal_zookeeper.domain.documents import FINAL_PHASES
from ainimal_zookeeper.domain.errors import InvalidTransition, NotFound, Transient

from tests.e2e.hosting import until
from tests.e2e.worlds import LINE

CROWD = 4  # instances of one keeper that live at once
_PAUSE_S = 0.05  # before it asks again what was not answered
MODES = ("both", "inference", "none")

ZOO = """
models:
  - {path: walker.py, rate: 20}
environments:
  - {name: Line, path: line.py}
"""
FILES = {
    "walker.py": """
from pathlib import Path

class Walker:
    def act(self, observation):
        return 1

    def train(self, trajectory):
        return 0.0

    def save(self, path):
        (Path(path) / "way").write_text("on")

    def load(self, path):
        assert (Path(path) / "way").read_text() == "on"
""",
    "line.py": LINE,
}


@dataclass
class Promise:
    """What the zoo may say of an instance: what was acknowledged, and what was asked since without an answer."""

    instance: Instance
    modes: set[str] = field(default_factory=lambda: {"both"})
    phases: set[str] = field(default_factory=lambda: {"RUNNING"})
    may_be_gone: bool = False
    must_be_gone: bool = False

    def check(self, zoo: Zookeeper, timeout_s: float = 30.0) -> InstanceInfo | None:
        """Waits until the instance is where it should be and compares that with what was promised.

        Returns how it is; None when it was deleted.
        """
        try:
            instance = zoo.instance(self.instance.id)
            assert not self.must_be_gone, f"{self.instance.id} was deleted and is there again"
            until(lambda: has_arrived(instance.refresh().info), timeout_s)
        except NotFound:
            assert self.may_be_gone, f"{self.instance.id} is gone and nobody deleted it"
            return None
        except AssertionError as error:
            raise AssertionError(f"{instance.info}: {error}") from error
        info = instance.info
        assert info.mode in self.modes, info
        assert info.desired_phase in self.phases, info
        assert info.phase not in {"FAILED", "LOST"} or info.failure, info
        return info


def has_arrived(info: InstanceInfo) -> bool:
    """Whether an instance has ended, or is what was asked of it."""
    follows = info.phase == info.desired_phase and info.observed_generation == info.generation
    return info.phase in FINAL_PHASES or follows


class Keeper:
    """Launches, changes, terminates and deletes without a pause, in a thread, and remembers what it was promised."""

    def __init__(self, url: str, random: Random, name: str = "number") -> None:
        """`name` begins the names of its instances."""
        self.promises: dict[str, Promise] = {}
        self.launched = 0
        self.answered = 0
        self.trouble: BaseException | None = None
        self._name = name
        self._random = random
        self._zoo = Zookeeper(url)
        self._living: list[str] = []
        self._ended: list[str] = []
        self._changed = threading.Condition()
        self._serves = threading.Event()
        self._done = False
        self._thread = threading.Thread(target=self._run, name=f"keeper-{name}", daemon=True)
        self._serves.set()
        self._thread.start()

    def await_answers(self, count: int, timeout_s: float = 30.0) -> bool:
        """Returns when `count` more changes have been acknowledged; False when that takes too long."""
        with self._changed:
            wanted = self.answered + count
            answered = self._changed.wait_for(lambda: self.answered >= wanted or self.trouble is not None, timeout_s)
        if self.trouble is not None:
            raise self.trouble
        return answered

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
        self._thread.join(60)
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
        try:
            if len(self.promises) < self.launched or len(self._living) < CROWD:
                self._launch()
            elif self._ended and self._random.random() < 0.3:
                self._delete(self._ended[0])
            else:
                self._alter(self._random.choice(self._living))
        except Transient:
            time.sleep(_PAUSE_S)
            return
        with self._changed:
            self.answered += 1
            self._changed.notify_all()

    def _launch(self) -> None:
        """Launches the next one, or asks again for the one whose launch was not answered."""
        if len(self.promises) == self.launched:
            self.launched += 1
        name = f"{self._name}-{self.launched}"
        instance = self._zoo.launch("Walker", "Line", name=name, command_id=name, wait=False)
        assert instance.id not in self.promises, f"{name} was answered with {instance.id}, which is another"
        self.promises[instance.id] = Promise(instance)
        self._living.append(instance.id)

    def _alter(self, instance_id: str) -> None:
        promise = self.promises[instance_id]
        wish = self._random.random()
        try:
            if wish < 0.08:
                promise.phases.add("TERMINATED")
                promise.instance.terminate()
                promise.phases = {"TERMINATED"}
                self._has_ended(instance_id)
            elif wish < 0.4:
                pauses = wish < 0.24
                phase = "PAUSED" if pauses else "RUNNING"
                promise.phases.add(phase)
                (promise.instance.pause if pauses else promise.instance.resume)()
                promise.phases = {phase}
            else:
                mode = self._random.choice(MODES)
                promise.modes.add(mode)
                promise.instance.mode(mode)
                promise.modes = {mode}
        except InvalidTransition:  # it has ended: killed, or terminated by a request whose answer was lost
            self._has_ended(instance_id)

    def _has_ended(self, instance_id: str) -> None:
        self._living.remove(instance_id)
        self._ended.append(instance_id)

    def _delete(self, instance_id: str) -> None:
        """Deletes every second one that has ended; the others stay, to be looked at in the end."""
        promise = self.promises[instance_id]
        if self._random.random() < 0.5 and not promise.may_be_gone:
            self._ended.remove(instance_id)
            return
        promise.may_be_gone = True
        try:
            promise.instance.delete()
        except NotFound:  # by a request whose answer was lost
            pass
        except InvalidTransition:  # it is still stopping
            promise.may_be_gone = False
            self._ended.append(self._ended.pop(0))
            return
        promise.must_be_gone = True
        self._ended.remove(instance_id)


def check_names(zoo: Zookeeper, keepers: list[Keeper]) -> None:
    """Nothing is there that nobody launched, nothing twice, and all that was not deleted."""
    names = sorted(row.name for row in zoo.instances())
    assert len(names) == len(set(names)), names
    promises = [promise for keeper in keepers for promise in keeper.promises.values()]
    must = {promise.instance.name for promise in promises if not promise.may_be_gone}
    may = {promise.instance.name for promise in promises if not promise.must_be_gone}
    assert must <= set(names) <= may, (must - set(names), set(names) - may)
