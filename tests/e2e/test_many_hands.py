"""Several people at one instance at once, while its process is killed now and then: nobody waits in vain."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import pytest
from ainimal_zookeeper.client import Checkpoint, Instance, Zookeeper
from ainimal_zookeeper.domain.errors import Conflict, InvalidTransition, NotFound, Transient, ZookeeperError

from tests.e2e.hosting import HostedZoo, furnish, until
from tests.e2e.worlds import LINE

SEED = int(os.environ.get("ZOO_TEST_SEED", "4"))
HANDS = 4
TURNS = 60  # of each

ZOO = """
models:
  - {path: counter.py}
environments:
  - {name: Line, path: line.py}
"""
FILES = {
    "counter.py": """
class Counter:
    def __init__(self):
        self.count = 0

    def act(self, observation):
        self.count += 1
        return 0
""",
    "line.py": LINE,
}


class Hand:
    """Does what comes to its mind with instances, in a thread, and remembers what it was told."""

    def __init__(self, url: str, ids: list[str], random: Random) -> None:
        self.saved: dict[str, Checkpoint] = {}
        self.deleted: set[str] = set()
        self.failure: BaseException | None = None
        self._url = url
        self._ids = ids
        self._random = random
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        moves: list[Callable[[Instance], object]] = [
            self._save,
            self._save,
            self._restore,
            self._restore,
            self._delete,
            lambda instance: instance.pause(),
            lambda instance: instance.resume(),
            lambda instance: instance.resume(),
            lambda instance: instance.step(self._random.randint(1, 5)),
            lambda instance: instance.rate(self._random.choice([None, 100, 1000])),
        ]
        try:
            with Zookeeper(self._url) as zoo:
                for _ in range(TURNS):
                    # Others are in the way, or the process is gone: that is said, and one goes on.
                    with suppress(InvalidTransition, NotFound, Transient):
                        self._random.choice(moves)(zoo[self._random.choice(self._ids)])
        except BaseException as error:
            self.failure = error

    def _save(self, instance: Instance) -> None:
        saved = instance.save_checkpoint()
        self.saved[saved.id] = saved

    def _restore(self, instance: Instance) -> None:
        if saved := instance.checkpoints():
            before = instance.info.timeline
            with suppress(Conflict):  # somebody else asked for another one since
                assert instance.restore(self._random.choice(saved)).info.timeline > before

    def _delete(self, instance: Instance) -> None:
        saved = instance.checkpoints()
        if len(saved) > 3:
            self.deleted.add(saved[-1].id)
            saved[-1].delete()


@pytest.fixture
def crowded(tmp_path: Path, start_zoo: Callable[..., HostedZoo]) -> HostedZoo:
    """A zoo with a model that keeps a count, and writes no save."""
    furnish(tmp_path, ZOO, FILES)
    return start_zoo(tmp_path)


def test_whatever_many_ask_at_once_each_instance_can_be_used_afterwards(crowded: HostedZoo) -> None:
    """No acknowledged checkpoint is lost, no timeline shrinks, and what is restored last is where it goes on."""
    random = Random(SEED)
    with Zookeeper(crowded.url) as zoo:
        ids = [zoo.launch("Counter", "Line").id for _ in range(2)]
        hands = [Hand(crowded.url, ids, Random(random.random())) for _ in range(HANDS)]
        pause = threading.Event()
        while any(hand.busy for hand in hands):
            pause.wait(random.uniform(1.0, 2.5))
            for runner in crowded.runners()[:1]:
                with suppress(psutil.NoSuchProcess):
                    runner.kill()

        assert [hand.failure for hand in hands if hand.failure is not None] == []
        for id in ids:  # noqa: A001
            check_use(zoo[id])
        promised = {id for hand in hands for id in hand.saved}  # noqa: A001
        deleted = {id for hand in hands for id in hand.deleted}  # noqa: A001
        assert promised - deleted <= {saved.id for saved in zoo.checkpoints("Counter")}


def check_use(instance: Instance) -> None:
    """Saves, goes back and makes a step. An instance may have ended when its process was killed too often."""
    if instance.ended:
        return
    until(lambda: _does(instance.resume) and instance.refresh().phase == "RUNNING")
    saved = until(lambda: _made(instance))
    instance.pause().settled()
    until(lambda: _does(lambda: instance.restore(saved)))
    until(lambda: instance.refresh().phase == "PAUSED" and instance.info.stats.step == saved.step)
    instance.step(1)
    until(lambda: instance.refresh().info.stats.step == saved.step + 1)


def _does(ask: Callable[[], object]) -> bool:
    with suppress(Transient, InvalidTransition):
        ask()
        return True
    return False


def _made(instance: Instance) -> Checkpoint | None:
    with suppress(ZookeeperError):
        return instance.save_checkpoint()
    return None
