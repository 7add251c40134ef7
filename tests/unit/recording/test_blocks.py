"""Blocks and segments are the bytes that docs/recordings.md says, and nothing is believed of them that is not so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import DataCorrupt, NotFound
from ainimal_zookeeper.domain.recordings import NewerFormat
from ainimal_zookeeper.recording import Channel, Recording, StepRecorder, blocks
from ainimal_zookeeper.recording.batch import item_type
from ainimal_zookeeper.recording.channel import ITEM_BYTES
from ainimal_zookeeper.recording.segment import index_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mcap.reader import make_reader

WORDS = Channel("words", "str", (), "text")


@st.composite
def columns(draw: st.DrawFn) -> tuple[Channel, Any, Any]:
    """A channel, which steps of a batch have a value (None: all), and the values."""
    dtype = draw(st.sampled_from(sorted(ITEM_BYTES)))
    channel = Channel("a", dtype, draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)), "vector")
    present = draw(st.none() | st.lists(st.booleans(), min_size=1, max_size=40).filter(any).map(np.array))
    rows = draw(st.integers(1, 40)) if present is None else int(np.count_nonzero(present))
    values = draw(arrays.arrays(item_type(channel), (rows, *channel.shape)))
    return channel, present, values


@settings(deadline=None)
@given(columns())
def test_numbers_come_back_bit_by_bit(column: tuple[Channel, Any, Any]) -> None:
    """Of every dtype and shape, also NaN and infinities, with and without absent values."""
    channel, present, values = column
    steps = len(values) if present is None else len(present)
    for shuffled in (True, False):
        block = blocks.numbers(values, channel.item_bytes, present, shuffled=shuffled)
        check_numbers(channel, present, values, blocks.decode(block, channel, steps))


def check_numbers(channel: Channel, present: Any, values: Any, found: blocks.Block) -> None:
    assert (found.present is None) == (present is None)
    assert present is None or found.present.tolist() == present.tolist()
    if channel.dtype == "bfloat16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    assert isinstance(found.values, np.ndarray)
    assert found.values.dtype == values.dtype
    assert found.values.shape == values.shape
    assert found.values.tobytes() == values.tobytes()


def test_a_channel_is_packed_as_it_gets_smaller() -> None:
    """Repeated rows find each other as they are; numbers that differ a little share their first bytes."""
    channel = Channel("a", "float32", (256,), "vector")
    chance = np.random.default_rng(0)
    same = np.repeat(chance.standard_normal((1, 256)), 40, 0).astype(np.float32)
    near = (1000 + chance.random((40, 256))).astype(np.float32)
    for values, flag in ((same, 0), (near, blocks.SHUFFLED)):
        packing = blocks.Packing()
        for _ in range(3):
            assert packing.numbers(channel, values, None)[1] & blocks.SHUFFLED == flag


@settings(deadline=None)
@given(arrays.arrays(np.int64, st.integers(1, 50)))
def test_differences_come_back(values: Any) -> None:
    """Also where they are greater than what an integer holds."""
    channel = Channel("zoo.steps", "int64", (), "scalar")
    found = blocks.decode(blocks.numbers(values, 8, None, differences=True), channel, len(values))
    assert np.asarray(found.values).tolist() == values.tolist()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30), min_size=1, max_size=30))
def test_texts_come_back(values: list[bytes]) -> None:
    """Also empty ones."""
    assert blocks.decode(blocks.words(values, None), WORDS, len(values)).values == values


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 40))
def test_bytes_that_are_no_block_are_damaged(data: bytes, steps: int) -> None:
    """Whatever they are."""
    for channel in (WORDS, Channel("a", "float32", (3,), "vector")):
        with pytest.raises(DataCorrupt):
            blocks.decode(data, channel, steps)


@settings(deadline=None)
@given(columns(), st.data())
def test_no_altered_bit_goes_unnoticed(column: tuple[Channel, Any, Any], data: st.DataObject) -> None:
    """In the header or in the body."""
    channel, present, values = column
    block = bytearray(blocks.numbers(values, channel.item_bytes, present))
    block[data.draw(st.integers(0, len(block) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DataCorrupt):
        blocks.decode(bytes(block), channel, len(values) if present is None else len(present))


def test_a_block_that_lies_is_damaged() -> None:
    """Its CRC is right, and what it says contradicts what it holds."""
    channel = Channel("a", "float32", (3,), "vector")
    values = np.zeros((4, 3), np.float32)
    with pytest.raises(DataCorrupt, match="4 values for 5 steps"):
        blocks.decode(blocks.numbers(values, 4, None), channel, 5)
    with pytest.raises(DataCorrupt, match=r"48 bytes, and 4 values of float32\[2\] have others"):
        blocks.decode(blocks.numbers(values, 4, None), Channel("a", "float32", (2,), "vector"), 4)
    with pytest.raises(DataCorrupt, match="48 bytes"):
        blocks.decode(blocks.numbers(values, 4, None), WORDS, 4)


def test_a_block_of_a_newer_zoo_is_told() -> None:
    """Of another version, or packed in a way that is not known."""
    import struct
    import zlib

    channel = Channel("a", "float32", (3,), "vector")
    for version, flags in ((2, 0), (1, 32)):
        head = struct.pack("<BBHII", version, flags, 0, 0, 0)
        with pytest.raises(NewerFormat):
            blocks.decode(head + struct.pack("<I", zlib.crc32(head)), channel, 0)


def small(folder: Path) -> Path:
    """Records 70 steps of a picture, a vector and a number."""
    channels = [
        Channel("picture", "uint8", (6, 6, 3), "image"),
        Channel("touch", "float32", (3,), "vector"),
        Channel("reward", "float64", (), "scalar"),
    ]
    recorder = StepRecorder(channels, lambda _: None, folder=folder, timeline=1, tail_s=None)
    recorder.event(0, "mode", {})
    for step in range(70):
        recorder.take(step, [np.full((6, 6, 3), step, np.uint8), np.full(3, step, np.float32), float(step)])
    recorder.close()
    return folder / "000000.mcap"


def last_of_each(values: Any) -> list[float]:
    return [float(value.reshape(-1)[-1]) for value in values]


def test_a_segment_cut_anywhere_reads_up_to_there(tmp_path: Path) -> None:
    """Whole batches, right in every value; or it says that it is none."""
    file = small(tmp_path)
    data = file.read_bytes()
    most = 0
    for size in range(0, len(data), 61):
        file.write_bytes(data[:size])
        try:
            entry, damage = index_of(file)
        except DataCorrupt:
            assert not most
            continue
        # The last of the records that are read is the end of the data; indexes come after it.
        assert damage is not None or entry["steps"] == 70
        most = max(most, entry["steps"])
        assert entry["steps"] in {0, 32, 64, 70}
        assert entry["steps"] == most
        for path in ("picture", "touch", "reward"):
            series = Recording.open(tmp_path).read(path)
            assert series.steps.tolist() == list(range(entry["steps"]))
            assert last_of_each(series.values) == series.steps.tolist()
    assert most == 70


@settings(deadline=None)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_segment_altered_anywhere_gives_no_wrong_value(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    """It gives the right ones, or says that it is damaged."""
    folder = tmp_path_factory.mktemp("recording")
    file = small(folder)
    data = bytearray(file.read_bytes())
    data[at % len(data)] ^= 1 << bit
    file.write_bytes(data)
    for path in ("picture", "touch", "reward"):
        try:
            series = Recording.open(folder).read(path)
        except (DataCorrupt, NotFound):
            continue
        assert last_of_each(series.values) == series.steps.tolist()


def test_another_reader_of_mcap_finds_its_channels_and_messages(tmp_path: Path) -> None:
    """Indexes, counts and times are as the specification of MCAP says."""
    file = small(tmp_path)
    entry, damage = index_of(file)
    assert damage is None
    data = file.read_bytes()
    with file.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        assert [channel.topic for channel in summary.channels.values()] == [
            "zoo.steps",
            "zoo.times",
            "picture",
            "touch",
            "reward",
            "zoo.events",
        ]
        messages = list(reader.iter_messages())
        assert len(messages) == summary.statistics.message_count == 3 * 5 + 1
        assert summary.statistics.chunk_count == 3 * 3 + 1
        assert [record.name for record in reader.iter_metadata()] == ["zookeeper"]
        pictures = [message for _, channel, message in messages if channel.topic == "picture"]
        assert [message.sequence for message in pictures] == [0, 1, 2]
        assert [message.log_time // 1000 for message in pictures] == [batch[3] for batch in entry["batches"]]
        places = [(at, size) for at, size in entry["groups"]["image"]]
        assert [data[at : at + size] for at, size in places] == [message.data for message in pictures]
        assert [message.sequence for _, _, message in reader.iter_messages(topics=["touch"])] == [0, 1, 2]
