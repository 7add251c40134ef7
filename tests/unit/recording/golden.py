"""A recording that holds one of everything; `python -m tests.unit.recording.golden` writes it anew beside this file.

Other readers are held to it, and readers of later versions: what was written once must always be read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.recordings import MANIFEST, manifest_of
from ainimal_zookeeper.recording import Channel, Segment, StepRecorder
from ainimal_zookeeper.recording.channel import ITEM_BYTES

FOLDER = Path(__file__).parent / "golden"
EXPECTED = "expected.json"

CHANNELS = (
    *(Channel(f"numbers.{dtype}", dtype, (3,), "vector") for dtype in ITEM_BYTES),
    Channel("inputs.picture", "uint8", (4, 5, 3), "image"),
    Channel("inputs.depth", "float32", (4, 5), "image"),
    Channel("inputs.words", "str", (), "text"),
    Channel("outputs.tree", "json", (), "json"),
    Channel("action", "int64", (), "scalar"),
    Channel("env.reward", "float64", (), "scalar"),
    Channel("zoo.flags", "uint8", (), "scalar"),
    Channel("inputs.never", "float32", (2,), "vector"),
    Channel("inputs.sometimes", "float32", (2,), "vector"),
    Channel("metrics.loss", "float32", (), "scalar"),
)


def value(channel: Channel, step: int) -> Any:
    """Returns what a channel was at a step, the same each time; None where it was absent."""
    chance = np.random.default_rng([step, len(channel.path)])
    if channel.path == "inputs.never" or (channel.path in {"inputs.sometimes", "metrics.loss"} and step % 7):
        return None
    if channel.kind == "text":
        return None if step % 5 == 0 else f"step {step}: é, 猫"
    if channel.kind == "json":
        return {"step": step, "list": [None, 1.5, "x"]}
    if channel.dtype.startswith("float"):
        drawn = chance.standard_normal(channel.shape).astype(channel.dtype)
        return drawn if channel.shape else float(drawn)
    low, high = (-100, 100) if channel.dtype.startswith("int") else (0, 100)
    if channel.dtype == "bool":
        return chance.integers(0, 2, channel.shape).astype(bool)
    if channel.dtype == "bfloat16":
        return chance.integers(0x3F00, 0x4000, channel.shape).astype(np.uint16)
    drawn = chance.integers(low, high, channel.shape)
    return drawn.astype(channel.dtype) if channel.shape else int(drawn)


def write(folder: Path) -> None:
    """Records 53 steps into `folder`; two of the first 40 are missing, the last 15 are on a second timeline."""
    kept: list[Segment] = []
    recorder = StepRecorder(CHANNELS, kept.append, folder=folder, timeline=1, segment_bytes=12_000, tail_s=None)
    expected: dict[str, list[Any]] = {channel.path: [] for channel in CHANNELS}
    for timeline, steps in ((1, (step for step in range(40) if step not in {20, 21})), (2, range(30, 45))):
        recorder.timeline = timeline
        recorder.event(30, "restored", {"timeline": timeline})
        for step in steps:
            values = [value(channel, step) for channel in CHANNELS]
            recorder.take(step, values)
            for channel, one in zip(CHANNELS, values, strict=True):
                if one is not None:
                    expected[channel.path].append([step, timeline, _plain(channel, one)])
        recorder.weights(35, {"layer.weight": np.arange(6, dtype=np.float32).reshape(2, 3) + timeline})
    recorder.close()
    (folder / MANIFEST).write_text(json.dumps(manifest_of([one.index for one in kept], recordingId="rec_golden")))
    (folder / EXPECTED).write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")))


def _plain(channel: Channel, one: Any) -> Any:
    if channel.varies:
        return one
    if channel.dtype == "bfloat16":
        one = (one.astype(np.uint32) << 16).view(np.float32)
    return [float(number) for number in np.asarray(one).reshape(-1)]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.iterdir():
        path.unlink()
    write(FOLDER)
