"""What it costs to watch and to drive, and how long values and commands take, in a real zoo.

Step times are those that the model measures from one forward to the next, medians over a few seconds with and without
those who watch, taken in turns; a step is a fixed amount of work in NumPy. Values are those of the Python client, from
the moment that the step thread has stamped on them; commands are timed from the call of `send` to its answer.
"""

from __future__ import annotations

import asyncio
import statistics
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil
from ainimal_zookeeper.client import Instance, Zookeeper

from .row import Row
from .server import Zoo, zoo

AGENT = """
import struct, time
import numpy as np
from ainimal_zookeeper import AInimal

class Worker(AInimal):
    def __init__(self, log: str, step_ms: float = 1.0, activation_mb: int = 0):
        self.log = open(log, "ab", buffering=0)
        self.numbers = np.linspace(0.1, 1.0, 16_384, dtype=np.float32)
        self.image = np.random.default_rng(0).random((256, 256), np.float32)
        self.hidden = np.zeros(activation_mb * 2**18, np.float32)
        self.rounds = 1
        began = time.perf_counter()
        self.work(200)
        self.rounds = max(1, round(200 * step_ms / 1000 / (time.perf_counter() - began)))

    def work(self, rounds):
        for _ in range(rounds):
            np.sin(self.numbers)

    def forward(self, inputs):
        self.log.write(struct.pack("<d", time.time()))
        self.work(self.rounds)
        if self.hidden.size:
            self.tap("hidden", self.hidden)
        return {"action": 0}
"""
VIEWERS = 50
WINDOW_S = 3.0
TURNS = 3


class Steps:
    """The times of a model's steps, as it writes them down."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def median_ms(self, since: float, until: float) -> float:
        data = self.file.read_bytes()
        times = [at for (at,) in struct.iter_unpack("<d", data[: len(data) // 8 * 8]) if since <= at <= until]
        return 1000 * float(statistics.median(after - before for before, after in pairwise(times)))


def in_turns(steps: Steps, watching: Callable[[], AbstractContextManager[None]]) -> tuple[float, float]:
    """Returns the step time in ms while `watching()` is entered, and while it is not: medians of the turns."""
    watched, alone = [], []
    for _ in range(TURNS):
        began = time.time()
        time.sleep(WINDOW_S)
        alone.append(steps.median_ms(began, time.time()))
        with watching():
            time.sleep(0.5)
            began = time.time()
            time.sleep(WINDOW_S)
            watched.append(steps.median_ms(began, time.time()))
    return statistics.median(watched), statistics.median(alone)


@contextmanager
def viewers(running: Zoo, instance_id: str, count: int) -> Iterator[None]:
    """Holds `count` streams open, each with the instance, its reward and an observation, 10 a second."""
    query = (
        "subscription($i: LiveInput!) { live(input: $i) { kind cursor instances { id phase stats { step } }"
        " values { path step time scalar tensor { data } } } }"
    )
    signals = [
        {"instanceId": instance_id, "path": path, "maxRate": 10} for path in ("env.reward", "inputs.observation")
    ]
    body = {"query": query, "variables": {"i": {"instanceIds": [instance_id], "signals": signals}}}
    loop = asyncio.new_event_loop()

    async def look(client: httpx.AsyncClient) -> None:
        headers = {"accept": "text/event-stream"}
        while True:  # a stream lasts five minutes
            async with client.stream("POST", f"{running.url}/graphql", json=body, headers=headers) as response:
                async for _ in response.aiter_raw():
                    pass

    async def look_all() -> None:
        limits = httpx.Limits(max_connections=count)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            await asyncio.gather(*(look(client) for _ in range(count)))

    task = loop.create_task(look_all())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        while not task.done():
            time.sleep(0.01)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def watching(instance: Instance, path: str, **how: object) -> Iterator[None]:
    """Reads values of one signal in a thread."""
    ended = threading.Event()

    def read() -> None:
        for _ in instance.watch(path, **how):  # type: ignore[arg-type]
            if ended.is_set():
                return

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def value_ms(instance: Instance, path: str, count: int) -> list[float]:
    """Milliseconds from the step that made a value to its array here."""
    took = []
    for value in instance.watch(path, rate=5):
        value.content.numpy()  # type: ignore[union-attr]
        produced = datetime.fromisoformat(value.time.replace("Z", "+00:00")).timestamp()
        took.append((time.time() - produced) * 1000)
        if len(took) > count:
            return took[1:]
    return took


def drive_ms(instance: Instance, count: int) -> list[float]:
    """Milliseconds from sending a value to the answer that says its step."""
    took = []
    with instance.drive() as wheel:
        for number in range(count):
            began = time.perf_counter()
            if wheel.send(number % 2) is not None:
                took.append((time.perf_counter() - began) * 1000)
    return took


def links_to(instance_id: str) -> int:
    """Returns how many connections the live server of the instance's runner has."""
    [runner] = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "zookeeper_runner" in (process.info["cmdline"] or []) and process.environ()["ZOO_INSTANCE"] == instance_id
    ]
    found = runner.net_connections("tcp")
    ports = {each.laddr.port for each in found if each.status == psutil.CONN_LISTEN}
    return sum(each.status == psutil.CONN_ESTABLISHED and each.laddr.port in ports for each in found)


def main() -> list[Row]:
    """Measures three instances, one after the other: of 1 ms, of 50 ms with 16 MB, and one that is driven."""
    with (
        tempfile.TemporaryDirectory() as folder,
        zoo({"worker.py": AGENT}) as running,
        Zookeeper(running.url) as client,
    ):
        quick, slow = Steps(Path(folder) / "quick"), Steps(Path(folder) / "slow")

        def launch(steps: Steps, **parameters: Any) -> Instance:
            launched = client.launch("Worker", "CartPole", mode="inference", log=str(steps.file), **parameters).wait()
            while not launched.signals():
                time.sleep(0.05)
            return launched

        one = launch(quick)
        crowd, alone = in_turns(quick, lambda: viewers(running, one.id, VIEWERS))
        with viewers(running, one.id, VIEWERS):
            time.sleep(1)
            links = links_to(one.id)
        free = statistics.median(value_ms(one, "weights.image", 20))
        one.rate(30).settled()
        paced = statistics.median(value_ms(one, "weights.image", 20))
        one.rate(None).settled()
        driven = drive_ms(one, 60)
        frame_ms = 1000 / 50  # CartPole's own frame rate, which holds while somebody drives
        one.terminate().wait("TERMINATED")

        two = launch(slow, step_ms=50.0, activation_mb=16)
        paths = {row["path"] for row in two.signals()}
        while "activations.hidden" not in paths:
            time.sleep(0.2)
            paths = {row["path"] for row in two.signals()}
        heavy, light = in_turns(slow, lambda: watching(two, "activations.hidden", rate=10, reduce="statistics"))
        two.terminate().wait("TERMINATED")
    waited = statistics.median(driven)
    return [
        {
            "what": f"step with {VIEWERS} viewers, median",
            "value": crowd,
            "unit": "ms",
            "beside": "no viewer",
            "beside_value": alone,
            "bar": "<= 1.05x",
            "kept": crowd <= 1.05 * alone,
        },
        {"what": f"links of {VIEWERS} viewers", "value": links, "unit": "", "bar": "1", "kept": links == 1},
        {
            "what": "256x256 float32 at full speed, median",
            "value": free,
            "unit": "ms",
            "bar": "< 10 ms",
            "kept": free < 10,
        },
        {
            "what": "256x256 float32 at 30 steps/s, median",
            "value": paced,
            "unit": "ms",
            "bar": "< 10 ms",
            "kept": paced < 10,
        },
        {
            "what": "controlSend to appliedAtStep, median",
            "value": waited,
            "unit": "ms",
            "beside": "one step at real speed",
            "beside_value": frame_ms,
            "bar": "<= one step + 20 ms",
            "kept": waited <= frame_ms + 20,
        },
        {
            "what": "step of 50 ms with statistics of 16 MB at 10 Hz, median",
            "value": heavy,
            "unit": "ms",
            "beside": "nobody watches",
            "beside_value": light,
            "bar": "<= 1.05x",
            "kept": heavy <= 1.05 * light,
        },
    ]
