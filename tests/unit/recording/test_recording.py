"""What is recorded is read back, whole or from what is left of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.recordings import MANIFEST, manifest_of
from ainimal_zookeeper.recording import Channel, Recording, Segment, StepRecorder

CHANNELS = (
    Channel("inputs.picture", "uint8", (8, 8, 3), "image"),
    Channel("inputs.touch", "float32", (5,), "vector"),
    Channel("action", "int64", (), "scalar"),
    Channel("env.reward", "float64", (), "scalar"),
    Channel("inputs.words", "str", (), "text"),
    Channel("outputs.tree", "json", (), "json"),
    Channel("zoo.flags", "uint8", (), "scalar"),
)


def values(step: int) -> list[Any]:
    """Returns what the step was, the same each time."""
    chance = np.random.default_rng(step)
    return [
        chance.integers(0, 255, (8, 8, 3), np.uint8),
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


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, np.ndarray):
        return bool(found.dtype == expected.dtype and np.array_equal(found, expected))
    return bool(found == expected)


def put_manifest(folder: Path, kept: list[Segment]) -> None:
    (folder / MANIFEST).write_text(json.dumps(manifest_of([segment.index for segment in kept], recordingId="rec_1")))


@pytest.fixture(params=["with a manifest", "without"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A recording of 100 steps, in several segments."""
    kept = record(tmp_path, 100, segment_bytes=5_000)
    assert len(kept) > 2
    if request.param == "with a manifest":
        put_manifest(tmp_path, kept)
    return tmp_path


def test_each_value_of_each_step_is_read_back(folder: Path) -> None:
    """With its dtype and shape, by step and as a series."""
    recording = Recording.open(folder)
    for step in (0, 31, 32, 99):
        row = recording.at(step)
        assert all(same(row[one.path], value) for one, value in zip(CHANNELS, values(step), strict=True))
    for position, channel in enumerate(CHANNELS):
        series = recording.read(channel.path, 20, 70)
        assert series.steps.tolist() == list(range(20, 71))
        assert all(
            same(value, values(step)[position]) for step, value in zip(range(20, 71), series.values, strict=True)
        )
        assert set(series.timelines.tolist()) == {1}
        assert (np.diff(series.times) >= 0).all()
