"""From a request to go back to a checkpoint to the next step, beside reading and hashing its bytes.

A runner's loop whose environment does next to nothing is asked to go back to a state of a model of NumPy arrays, which
has no `load`, again and again. The bytes come from a runner link of the tests, in this process as well. Beside it
stands the least that anybody must do who trusts nothing: reading the same bytes over the same link, and hashing them.
At 500 steps/s the loop rests between its steps; at full speed it wants the interpreter all the time. Rounds are
interleaved.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from ainimal_zookeeper.domain.documents import Desired
from ainimal_zookeeper.models.agent import Agent, Capabilities
from zookeeper_runner.checkpoint import seal, write
from zookeeper_runner.session import Counters

from tests.fakes.runner_link import wanted

from .idling import Idling
from .row import Row

SIZES_MB = {20: 21, 200: 7}  # and how often each
LAYERS = 5
BAR = 1.2
CALM_RATE = 500.0
NAME = "runs/ins_1/1/checkpoints/steady.zip"
_CHUNK = 1 << 20


class Model:
    def __init__(self, megabytes: int) -> None:
        chance, width = np.random.default_rng(0), int((megabytes * 1e6 / 4 / LAYERS) ** 0.5)
        self.layers = [chance.standard_normal((width, width), np.float32) for _ in range(LAYERS)]


class Nothing:
    def snapshot(self) -> dict[str, Any]:
        return {"episodeStep": 0}


def archive_of(agent: Agent) -> bytes:
    """Returns a checkpoint of `agent`, as its runner sends it."""
    written = write(agent, Counters(), Nothing())
    with written.place as place:
        file = Path(place) / "state.zip"
        seal(written, file)
        return file.read_bytes()


def read_and_hash(url: str) -> str:
    """Returns the SHA-256 of what is at `url`."""
    parts, digest = urlsplit(url), hashlib.sha256()
    connection = HTTPConnection(parts.netloc)
    connection.request("GET", parts.path)
    response = connection.getresponse()
    while chunk := response.read(_CHUNK):
        digest.update(chunk)
    connection.close()
    return digest.hexdigest()


def compare(megabytes: int, rounds: int, rate: float | None) -> tuple[float, float]:
    """Returns the medians in ms: until the next step, and of reading and hashing."""
    model = Model(megabytes)
    agent = Agent(forward=dict, can=Capabilities(), subject=model)
    data, before, bare = archive_of(agent), [layer.copy() for layer in model.layers], list[float]()
    with Idling(agent) as idling:

        def requests() -> Iterator[Desired]:
            for number in range(1, rounds + 1):
                name = f"res_{number}"
                point: Any = idling.runner_link.point(NAME, data, 7, 2, timeline=number + 1)
                idling.runner_link.granted[name] = point
                began = time.perf_counter()
                assert read_and_hash(point["url"]) == point["sha256"]
                bare.append(time.perf_counter() - began)
                for layer in model.layers:
                    layer[:] = 0.0
                yield wanted(rate=rate, restore={"id": name, "tag": "steady", "authorId": None, "point": point})
                assert all(map(np.array_equal, model.layers, before))

        idling.run(requests())
        assert [answer["restored"].get("timeline") for answer in idling.answers] == list(range(2, rounds + 2))
        return statistics.median(idling.took) * 1e3, statistics.median(bare) * 1e3


def main() -> list[Row]:
    """Returns a row for each size, at both speeds."""
    rows: list[Row] = []
    for rate, speed in ((CALM_RATE, f"{CALM_RATE:g} steps/s"), (None, "full speed")):
        for megabytes, rounds in SIZES_MB.items():
            value, beside = compare(megabytes, rounds, rate)
            row: Row = {
                "what": f"request to next step, {megabytes} MB, {speed}, median",
                "value": value,
                "unit": "ms",
                "beside": "reading and hashing",
                "beside_value": beside,
            }
            if rate is not None:
                row |= {"bar": f"< {BAR}x", "kept": value < BAR * beside}
            rows.append(row)
    return rows
