"""What is recorded is read back, whole or from what is left of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput, NotFound, Transient
from ainimal_zookeeper.domain.recordings import MANIFEST, NewerFormat, manifest_of
from ainimal_zookeeper.recording import Channel, Recording, Segment, StepRecorder

CHANNELS = (
    Channel("inputs.picture", "uint8", (8, 8, 3), "image"),
    Channel("inputs.wide", "float32", (40, 40), "vector"),
    Channel("inputs.touch", "float32", (5,), "vector"),
    Channel("action", "int64", (), "scalar"),
    Channel("env.reward", "float64", (), "scalar"),
    Channel("inputs.words", "str", (), "text"),
    Channel("outputs.tree", "json", (), "json"),
    Channel("zoo.flags", "uint8", (), "scalar"),
)
TOUCH = (Channel("inputs.touch", "float32", (5,), "vector"),)


def values(step: int) -> list[Any]:
    """Returns what the step was, the same each time."""
    chance = np.random.default_rng(step)
    return [
        chance.integers(0, 255, (8, 8, 3), np.uint8),
        chance.standard_normal((40, 40)).astype(np.float32),
        chance.standard_normal(5).astype(np.float32),
        step % 4,
        float(chance.standard_normal()),
        f"step {step} é",
        {"depth": [step, None], "name": "x"},
        16 if step == 0 else 0,
    ]


def record(folder: Path, steps: int, **options: Any) -> list[Segment]:
    kept: list[Segment] = []
    recorder = StepRecorder(CHANNELS, kept.append, folder=folder, timeline=1, **options)
    for step in range(steps):
        recorder.take(step, values(step))
    recorder.close()
    return kept


def put_manifest(folder: Path, kept: list[Segment], **changes: Any) -> None:
    manifest = manifest_of([segment.index for segment in kept], recordingId="rec_1")
    (folder / MANIFEST).write_text(json.dumps({**manifest, **changes}))


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, np.ndarray):
        return bool(found.dtype == expected.dtype and np.array_equal(found, expected))
    return bool(found == expected)


def check(recording: Recording, steps: list[int], paths: tuple[str, ...] = ()) -> None:
    """Exactly `steps` are there, and every value of them; of `paths` alone where some are named."""
    for position, channel in enumerate(CHANNELS):
        if paths and channel.path not in paths:
            continue
        series = recording.read(channel.path, skip_damaged=True)
        assert series.steps.tolist() == steps, channel.path
        expected = (values(step)[position] for step in steps)
        assert all(same(*pair) for pair in zip(series.values, expected, strict=True)), channel.path


@pytest.fixture(params=["with a manifest", "without"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A recording of 100 steps, in four segments of a batch each."""
    kept = record(tmp_path, 100, segment_bytes=5_000)
    assert [segment.index["steps"] for segment in kept] == [32, 32, 32, 4]
    if request.param == "with a manifest":
        put_manifest(tmp_path, kept)
    return tmp_path


def test_each_value_of_each_step_is_read_back(folder: Path) -> None:
    """With its dtype and shape, by step and as a series."""
    recording = Recording.open(folder)
    check(recording, list(range(100)))
    for step in (0, 31, 32, 99):
        row = recording.at(step)
        assert all(same(row[one.path], value) for one, value in zip(CHANNELS, values(step), strict=True))
    series = recording.read("action", 20, 70)
    assert series.steps.tolist() == list(range(20, 71))
    assert (np.diff(series.times) >= 0).all()


def test_rare_values_come_back_with_their_steps(tmp_path: Path) -> None:
    """Of every kind, in tails and segments; a bad one leaves the step out, and the next ones are what they were."""
    rare = (
        Channel("final_inputs.touch", "float32", (5,), "vector"),
        Channel("final_inputs.picture", "uint8", (8, 8, 3), "image"),
        Channel("final_inputs.words", "str", (), "text"),
        Channel("final_inputs.number", "int64", (), "scalar"),
    )

    def rarely(step: int) -> list[Any] | None:
        picture, _, touch, *_ = values(step)
        return [touch, picture if step % 20 else None, f"é {step}", step] if step % 10 == 0 else None

    kept: list[Segment] = []
    recorder = StepRecorder(
        CHANNELS, kept.append, folder=tmp_path, timeline=1, segment_bytes=5_000, tail_s=0.01, rare=rare
    )
    for step in range(100):
        if step == 30:
            with pytest.raises(InvalidInput, match=r"final_inputs\.touch"):
                recorder.take(step, [None, *values(step)[1:]], [np.zeros(4), None, None, None])
        recorder.take(step, values(step), rarely(step))
    recorder.close()
    recording = Recording.open(tmp_path)

    check(recording, list(range(100)))
    for position, channel in enumerate(rare):
        series = recording.read(channel.path)
        steps = [step for step in range(0, 100, 10) if position != 1 or step % 20]
        assert series.steps.tolist() == steps
        found = zip(series.values, ((rarely(step) or [])[position] for step in steps), strict=True)
        assert all(same(*pair) for pair in found), channel.path
    assert recording.at(50)["final_inputs.number"] == 50
    assert "final_inputs.number" not in recording.at(51)


def test_what_is_not_there_is_named(folder: Path) -> None:
    """A signal with the nearest of its name, a step with the nearest that is."""
    recording = Recording.open(folder)
    with pytest.raises(NotFound, match=r"inputs\.tuch is not recorded; near it are inputs\.touch"):
        recording.read("inputs.tuch")
    with pytest.raises(NotFound, match="step 120 is not recorded; a step near it that is: 99"):
        recording.at(120)
    with pytest.raises(NotFound, match="no weights"):
        recording.weights(5)
    with pytest.raises(NotFound, match=r"no manifest\.json"):
        Recording.open(folder / "elsewhere")


def test_a_cut_segment_is_told_and_the_others_are_read(folder: Path) -> None:
    """The error names the file and its steps."""
    cut = folder / "000001.mcap"
    cut.write_bytes(cut.read_bytes()[:5000])
    recording = Recording.open(folder)
    if (folder / MANIFEST).exists():
        with pytest.raises(DataCorrupt, match=r"000001\.mcap, steps 32 to 63 of timeline 1: it is cut"):
            recording.read("inputs.picture")
        with pytest.raises(DataCorrupt, match="it is cut"):
            recording.at(40)
    else:
        assert recording.damage["000001.mcap"].startswith("it ends after 5,000 bytes")
    assert recording.read("inputs.picture", 0, 31).steps.tolist() == list(range(32))
    check(recording, [*range(32), *range(64, 100)], ("inputs.picture", "inputs.wide"))
    # Scalars come first in a file: a manifest says where they are, and that they are whole.
    there = range(32, 64) if (folder / MANIFEST).exists() else ()
    check(recording, [*range(32), *there, *range(64, 100)], ("action", "inputs.words"))


def test_a_segment_that_is_gone_is_told_and_the_others_are_read(folder: Path) -> None:
    """Whether the manifest knows of it or not."""
    (folder / "000002.mcap").unlink()
    recording = Recording.open(folder)
    with pytest.raises(DataCorrupt, match="missing"):
        recording.read("env.reward", 60, 70)
    with pytest.raises(DataCorrupt, match="missing"):
        recording.at(70)
    check(recording, [*range(64), *range(96, 100)])


def test_altered_bytes_are_told(folder: Path) -> None:
    """Where they are wanted, or, without a manifest, beside what is left."""
    path = folder / "000001.mcap"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    recording = Recording.open(folder)
    if (folder / MANIFEST).exists():
        with pytest.raises(DataCorrupt, match=r"000001\.mcap, steps 32 to 63 of timeline 1: .* damaged"):
            recording.read("inputs.wide")
    else:
        assert "is damaged" in recording.damage["000001.mcap"]
        check(recording, [*range(32), *range(64, 100)])
    assert recording.at(99)["action"] == 3


def test_a_newer_format_is_told(tmp_path: Path) -> None:
    """Of the manifest, of a segment without one, and of an entry that a runner reports."""
    kept = record(tmp_path, 10)
    put_manifest(tmp_path, kept, version=2)
    with pytest.raises(NewerFormat, match=r"manifest\.json has version 2 of the format, and this zoo reads up to 1"):
        Recording.open(tmp_path)
    (tmp_path / MANIFEST).unlink()
    path = tmp_path / "000000.mcap"
    path.write_bytes(path.read_bytes().replace(b"version\x01\x00\x00\x001", b"version\x01\x00\x00\x002"))
    with pytest.raises(NewerFormat, match=r"000000\.mcap has version 2"):
        Recording.open(tmp_path)
    with pytest.raises(NewerFormat, match=r"the entry of 000000\.mcap has version 2"):
        manifest_of([{**kept[0].index, "version": 2}])


def test_a_manifest_that_is_none_is_told(tmp_path: Path) -> None:
    """Rather than read as a recording without steps."""
    for text in (
        "{",
        "[]",
        "{}",
        '{"format": "zookeeper-recording"}',
        '{"format": "zookeeper-recording", "version": 1}',
    ):
        (tmp_path / MANIFEST).write_text(text)
        with pytest.raises(DataCorrupt, match=r"manifest\.json"):
            Recording.open(tmp_path)
    put_manifest(tmp_path, record(tmp_path, 3), channels=[])
    with pytest.raises(DataCorrupt, match=r"the entry of 000000\.mcap has channels that the manifest has not"):
        Recording.open(tmp_path)


def test_arrays_may_be_written_again_after_they_were_taken(tmp_path: Path) -> None:
    """Environments reuse theirs; also one that holds a single number."""
    channels = (*TOUCH, Channel("inputs.big", "float32", (2000,), "vector"), Channel("action", "int64", (), "scalar"))
    touch, big, action = np.zeros(5, np.float32), np.zeros(2000, np.float32), np.zeros((), np.int64)
    recorder = StepRecorder(channels, lambda _: None, folder=tmp_path, timeline=1)
    for step in range(5):
        touch[:], big[:], action[...] = step, step, step
        recorder.take(step, [touch, big, action])
    recorder.close()

    for path in ("inputs.touch", "inputs.big", "action"):
        series = Recording.open(tmp_path).read(path).values.reshape(5, -1)
        assert series[:, 0].tolist() == series[:, -1].tolist() == [0, 1, 2, 3, 4]


def test_a_value_may_be_absent(tmp_path: Path) -> None:
    """It is then in no series and in no step; a batch without any has no block."""
    recorder = StepRecorder(CHANNELS, lambda _: None, folder=tmp_path, timeline=1)
    for step in range(50):
        recorder.take(step, [value if (step + place) % 3 else None for place, value in enumerate(values(step))])
    recorder.close()

    recording = Recording.open(tmp_path)
    for place, channel in enumerate(CHANNELS):
        series = recording.read(channel.path)
        there = [step for step in range(50) if (step + place) % 3]
        assert series.steps.tolist() == there
        assert all(same(value, values(step)[place]) for step, value in zip(there, series.values, strict=True))
    assert "inputs.picture" not in recording.at(33)
    assert same(recording.at(34)["inputs.picture"], values(34)[0])


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.zeros(4, np.float32), r"inputs\.touch is recorded as float32\[5\]"),
        (np.zeros(5, np.complex64), r"inputs\.touch is recorded as float32, and a value is complex64"),
        ("words", r"inputs\.touch is recorded as float32"),
        ([[1, 2], 3], r"inputs\.touch is recorded as float32\[5\]"),
    ],
)
def test_a_value_that_its_channel_cannot_hold_is_refused(tmp_path: Path, value: Any, problem: str) -> None:
    """The step is left out, those before and after are there."""
    recorder = StepRecorder(TOUCH, lambda _: None, folder=tmp_path, timeline=1)
    recorder.take(0, [np.ones(5, np.float32)])
    with pytest.raises(InvalidInput, match=problem):
        recorder.take(1, [value])
    recorder.take(2, [[1, 2, 3, 4, 5]])
    with pytest.raises(InvalidInput, match="2 values for the 1 channels"):
        recorder.take(3, [None, None])
    recorder.close()
    series = Recording.open(tmp_path).read("inputs.touch")
    assert series.steps.tolist() == [0, 2]
    assert series.values.tolist() == [[1] * 5, [1, 2, 3, 4, 5]]


def test_a_number_that_does_not_fit_is_left_out(tmp_path: Path) -> None:
    """It never becomes another number."""
    recorder = StepRecorder([Channel("a", "uint8", (), "scalar")], lambda _: None, folder=tmp_path, timeline=1)
    for step, value in enumerate([1, 300, 2**70, 2]):
        recorder.take(step, [value])
    recorder.close()
    series = Recording.open(tmp_path).read("a")
    assert (series.steps.tolist(), series.values.tolist()) == ([0, 3], [1, 2])


def test_what_cannot_be_recorded_is_told_at_once(tmp_path: Path) -> None:
    """Two channels of one path, one of the recorder's own, an unknown dtype, a scalar with a shape."""
    for paths in (("a", "a"), ("zoo.steps",), ("zoo.events",)):
        with pytest.raises(InvalidInput, match="cannot be recorded twice"):
            StepRecorder(
                [Channel(path, "uint8", (), "scalar") for path in paths], lambda _: None, folder=tmp_path, timeline=1
            )
    with pytest.raises(InvalidInput, match="dtype complex64 cannot be recorded"):
        Channel("a", "complex64", (), "scalar")
    with pytest.raises(InvalidInput, match="a scalar has no shape"):
        Channel("a", "uint8", (1,), "scalar")
    with pytest.raises(InvalidInput, match="is not JSON"):
        StepRecorder([Channel("a", "json", (), "json")], lambda _: None, folder=tmp_path, timeline=1).take(
            0, [object()]
        )


def test_timelines_are_told_apart(tmp_path: Path) -> None:
    """A step that was taken twice is there twice, and `at` gives the newer."""
    recorder = StepRecorder(TOUCH, lambda _: None, folder=tmp_path, timeline=1)
    for step in range(10):
        recorder.take(step, [np.full(5, 1, np.float32)])
    recorder.timeline = 2
    recorder.event(4, "restored", {"checkpointId": "chk_1"})
    for step in range(4, 7):
        recorder.take(step, [np.full(5, 2, np.float32)])
    assert (recorder.first_step, recorder.last_step) == (0, 6)
    recorder.close()

    recording = Recording.open(tmp_path)
    series = recording.read("inputs.touch", 3, 5)
    assert series.steps.tolist() == [3, 4, 5, 4, 5]
    assert series.timelines.tolist() == [1, 1, 1, 2, 2]
    assert [recording.at(5)["inputs.touch"][0], recording.at(5, 1)["inputs.touch"][0]] == [2, 1]
    assert recording.at(9)["inputs.touch"][0] == 1
    (event,) = recording.events
    assert (event["kind"], event["timeline"], event["data"]) == ("restored", 2, {"checkpointId": "chk_1"})


def test_weights_are_beside_the_segments(tmp_path: Path) -> None:
    """As they were when they were handed over; the newest up to a step are read."""
    kept: list[Segment] = []
    recorder = StepRecorder(TOUCH, kept.append, folder=tmp_path, timeline=3)
    layer, counts = np.ones((2, 3), np.float32).T, np.arange(4)
    for step in (10, 20):
        recorder.weights(step, {"layer": layer, "counts": counts, "none": np.zeros((0, 4), np.float16)})
        layer *= 2
    recorder.close()
    assert [segment.name for segment in kept] == ["weights-3-10.safetensors", "weights-3-20.safetensors"]
    for place in ("without", "with"):
        if place == "with":
            put_manifest(tmp_path, kept)
        recording = Recording.open(tmp_path)
        assert recording.weights(19)["layer"].tolist() == [[1, 1]] * 3
        assert recording.weights(20)["layer"].tolist() == [[2, 2]] * 3
        assert recording.weights(99)["counts"].tolist() == [0, 1, 2, 3]
        assert recording.weights(99)["none"].shape == (0, 4)
    (tmp_path / "weights-3-20.safetensors").write_bytes(b"x")
    with pytest.raises(DataCorrupt, match=r"weights-3-20\.safetensors has 1 bytes"):
        recording.weights(20)


def test_a_segment_may_be_ended_at_any_time_by_any_thread(tmp_path: Path) -> None:
    """No step is lost or there twice, whatever is being taken meanwhile."""
    kept: list[Segment] = []
    recorder = StepRecorder(TOUCH, kept.append, folder=tmp_path, timeline=1, tail_s=0.001, segment_s=0.004)
    over = threading.Event()

    def seal() -> None:
        while not over.is_set():
            recorder.seal()

    thread = threading.Thread(target=seal)
    thread.start()
    steps = 0
    while steps < 5_000 or sum(segment.tail is None for segment in kept) < 4:
        recorder.take(steps, [np.full(5, steps, np.float32)])
        steps += 1
    over.set()
    thread.join()
    recorder.close()

    put_manifest(tmp_path, kept)
    series = Recording.open(tmp_path).read("inputs.touch")
    assert series.steps.tolist() == list(range(steps))
    assert (series.values == np.arange(steps, dtype=np.float32)[:, None]).all()


def until(condition: Callable[[], bool]) -> None:
    """Waits for the recorder's thread."""
    waiting = threading.Event()
    while not condition():
        waiting.wait(0.005)


def test_tails_hold_what_a_segment_will(tmp_path: Path) -> None:
    """Each what came since the last; the whole segment then takes their place."""
    kept: list[Segment] = []
    recorder = StepRecorder(CHANNELS, kept.append, folder=tmp_path, timeline=1, tail_s=0.02, segment_s=1000)
    for step in range(90):
        recorder.take(step, values(step))
        if step in {10, 20, 50, 89}:
            recorder.event(step, "mode", {})
            seen = len(kept)
            until(lambda seen=seen: len(kept) > seen)  # type: ignore[misc]
    until(lambda: sum(segment.index["steps"] for segment in kept) == 90)
    tails = list(kept)
    assert all(segment.tail is not None for segment in tails)
    put_manifest(tmp_path, tails)
    recording = Recording.open(tmp_path)
    check(recording, list(range(90)))
    assert [event["step"] for event in recording.events] == [10, 20, 50, 89]

    recorder.close()
    assert (kept[-1].tail, kept[-1].index["steps"]) == (None, 90)
    put_manifest(tmp_path, kept)
    recording = Recording.open(tmp_path)
    assert len(recording.manifest["segments"]) == 1
    check(recording, list(range(90)))
    assert [event["step"] for event in recording.events] == [10, 20, 50, 89]


def test_steps_beyond_the_backlog_are_dropped_and_counted(tmp_path: Path) -> None:
    """While nobody takes what is written; the recording says how many there were."""
    going = threading.Event()
    recorder = StepRecorder(
        [Channel("a", "float32", (1000,), "vector")],
        lambda _: going.wait() and None,  # type: ignore[func-returns-value]
        folder=tmp_path,
        timeline=1,
        segment_bytes=1,
        max_backlog_bytes=10_000_000,
    )
    value = np.zeros(1000, np.float32)
    step = 0
    while recorder.dropped_steps < 100:
        recorder.take(step, [value])
        step += 1
    assert step * value.nbytes < 30_000_000
    going.set()
    dropped = recorder.dropped_steps
    while recorder.dropped_steps == dropped:
        before = recorder.dropped_steps
        recorder.take(step, [value])
        step += 1
        if recorder.dropped_steps == before:
            break
        dropped = recorder.dropped_steps
    recorder.close()

    recording = Recording.open(tmp_path)
    steps = recording.read("a").steps
    assert len(steps) == step - recorder.dropped_steps
    (event,) = recording.events
    assert (event["kind"], event["data"]) == ("dropped", {"steps": recorder.dropped_steps})


def test_a_disk_that_refuses_is_told_and_tried_again(tmp_path: Path) -> None:
    """What was sealed stays readable, and what came meanwhile is written when there is room."""
    folder = tmp_path / "recording"
    folder.mkdir()
    kept: list[Segment] = []
    recorder = StepRecorder(TOUCH, kept.append, folder=folder, timeline=1, tail_s=0.02, segment_s=0.04)
    recorder.take(0, [np.zeros(5, np.float32)])
    recorder.seal()
    assert recorder.problem is None
    folder.rename(tmp_path / "away")

    recorder.take(1, [np.ones(5, np.float32)])
    until(lambda: recorder.problem is not None)
    assert str(recorder.problem) == f"{folder} cannot be written to: No such file or directory"
    with pytest.raises(Transient, match=r"the last 1 steps of the recording are not written: .* No such file"):
        recorder.seal()
    assert Recording.open(tmp_path / "away").read("inputs.touch").steps.tolist() == [0]

    (tmp_path / "away").rename(folder)
    until(lambda: any(segment.tail is None and segment.index["firstStep"] == 1 for segment in kept))
    assert recorder.problem is None
    recorder.close()
    assert Recording.open(folder).read("inputs.touch").steps.tolist() == [0, 1]


def test_steps_never_get_to_another_timeline(tmp_path: Path) -> None:
    """What a disk refuses of the earlier one is lost, and counted."""
    folder = tmp_path / "recording"
    recorder = StepRecorder(TOUCH, lambda _: None, folder=folder, timeline=1, tail_s=None)
    recorder.take(7, [np.zeros(5, np.float32)])
    recorder.timeline = 2
    recorder.take(3, [np.zeros(5, np.float32)])
    with pytest.raises(Transient):
        recorder.seal()
    folder.mkdir()
    recorder.close()
    series = Recording.open(folder).read("inputs.touch")
    assert (series.steps.tolist(), series.timelines.tolist()) == ([3], [2])
    assert recorder.dropped_steps == 1


def test_a_failure_of_whoever_keeps_segments_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The recorder goes on, and the file is there."""

    def refuse(_: Segment) -> None:
        raise RuntimeError("no more")

    recorder = StepRecorder(TOUCH, refuse, folder=tmp_path, timeline=1)
    recorder.take(0, [np.zeros(5, np.float32)])
    recorder.seal()
    assert recorder.problem == "000000.mcap is written, and was not taken: no more"
    recorder.close()
    recorder.close()
    assert "was not taken" in caplog.text
    assert Recording.open(tmp_path).read("inputs.touch").steps.tolist() == [0]


def test_a_recorder_that_is_closed_takes_nothing(tmp_path: Path) -> None:
    """Steps are dropped and counted; nobody waits for it."""
    recorder = StepRecorder(TOUCH, lambda _: None, folder=tmp_path, timeline=1)
    recorder.take(3, [np.zeros(5, np.float32)])
    recorder.close()
    recorder.take(4, [np.zeros(5, np.float32)])
    recorder.event(4, "mode", {})
    recorder.seal()
    recorder.close()
    assert (recorder.first_step, recorder.last_step, recorder.dropped_steps) == (3, 3, 1)
    assert Recording.open(tmp_path).read("inputs.touch").steps.tolist() == [3]


def test_a_recorder_that_fails_lets_the_agent_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """What it cannot write is counted, and said when it is closed."""
    recorder = StepRecorder(
        TOUCH, lambda _: None, folder=Path("no\0folder"), timeline=1, segment_bytes=1, tail_s=None, segment_s=1000
    )
    for step in range(3000):
        recorder.take(step, [np.zeros(5, np.float32)])
    with pytest.raises(Transient, match="the recorder failed and has stopped: ValueError: embedded null byte"):
        recorder.close()
    assert recorder.dropped_steps == 3000
    assert "a recorder failed" in caplog.text


def test_texts_do_not_fill_the_memory(tmp_path: Path) -> None:
    """A batch ends when it holds many bytes, however few rows it has."""
    recorder = StepRecorder([Channel("a", "str", (), "text")], lambda _: None, folder=tmp_path, timeline=1)
    for step in range(10):
        recorder.take(step, ["x" * 2_000_000])
    recorder.close()
    recording = Recording.open(tmp_path)
    assert max(batch[2] for segment in recording.manifest["segments"] for batch in segment["batches"]) <= 4
    assert [len(text) for text in recording.read("a").values] == [2_000_000] * 10
