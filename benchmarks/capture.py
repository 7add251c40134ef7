"""What it costs to capture the state of a model of 20 MB that has no `save`, beside a plain write of its tensors.

The plain write is the least that a file of safetensors can be: a header, each tensor's own memory, fsync. Ours copies
the tensors first, so that the model may change meanwhile, and makes an archive that holds the same file, values and
sources of chance, and its SHA-256. A runner leaves it to the bucket to sync what it is sent; what it would cost to sync
the archive as well is shown beside. Rounds are interleaved.

How long the loop stands still: a runner's loop whose environment does next to nothing is asked for its state 21 times,
as in `saving`. The state is copied between two steps; the archive is written and sent meanwhile.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ainimal_zookeeper.models.agent import Agent, Capabilities
from zookeeper_runner.checkpoint import seal, write
from zookeeper_runner.session import Counters

from .idling import CALM_S
from .row import Row
from .saving import PROMISED_MS, SAVES, gaps_while_saving

LAYERS, WIDTH = 5, 1_000  # of float32: 20 MB
BAR = 1.5
WARM, ROUNDS = 3, 21


class NumpyModel:
    def __init__(self) -> None:
        chance = np.random.default_rng(0)
        self.layers = [chance.standard_normal((WIDTH, WIDTH), np.float32) for _ in range(LAYERS)]
        self.learning_rate = 0.01


class Nothing:
    """What acts, where there is nothing of it to keep: the sources of chance are in the state all the same."""

    def snapshot(self) -> dict[str, Any]:
        return {"episodeStep": 0}


def torch_model() -> Any:
    import torch

    class TorchModel:
        def __init__(self) -> None:
            self.network = torch.nn.Sequential(*(torch.nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))
            self.learning_rate = 0.01

    return TorchModel()


def plain(model: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Returns the tensors of a model, as the memory that they have."""
    if isinstance(model, NumpyModel):
        return {f"layers.{index}": layer for index, layer in enumerate(model.layers)}
    return {name: tensor.numpy() for name, tensor in model.network.state_dict().items()}


def write_plainly(tensors: Mapping[str, np.ndarray[Any, Any]], file: Path) -> None:
    """Writes a file of safetensors, and waits until the disk has it."""
    header, at = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    text = json.dumps(header).encode()
    with file.open("wb") as target:
        target.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            target.write(tensor.data)
        target.flush()
        os.fsync(target.fileno())


def capture(agent: Agent, file: Path) -> None:
    """Captures a state as a runner does."""
    written = write(agent, Counters(), Nothing())
    with written.place:
        seal(written, file)


def capture_and_sync(agent: Agent, file: Path) -> None:
    """Captures a state, and waits until the disk has it."""
    capture(agent, file)
    descriptor = os.open(file, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)


def compared(name: str, model: Any) -> list[Row]:
    """Returns the rows of one model."""
    agent = Agent(forward=dict, can=Capabilities(), subject=model)
    tensors = plain(model)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state"
        sides: dict[str, Callable[[], None]] = {
            "ours": lambda: capture(agent, file),
            "synced": lambda: capture_and_sync(agent, file),
            "theirs": lambda: write_plainly(tensors, file),
        }
        times: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(WARM + ROUNDS):
            for side, run in sides.items():
                began = time.perf_counter()
                run()
                if turn >= WARM:
                    times[side].append((time.perf_counter() - began) * 1e3)
                file.unlink()  # so that nobody syncs what another has written
    value, synced, beside = (statistics.median(times[side]) for side in sides)
    calm, saves = gaps_while_saving(agent)
    longest = [max(gaps) * 1e3 for gaps in saves]
    return [
        {
            "what": f"capture of a model of {name}, median",
            "value": value,
            "unit": "ms",
            "beside": "plain safetensors, fsync",
            "beside_value": beside,
            "bar": f"<= {BAR}x",
            "kept": value <= BAR * beside,
        },
        {
            "what": "the same, and synced",
            "value": synced,
            "unit": "ms",
            "beside": "plain safetensors, fsync",
            "beside_value": beside,
        },
        {
            "what": f"longest step while a model of {name} is saved, median of {SAVES} saves",
            "value": statistics.median(longest),
            "unit": "ms",
            "beside": f"longest step of {CALM_S:g} s without a save",
            "beside_value": max(calm) * 1e3,
            "bar": f"<= {PROMISED_MS:g} ms",
            "kept": statistics.median(longest) <= PROMISED_MS,
        },
        {
            "what": f"the longest of those of {name}",
            "value": max(longest),
            "unit": "ms",
        },
    ]


def main() -> list[Row]:
    """Returns the rows of a model of numpy arrays, and of one of torch."""
    return [*compared("numpy", NumpyModel()), *compared("torch", torch_model())]
