"""A disk that is full while a state is saved: no tag is of less than all of it, and it is saved when there is room."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Repository
from ainimal_zookeeper.client import Checkpoint, Instance, Zookeeper
from ainimal_zookeeper.domain.errors import DataCorrupt, NotFound, ZookeeperError

from tests.e2e.conftest import ZooStarter
from tests.e2e.disks import TMPFS_BYTES, Disk, SmallDisk, SmallFiles, mounted
from tests.e2e.hosting import HostedZoo, furnish, until
from tests.e2e.worlds import LINE
from tests.fakes.clock import FakeClock

STATE_BYTES = 2 << 20
ZOO = """
models:
  - {path: heavy.py, rate: 200}
  - {name: Saved, path: heavy.py, class_name: Heavy, rate: 200, autosave_steps: 20, keep_checkpoints: 2}
environments:
  - {name: Line, path: line.py}
"""
FILES = {
    "heavy.py": f"""
from pathlib import Path

class Heavy:
    def act(self, observation):
        return 1

    def save(self, path):
        (Path(path) / "weights").write_bytes(bytes({STATE_BYTES}))

    def load(self, path):
        assert len((Path(path) / "weights").read_bytes()) == {STATE_BYTES}
""",
    "line.py": LINE,
}


def goes_on(instance: Instance) -> None:
    """Waits for a step that is made now, by the attempt that ran first."""
    first = next(iter(instance.watch("env.reward", rate=20))).step
    assert next(value.step for value in instance.watch("env.reward", rate=20) if value.step > first + 10)
    info = instance.refresh().info
    assert (info.phase, info.attempt) == ("RUNNING", 1)


def check_tag(repository: Repository, tag: str) -> None:
    try:
        repository.verify(tag)
    except (NotFound, DataCorrupt):
        if repository.tags.get(tag) is not None:  # else it was taken away just now: the tag goes before the bytes
            raise


def check_whole(hosted: HostedZoo, zoo: Zookeeper, model: str) -> set[str]:
    """Checks that each tag is of something whole and each document of a tag. Returns the tags that have a document."""
    bucket = DirectoryBucket(hosted.state_dir / "bucket", "http://127.0.0.1", b"", FakeClock())
    repository = Repository(bucket, zoo.model(model).id)
    for tag in repository:
        check_tag(repository, tag)
    listed, tags = zoo.checkpoints(model), set(repository)
    missing = {row.id for row in listed if row.tag not in tags}
    assert not missing & {row.id for row in zoo.checkpoints(model)}
    return {row.tag for row in listed}


@contextmanager
def saving(hosted: HostedZoo, instance: Instance, tag: str) -> Iterator[list[Checkpoint | ZookeeperError]]:
    """Asks for a checkpoint meanwhile; what became of it is in the list afterwards."""
    outcome: list[Checkpoint | ZookeeperError] = []

    def save() -> None:
        with Zookeeper(hosted.url) as zoo:
            try:
                outcome.append(zoo.instance(instance.id).save_checkpoint(tag))
            except ZookeeperError as error:
                outcome.append(error)

    thread = threading.Thread(target=save)
    thread.start()
    try:
        yield outcome
    finally:
        thread.join(60)


@pytest.mark.parametrize("left_bytes", [0, STATE_BYTES * 3 // 2], ids=["none", "for less than the archive"])
def test_no_room_to_write_a_state(
    tmp_path: Path, start_zoo: ZooStarter, monkeypatch: pytest.MonkeyPatch, left_bytes: int
) -> None:
    """Whoever asked is told, the instance goes on, and saves when there is room."""
    furnish(tmp_path, ZOO, FILES)
    with mounted(tmp_path / "temporary"):
        monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
        disk = SmallDisk(tmp_path / "temporary")
        with start_zoo(tmp_path) as hosted, Zookeeper(hosted.url) as zoo:
            heavy = zoo.launch("Heavy", "Line", timeout_s=30)
            heavy.save_checkpoint("first")
            disk.fill(leave_bytes=left_bytes)
            with pytest.raises(ZookeeperError, match="No space left"):
                heavy.save_checkpoint("never")
            goes_on(heavy)
            assert check_whole(hosted, zoo, "Heavy") == {"first"}

            disk.free()
            assert heavy.save_checkpoint("later").size_bytes > STATE_BYTES
            assert check_whole(hosted, zoo, "Heavy") == {"first", "later"}
            heavy.terminate().wait("TERMINATED", timeout_s=20)


def test_no_room_where_states_are_kept(tmp_path: Path, start_zoo: ZooStarter) -> None:
    """It is sent until there is room, and the instance goes on meanwhile."""
    furnish(tmp_path, ZOO, FILES)
    with mounted(tmp_path / ".zoo" / "bucket"):
        disk = SmallDisk(tmp_path / ".zoo" / "bucket")
        with start_zoo(tmp_path) as hosted, Zookeeper(hosted.url) as zoo:
            heavy = zoo.launch("Heavy", "Line", timeout_s=30)
            disk.fill(leave_bytes=STATE_BYTES // 2)
            with saving(hosted, heavy, "at-last") as outcome:
                goes_on(heavy)
                assert check_whole(hosted, zoo, "Heavy") == set()
                assert not outcome
                disk.free()
            (made,) = outcome
            assert isinstance(made, Checkpoint)
            assert check_whole(hosted, zoo, "Heavy") == {"at-last"}
            heavy.terminate().wait("TERMINATED", timeout_s=20)


@pytest.fixture(params=["small disk", "small files"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    furnish(tmp_path, ZOO, FILES)
    if request.param == "small files":
        yield SmallFiles()
        return
    with mounted(tmp_path / ".zoo"):
        yield SmallDisk(tmp_path / ".zoo")


def test_a_full_disk_while_states_are_saved(disk: Disk, tmp_path: Path, start_zoo: ZooStarter) -> None:
    """At any moment of a save: what there is stays whole, the instance goes on, and later states are saved again."""
    assert STATE_BYTES * 8 < TMPFS_BYTES
    with start_zoo(tmp_path) as hosted, Zookeeper(hosted.url) as zoo:
        saved = zoo.launch("Saved", "Line", timeout_s=30)
        until(lambda: len(saved.checkpoints()) == 2)
        for _ in range(3):
            before = {row.id for row in saved.checkpoints()}
            disk.fill(hosted)
            goes_on(saved)
            check_whole(hosted, zoo, "Saved")
            assert {row.id for row in saved.checkpoints()} & before

            disk.free(hosted)
            known = {row.id for row in saved.checkpoints()}
            until(lambda: {row.id for row in saved.checkpoints()} - known)  # noqa: B023
            check_whole(hosted, zoo, "Saved")
        assert "Traceback" not in hosted.output
        saved.terminate().wait("TERMINATED", timeout_s=20)
