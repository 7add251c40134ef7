"""Objects of a recording on their way: in order, through outages, and what is lost is counted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.domain.errors import Conflict, Rejected, Transient
from hypothesis import given, settings
from hypothesis import strategies as st
from zookeeper_runner.recorder.uploads import Object, Uploads

from tests.fakes.recorder import WAIT_S, FakeBucket

BEGUN = {"signals": ["action"], "step": 1, "timeline": 1}


@dataclass(frozen=True)
class File:
    """A segment of so many steps."""

    number: int
    tail: int | None
    name: str
    path: Path
    size_bytes: int
    index: dict[str, Any]


def file(folder: Path, number: int, tail: int | None = None, *, steps: int = 10, size: int = 100) -> File:
    name = f"{number:06d}.mcap" if tail is None else f"{number:06d}.{tail:03d}.mcap"
    path = folder / name
    path.write_bytes(bytes(size))
    sha256 = hashlib.sha256(bytes(size)).hexdigest()
    index = {"kind": "segment", "name": name, "number": number, "tail": tail, "steps": steps, "sha256": sha256}
    return File(number, tail, name, path, size, index)


@dataclass(frozen=True)
class Asked:
    """A bucket of two functions."""

    send: Callable[[str, Object], None]
    tell: Callable[[str, Mapping[str, Any]], None]


@pytest.fixture
def bucket(tmp_path: Path) -> FakeBucket:
    folder = tmp_path / "bucket"
    folder.mkdir()
    return FakeBucket(folder)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    folder = tmp_path / "disk"
    folder.mkdir()
    return folder


def begun(bucket: FakeBucket, **changes: Any) -> Uploads:
    uploads = Uploads("rec_1", bucket, BEGUN, sleep=bucket.sleep, **changes)
    uploads.start()
    return uploads


def test_objects_are_sent_and_told_in_order_then_sealed(bucket: FakeBucket, disk: Path) -> None:
    """First that it has begun, last that it has ended; nothing is left on the disk."""
    uploads = begun(bucket)
    for number in range(3):
        uploads.keep(file(disk, number))
    uploads.seal()
    assert uploads.wait(WAIT_S)
    assert bucket.told[0]["begun"] == BEGUN
    assert bucket.sent == ["000000.mcap", "000001.mcap", "000002.mcap"]
    assert [each["number"] for each in bucket.arrived] == [0, 1, 2]
    assert bucket.end == {"sealed": True, "droppedSteps": 0}
    assert list(disk.iterdir()) == []


def test_folder_is_gone_when_the_wait_is_over(bucket: FakeBucket, disk: Path) -> None:
    """A process that ends right then leaves nothing behind."""
    uploads = Uploads("rec_1", bucket, BEGUN)
    uploads.folder = disk
    uploads.keep(file(disk, 0))
    uploads.seal()
    uploads.start()
    assert uploads.wait(WAIT_S)
    assert not disk.exists()


def test_outage_is_ridden_out(bucket: FakeBucket, disk: Path) -> None:
    """What is made meanwhile waits on the disk, and all of it arrives, in order."""
    bucket.leave()
    uploads = begun(bucket)
    for number in range(5):
        uploads.keep(file(disk, number))
    uploads.seal()
    assert bucket.tried.wait(WAIT_S)
    assert not uploads.wait(0)
    bucket.come_back()
    assert uploads.wait(WAIT_S)
    assert [each["number"] for each in bucket.arrived] == [0, 1, 2, 3, 4]
    assert bucket.end["droppedSteps"] == 0


def test_beyond_the_bound_the_oldest_are_dropped_and_counted(bucket: FakeBucket, disk: Path) -> None:
    """But for the one that may be on its way; the disk never holds more than the bound and one."""
    bucket.leave()
    uploads = begun(bucket, waiting_bytes=300)
    uploads.dropped_before = lambda: 7
    for number in range(10):
        uploads.keep(file(disk, number))
        assert sum(each.stat().st_size for each in disk.iterdir()) <= 300
    uploads.seal()
    bucket.come_back()
    assert uploads.wait(WAIT_S)
    assert [each["number"] for each in bucket.arrived] == [0, 8, 9]
    assert bucket.end["droppedSteps"] == 7 * 10 + 7


def test_whole_segment_takes_the_place_of_its_tails(bucket: FakeBucket, disk: Path) -> None:
    """Those that were told are named, so that they go; those that wait are not sent any more."""
    uploads = begun(bucket)
    uploads.keep(file(disk, 0, 0))
    uploads.keep(file(disk, 0, 1))
    uploads.keep(file(disk, 0))
    bucket_before = list(bucket.sent)
    bucket.leave()
    for tail in range(4):
        uploads.keep(file(disk, 1, tail))
    uploads.keep(file(disk, 1))
    uploads.seal()
    bucket.come_back()
    assert uploads.wait(WAIT_S)
    assert bucket_before == bucket.sent[: len(bucket_before)]
    whole = {each["number"]: each["tails"] for each in bucket.arrived if each["tail"] is None}
    told = {number: [each["tail"] for each in bucket.arrived if each["number"] == number] for number in (0, 1)}
    assert whole == {number: len([tail for tail in tails if tail is not None]) for number, tails in told.items()}
    assert len(told[1]) <= 3
    assert list(disk.iterdir()) == []


def test_tails_go_though_the_zoo_was_away_when_their_segment_came(bucket: FakeBucket, disk: Path) -> None:
    """The segment is in the bucket by then, and is told again with all the tails that it takes the place of."""
    told = bucket.tell

    def tell(recording_id: str, said: Mapping[str, Any]) -> None:
        if any(each["tail"] is None for each in said.get("arrived", ())) and not bucket.tried.is_set():
            bucket.tried.set()
            raise Transient("the zoo is away")
        told(recording_id, said)

    bucket.come_back()
    uploads = Uploads("rec_1", Asked(bucket.send, tell), BEGUN, sleep=bucket.sleep)
    for tail in range(2):
        uploads.keep(file(disk, 0, tail))
    uploads.start()
    while len(bucket.arrived) < 2:
        assert not uploads.wait(0.01)
    uploads.keep(file(disk, 0))
    uploads.seal()
    assert uploads.wait(WAIT_S)
    assert bucket.tried.is_set()
    assert [each["tails"] for each in bucket.arrived if each["tail"] is None] == [2]


@pytest.mark.parametrize("refusal", [Conflict("another attempt runs"), Rejected("no such link")])
def test_who_is_refused_gives_up_and_leaves_nothing(bucket: FakeBucket, disk: Path, refusal: Exception) -> None:
    """Nobody waits for ever, and the disk does not fill."""
    bucket.refusal = refusal
    bucket.come_back()
    uploads = begun(bucket)
    uploads.keep(file(disk, 0))
    assert uploads.wait(WAIT_S)
    assert uploads.given_up == str(refusal)
    uploads.keep(file(disk, 1))
    assert list(disk.iterdir()) == []


def test_what_is_less_than_asked_for_is_told_at_the_end(bucket: FakeBucket) -> None:
    """With its reason, also where it never began."""
    uploads = Uploads("rec_1", bucket, None)
    uploads.seal({"code": "UNAVAILABLE", "message": "the disk is full"})
    uploads.start()
    assert uploads.wait(WAIT_S)
    assert bucket.told == [
        {"sealed": True, "failure": {"code": "UNAVAILABLE", "message": "the disk is full"}, "droppedSteps": 0}
    ]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["here", "leaves", "comes back"]), st.integers(1, 60)), max_size=12
    )
)
def test_every_step_arrives_once_or_is_counted(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[int, str, int]]
) -> None:
    """Whatever the bucket does meanwhile, and however many tails come before a segment."""
    bucket, disk = FakeBucket(tmp_path_factory.mktemp("bucket")), tmp_path_factory.mktemp("disk")
    bucket.come_back()
    uploads = begun(bucket, waiting_bytes=250)
    for number, (tails, does, steps) in enumerate(made):
        if does == "leaves":
            bucket.leave()
        elif does == "comes back":
            bucket.come_back()
        for tail in range(tails):
            uploads.keep(file(disk, number, tail, steps=steps))
        uploads.keep(file(disk, number, steps=steps))
    bucket.come_back()
    uploads.seal()
    assert uploads.wait(WAIT_S)
    whole = [each for each in bucket.arrived if each["tail"] is None]
    assert [each["number"] for each in whole] == sorted({each["number"] for each in whole})
    assert sum(each["index"]["steps"] for each in whole) + bucket.end["droppedSteps"] == sum(each[2] for each in made)
    assert list(disk.iterdir()) == []
