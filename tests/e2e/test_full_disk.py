"""A zoo whose disk is full says so, loses nothing that it has promised, and goes on when there is space again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from ainimal_zookeeper.client import Instance, Zookeeper
from ainimal_zookeeper.domain.errors import Transient

from tests.e2e.conftest import ZooStarter
from tests.e2e.disks import Disk, SmallDisk, SmallFiles, mounted
from tests.e2e.hosting import furnish, until
from tests.e2e.worlds import LINE

ZOO = """
models:
  - {path: counter.py, rate: 100}
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
        if self.count % 20 == 0:
            print("count", self.count)
        return 1
""",
    "line.py": LINE,
}


@pytest.fixture(params=["small disk", "small files"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    furnish(tmp_path, ZOO, FILES)
    if request.param == "small files":
        yield SmallFiles()
        return
    with mounted(tmp_path / ".zoo"):
        yield SmallDisk(tmp_path / ".zoo")


def rename_until_refused(instance: Instance) -> tuple[str, Transient]:
    """Renames until there is no space. Returns the last name that was acknowledged, and the refusal."""
    acknowledged = instance.name
    for number in range(3000):
        try:
            instance.rename(f"name {number}")
        except Transient as refused:
            return acknowledged, refused
        acknowledged = f"name {number}"
    raise AssertionError("a full disk took 3000 changes")


def next_step(instance: Instance, after: int = 0) -> int:
    return next(value.step for value in instance.watch("env.reward", rate=20) if value.step > after)


def test_a_full_disk_stops_changes_and_nothing_else(disk: Disk, tmp_path: Path, start_zoo: ZooStarter) -> None:
    """Changes are refused with what is full and what to do; instances run on; nothing acknowledged is lost."""
    hosted = start_zoo(tmp_path)
    with Zookeeper(hosted.url) as zoo:
        runner = zoo.launch("Counter", "Line", name="runner", timeout_s=30)
        renamed = zoo.launch("Counter", "Line", name="renamed", timeout_s=30)

        disk.fill(hosted)
        acknowledged, refused = rename_until_refused(renamed)
        assert "full" in str(refused)
        assert "zoo.sqlite3" in str(refused)
        assert "free some space" in str(refused) or "check its disk" in str(refused)
        assert renamed.refresh().name == acknowledged
        with pytest.raises(Transient):
            zoo.launch("Counter", "Line", name="never", wait=False)
        with pytest.raises(Transient):
            runner.terminate()
        seen = next_step(runner)
        next_step(runner, seen + 50)
        assert [row.name for row in zoo.instances()].count("never") == 0
        assert runner.refresh().phase == "RUNNING"

        disk.free(hosted)
        until(lambda: _accepted(lambda: renamed.rename("at last")), timeout_s=15)
        runner.rate(50).settled(timeout_s=15)
        later = zoo.launch("Counter", "Line", name="later", timeout_s=30)
        counted = (next_step(runner) // 20) * 20
        lines = (line.text for line in runner.logs(follow=True))
        assert next(text for text in lines if text == f"count {counted}")
        texts = [line.text for line in runner.logs()]
        assert texts == [f"count {20 * number}" for number in range(1, len(texts) + 1)]

        hosted.stop(signal.SIGKILL)
        assert "Traceback" not in hosted.output
    with start_zoo(tmp_path) as again, Zookeeper(again.url) as zoo:
        assert {row.name: (row.phase, row.info.rate) for row in zoo.instances()} == {
            "runner": ("RUNNING", 50.0),
            "at last": ("RUNNING", 100.0),
            "later": ("RUNNING", 100.0),
        }
        assert zoo.instance(runner.id).info.attempt == 1
        for instance in (runner, renamed, later):
            zoo.instance(instance.id).terminate().wait("TERMINATED", timeout_s=20)


def test_a_zoo_does_not_open_on_a_full_disk(tmp_path: Path, start_zoo: ZooStarter) -> None:
    """It says what cannot be written and what to do, with status 2 and without a traceback."""
    furnish(tmp_path, ZOO, FILES)
    with mounted(tmp_path / ".zoo"):
        SmallDisk(tmp_path / ".zoo").fill()
        hosted = start_zoo(tmp_path)
        assert hosted.process.wait(30) == 2
        assert str(tmp_path / ".zoo") in hosted.output
        assert "No space left" in hosted.output or "full" in hosted.output
        assert "Traceback" not in hosted.output


def _accepted(change: object) -> bool:
    try:
        change()  # type: ignore[operator]
    except Transient:
        return False
    return True
