"""Checkpoints of a whole zoo: saved while it runs, gone back to, launched from, and what faults make of them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ainimal_zookeeper.client import Checkpoint, Instance, Zookeeper
from ainimal_zookeeper.domain.errors import AInimalFault, AlreadyExists, InvalidInput, InvalidTransition, Transient

from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until
from tests.e2e.worlds import LINE

ZOO = """
name: states
models:
  - {path: counter.py, rate: 200}
  - {name: Saved, path: counter.py, class_name: Counter, rate: 200, autosave_steps: 20, keep_checkpoints: 2}
  - {path: other.py}
environments:
  - {name: Line, path: line.py}
"""
COUNTER = """
import json, time
from pathlib import Path

class Counter:
    def __init__(self, breaks: bool = False, slow: float = 0.0, fragile: bool = False):
        self.calls, self.breaks, self.slow, self.fragile = 0, breaks, slow, fragile

    def act(self, observation):
        self.calls += 1
        return 1

    def save(self, path):
        (Path(path) / "calls.json").write_text(json.dumps(self.calls))
        print("saving", self.calls, flush=True)
        time.sleep(self.slow)
        if self.breaks:
            raise OSError("no such luck")

    def load(self, path):
        if self.fragile and self.calls:
            raise ValueError("no way back")
        self.calls = json.loads((Path(path) / "calls.json").read_text())
        print("loaded", self.calls, flush=True)
"""
FILES = {
    "counter.py": COUNTER,
    "other.py": COUNTER.replace("class Counter", "class Other"),
    "line.py": LINE,
}


@pytest.fixture
def states(tmp_path: Path, start_zoo: ZooStarter) -> Iterator[HostedZoo]:
    furnish(tmp_path, ZOO, FILES)
    with start_zoo(tmp_path) as hosted:
        yield hosted


@pytest.fixture
def client(states: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(states.url) as zoo:
        yield zoo


def launched(client: Zookeeper, model: str = "Counter", **changes: object) -> Instance:
    """Launches one and waits until it has made some steps."""
    instance = client.launch(model, "Line", seed=1, **changes)  # type: ignore[arg-type]
    until(lambda: instance.refresh().info.stats.step > 20)
    return instance


def goes_on(instance: Instance, attempt: int) -> None:
    """Waits until a later attempt runs, as such a one does."""
    until(lambda: instance.refresh().info.attempt == attempt and instance.info.phase == "RUNNING")


def loaded(instance: Instance) -> list[int]:
    """Returns the calls that its model has printed when it was loaded."""
    return [int(line.text.split()[1]) for line in instance.logs() if line.text.startswith("loaded ")]


def test_who_runs_is_saved_killed_and_goes_on_from_there(states: HostedZoo, client: Zookeeper) -> None:
    """It loses no step to the save, and only those after it to the kill."""
    instance = launched(client)
    before = instance.refresh().info.stats.step
    first, second = instance.save_checkpoint("steady"), instance.save_checkpoint()

    assert before <= first.step < second.step
    assert (first.tag, first.kind, first.kept, first.timeline) == ("steady", "ASKED", True, 1)
    assert second.parents == (first.commit,)
    assert [each.id for each in instance.checkpoints()] == [second.id, first.id]
    states.runners()[0].kill()
    goes_on(instance, 2)
    assert until(lambda: loaded(instance)) == [second.step]
    third = instance.save_checkpoint()
    assert third.timeline == 2
    assert third.step > second.step
    assert third.parents == (second.commit,)


def test_it_goes_back_and_another_begins_there(client: Zookeeper) -> None:
    """In its process, on a timeline of its own; what is launched from a checkpoint grows from it."""
    instance = launched(client)
    steady = instance.save_checkpoint("steady")
    later = instance.save_checkpoint("later")

    instance.restore("steady")

    assert (instance.info.attempt, instance.info.timeline) == (1, 2)
    assert until(lambda: loaded(instance)) == [steady.step]
    again = instance.save_checkpoint()
    assert (again.timeline, again.parents) == (2, (steady.commit,))
    assert again.step >= steady.step
    until(lambda: instance.metrics("env.reward")["env.reward"].timeline == 2)
    instance.restore(later)
    assert (instance.info.attempt, instance.info.timeline) == (1, 3)
    other = client.launch("Counter", "Line", checkpoint=steady, name="other")
    assert until(lambda: loaded(other)) == [steady.step]
    saved = other.save_checkpoint()
    assert saved.step >= steady.step
    assert saved.parents == (steady.commit,)
    assert {row.tag for row in client.checkpoints("Counter")} == {"steady", "later", again.tag, saved.tag}


def test_a_load_that_raises_starts_it_again_from_its_newest_checkpoint(client: Zookeeper) -> None:
    """Half of another state is none to go on with, and nothing of it is saved; whoever asked learns where and why."""
    instance = launched(client, fragile=True)
    first, newest = instance.save_checkpoint("first"), instance.save_checkpoint("newest")

    with pytest.raises(AInimalFault, match=r"ValueError: no way back.*starts again from its newest checkpoint"):
        instance.restore(first)

    goes_on(instance, 2)
    assert until(lambda: loaded(instance)) == [newest.step]
    assert instance.info.timeline == 2
    assert [each.tag for each in instance.checkpoints()] == ["newest", "first"]


def test_an_end_waits_for_what_is_being_saved(client: Zookeeper) -> None:
    """Whoever asked gets the checkpoint, which is of the last step."""
    instance = launched(client, slow=1.0)
    made: list[Checkpoint] = []
    saving = threading.Thread(target=lambda: made.append(instance.save_checkpoint("last")))
    saving.start()
    until(lambda: any(line.text.startswith("saving") for line in instance.logs()))
    client.instance(instance.id).terminate()
    saving.join()

    assert [saved.tag for saved in made] == ["last"]
    until(lambda: instance.refresh().phase == "TERMINATED")
    assert instance.info.stats.step == made[0].step


def test_it_is_saved_while_it_is_paused(client: Zookeeper) -> None:
    """Where it stands, twice under different names."""
    instance = launched(client).pause()
    first, second = instance.save_checkpoint(), instance.save_checkpoint()

    assert first.step == second.step == instance.refresh().info.stats.step
    assert first.tag != second.tag
    assert instance.info.phase == "PAUSED"


def test_a_save_that_raises_makes_no_tag(client: Zookeeper) -> None:
    """Whoever asked learns where; it goes on."""
    instance = launched(client, breaks=True)

    with pytest.raises(AInimalFault, match=r"OSError: no such luck, in save \(counter.py:18\)"):
        instance.save_checkpoint("broken")

    assert client.checkpoints("Counter") == []
    step = instance.refresh().info.stats.step
    assert until(lambda: instance.refresh().info.stats.step > step)
    assert instance.info.phase == "RUNNING"


def test_what_cannot_be_is_refused(client: Zookeeper) -> None:
    """A tag twice, a tag that is none for git, a checkpoint of another class; nothing changes."""
    instance = launched(client)
    steady = instance.save_checkpoint("steady")

    with pytest.raises(AlreadyExists, match="steady"):
        instance.save_checkpoint("steady")
    with pytest.raises(InvalidInput, match="tag"):
        instance.save_checkpoint("no spaces")
    other = launched(client, "Other")
    with pytest.raises(InvalidInput, match="Counter"):
        other.restore(steady)
    with pytest.raises(InvalidInput, match="Counter"):
        client.launch("Other", "Line", checkpoint=steady)

    assert [row.id for row in client.checkpoints("Counter")] == [steady.id]
    assert (instance.refresh().info.attempt, other.refresh().info.attempt) == (1, 1)


def test_two_who_save_at_once_are_told_apart(client: Zookeeper) -> None:
    """One gets its checkpoint, the other is told to wait; the same command gets the same one."""
    instance = launched(client, slow=1.0)
    made: list[Checkpoint] = []
    saving = threading.Thread(target=lambda: made.append(instance.save_checkpoint(command_id="first")))
    saving.start()
    until(lambda: any(line.text.startswith("saving") for line in instance.logs()))

    with pytest.raises(InvalidTransition, match="wait"):
        instance.save_checkpoint()
    again = instance.save_checkpoint(command_id="first")
    saving.join()

    assert [again.id] == [checkpoint.id for checkpoint in made]


def test_it_is_saved_by_itself_and_old_ones_go(client: Zookeeper) -> None:
    """The newest two stay, and the one that somebody has named."""
    instance = launched(client, "Saved")
    named = instance.save_checkpoint("named")
    until(lambda: instance.refresh().info.stats.step > named.step + 200)

    until(lambda: len(instance.checkpoints()) == 3)
    rows = instance.checkpoints()

    assert [row.kind for row in rows] == ["AUTOSAVE", "AUTOSAVE", "ASKED"]
    assert rows[0].step - rows[1].step >= 20
    assert rows[-1].id == named.id


@pytest.mark.parametrize("slow", [0.0, 0.7])
def test_a_stop_in_the_middle_of_a_save(tmp_path: Path, start_zoo: ZooStarter, slow: float) -> None:
    """The zoo stops at once when it has asked for a state; the next one goes on from a checkpoint that is whole."""
    furnish(tmp_path, ZOO, FILES)
    hosted = start_zoo(tmp_path)
    with Zookeeper(hosted.url) as client:
        instance = launched(client, slow=slow)
        step = instance.info.stats.step
        asked = threading.Event()

        def save() -> None:
            asked.set()
            with suppress(Transient, InvalidTransition):
                instance.save_checkpoint("asked")

        saving = threading.Thread(target=save)
        saving.start()
        asked.wait()
        until(lambda: any(line.text.startswith("saving") for line in instance.logs()) or slow == 0.0)
        hosted.stop(signal.SIGTERM)
        saving.join()

    with start_zoo(tmp_path) as again, Zookeeper(again.url) as client:
        instance = client.instance(instance.id)
        goes_on(instance, 2)
        newest = instance.checkpoints()[0]
        assert newest.kind in {"ASKED", "DEPARTURE"}  # of the same step, where both were in time
        assert until(lambda: loaded(instance)) == [newest.step]
        assert newest.step >= step
        assert instance.save_checkpoint().parents == (newest.commit,)
