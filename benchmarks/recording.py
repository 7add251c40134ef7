"""What recording every value of every step costs, beside plain writes of the same bytes, foxglove-sdk and rerun.

Workload A is an agent that sees: a picture of 84x84, an action, a reward and 512 activations, 23 kB a step. Workload B
is one that controls: 32 inputs, 8 outputs and a reward, 168 bytes a step. Nothing else runs in the loop. B goes as fast
as it can; A too, and, where it has a bar, 32 steps at a time with a rest of 4 ms, so that nobody falls behind. The
agent's thread is charged what it uses itself, a recorder all that its process uses, both less a loop that records
nothing; files lie in memory where the system has such a folder. foxglove-sdk writes its MCAP, a message for each
channel, compressed; rerun logs each channel, on fewer steps; the prototype is the one that the format was decided by:
it holds no steps' numbers, and copies no array. Rounds are interleaved, and each number is their median.
"""

from __future__ import annotations

import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from ainimal_zookeeper.recording import StepRecorder
from mcap.writer import CompressionType, Writer

from . import recorded
from .recorded import Workload
from .row import Row

ROUNDS = 5
FEWER = 300  # steps of rerun
BURST, REST_S = 32, 0.004
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of a name of its own is made there

BARS_CONTROL_US = 1.5, 2.0
BAR_SIGHT = 1.6
BAR_SIZE = 1.05

Take = Callable[[int, list[Any]], None]


@contextmanager
def nothing(_: Path, __: Workload) -> Iterator[Take]:
    yield lambda _step, _values: None


@contextmanager
def ours(folder: Path, workload: Workload) -> Iterator[Take]:
    recorder = StepRecorder(workload.channels, lambda _: None, folder=folder, timeline=1)
    yield recorder.take
    recorder.close()
    if recorder.dropped_steps:
        raise RuntimeError(f"{recorder.dropped_steps} steps were dropped")


@contextmanager
def plain(folder: Path, workload: Workload) -> Iterator[Take]:
    arrays = [index for index, channel in enumerate(workload.channels) if channel.shape]
    numbers = [index for index, channel in enumerate(workload.channels) if not channel.shape]
    pack = struct.Struct(
        "<qq" + "".join("q" if workload.channels[one].dtype == "int64" else "d" for one in numbers)
    ).pack
    with (folder / "raw").open("wb") as file:
        write = file.write

        def take(step: int, values: list[Any]) -> None:
            write(pack(step, time.time_ns(), *[values[index] for index in numbers]))
            for index in arrays:
                write(values[index])

        yield take


@contextmanager
def prototype(folder: Path, workload: Workload) -> Iterator[Take]:
    """What the format was decided by: a message of mcap's own writer for each channel and block, times in each."""
    rows, shuffles = (1024, True) if workload.name.startswith("B") else (32, False)
    compressor = zstandard.ZstdCompressor(level=1)
    kept: list[list[Any]] = []
    times: list[int] = []
    with (folder / "prototype.mcap").open("wb") as file:
        writer = Writer(file, compression=CompressionType.NONE)
        writer.start()
        channels = [writer.register_channel(channel.path, "block", 0) for channel in workload.channels]

        def flush() -> None:
            deltas = compressor.compress(np.diff(np.array(times), prepend=times[0]).astype(np.int32).tobytes())
            head = struct.pack("<IqI", len(times), times[0], len(deltas)) + deltas
            for index, channel in enumerate(workload.channels):
                data = np.array([values[index] for values in kept], channel.dtype)
                if shuffles:
                    data = data.view(np.uint8).reshape(-1, channel.item_bytes).T
                writer.add_message(channels[index], times[0], head + compressor.compress(data.tobytes()), times[0])
            kept.clear()
            times.clear()

        def take(_: int, values: list[Any]) -> None:
            kept.append(values)
            times.append(time.time_ns() // 1000)
            if len(times) == rows:
                flush()

        yield take
        if times:
            flush()
        writer.finish()


@contextmanager
def foxglove(folder: Path, workload: Workload) -> Iterator[Take]:
    import foxglove as sdk

    context = sdk.Context()
    writer = sdk.open_mcap(folder / "foxglove.mcap", context=context)
    schema = sdk.Schema(name="raw", encoding="raw", data=b"")
    channels = [
        sdk.Channel(channel.path, schema=schema, message_encoding="raw", context=context)
        for channel in workload.channels
    ]
    kinds = [None if channel.shape else np.dtype(channel.dtype).type for channel in workload.channels]

    def take(_: int, values: list[Any]) -> None:
        now = time.time_ns()
        for channel, kind, value in zip(channels, kinds, values, strict=True):
            channel.log((value if kind is None else kind(value)).tobytes(), log_time=now)

    yield take
    writer.close()


@contextmanager
def rerun(folder: Path, workload: Workload) -> Iterator[Take]:
    import rerun as sdk

    stream = sdk.RecordingStream("benchmark")
    stream.save(folder / "rerun.rrd")
    kinds = [sdk.Image if channel.kind == "image" else sdk.Scalars for channel in workload.channels]

    def take(step: int, values: list[Any]) -> None:
        stream.set_time("step", sequence=step)
        for channel, kind, value in zip(workload.channels, kinds, values, strict=True):
            stream.log(channel.path, kind(value))

    yield take
    stream.disconnect()


def measure(side: Any, workload: Workload, steps: Sequence[list[Any]], *, rests: bool) -> tuple[float, float, float]:
    """Returns microseconds a step of the agent's thread and of the process, and bytes a step."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        began, process = time.thread_time(), time.process_time()
        with side(Path(name), workload) as take:
            for step, values in enumerate(steps):
                take(step, values)
                if rests and not step % BURST:
                    time.sleep(REST_S)
            thread = time.thread_time() - began
        whole = time.process_time() - process
        size = sum(file.stat().st_size for file in Path(name).glob("*"))
    return thread / len(steps) * 1e6, whole / len(steps) * 1e6, size / len(steps)


def compared(workload: Workload, *, rests: bool) -> dict[str, tuple[float, float, float]]:
    """Returns the medians of each side, less those of a loop that records nothing."""
    sides = {
        "nothing": nothing,
        "ours": ours,
        "plain": plain,
        "prototype": prototype,
        "foxglove-sdk": foxglove,
        "rerun": rerun,
    }
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in sides}
    for turn in range(ROUNDS + 1):
        for name, side in sides.items():
            steps = workload.steps[:FEWER] if name == "rerun" else workload.steps
            numbers = measure(side, workload, steps, rests=rests)
            if turn:  # the first round warms up
                found[name].append(numbers)
    medians = {
        name: tuple(statistics.median(column) for column in zip(*rounds, strict=True)) for name, rounds in found.items()
    }
    idle = medians.pop("nothing")
    return {name: (one[0] - idle[0], one[1] - idle[1], one[2]) for name, one in medians.items()}


def costs(
    said: str, found: dict[str, tuple[float, float, float]], bars: tuple[float | None, float | None]
) -> list[Row]:
    """Returns the rows of time. bars: of the agent's thread and of all, in microseconds."""
    written: list[Row] = []
    for place, what in enumerate(("agent's thread", "CPU in all")):
        value, bar = found["ours"][place], bars[place]
        for peer in ("plain", "foxglove-sdk", "rerun"):
            row: Row = {
                "what": f"{said}, {what}, a step",
                "value": value,
                "unit": "us",
                "beside": peer,
                "beside_value": found[peer][place],
            }
            if bar is not None and peer == "plain":
                row |= {"bar": f"<= {bar:.3g} us", "kept": value <= bar}
            written.append(row)
    return written


def sizes(said: str, found: dict[str, tuple[float, float, float]]) -> list[Row]:
    """Returns the rows of size."""
    written: list[Row] = []
    for peer in ("prototype", "foxglove-sdk", "plain"):
        value, beside = found["ours"][2], found[peer][2]
        row: Row = {"what": f"{said}, a step", "value": value, "unit": "B", "beside": peer, "beside_value": beside}
        if peer == "prototype":
            row |= {"bar": f"<= {BAR_SIZE}x", "kept": value <= BAR_SIZE * beside}
        written.append(row)
    return written


def main() -> list[Row]:
    """Returns the rows of both workloads."""
    controlling, seeing = recorded.controlling(), recorded.seeing()
    control = compared(controlling, rests=False)
    hasty, sight = compared(seeing, rests=False), compared(seeing, rests=True)
    return [
        *costs(controlling.name, control, BARS_CONTROL_US),
        *sizes(controlling.name, control),
        *costs(seeing.name, sight, (None, BAR_SIGHT * sight["plain"][1])),
        *sizes(seeing.name, sight),
        *costs(f"{seeing.name}, without rest", hasty, (None, None)),
    ]
