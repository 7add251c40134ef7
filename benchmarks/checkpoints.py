"""What a checkpoint costs in a model that has 10,000 of them, beside one that has ten.

Two zoos of one machine, each a SQLite file and a bucket in a directory, with one instance whose model was saved that
often: each state was reported to the runner link, which made commit, tag and document of it. Measured are whole
requests to the API for the first page of the model's and of the instance's checkpoints, from the bytes of the request
to those of the answer, and the report of one more state. Rounds are interleaved; times are those of a clock.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import io
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.adapters.embedded.clock import RandomIds, SystemClock
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Collections, instance_ref
from ainimal_zookeeper.domain.lifecycle import Report
from graphql_api.api import Api
from runner_link.intake import Intake
from runner_link.keeping import Keeping
from runner_link.requests import Caller, reported

from tests.fakes import zoo
from tests.fakes.queue import FakeQueue
from tests.fakes.visitor import Visitor

from .row import Row

FEW, MANY = 10, 10_000
BAR = 1.5
WARM, ROUNDS = 10, 60
RUNS: Report = {"phase": "RUNNING"}
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  nothing there outlives the benchmark
MEMORY = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None  # thousands are made where nothing waits for a disk
FIELDS = """nodes {
  id tag commit parents step episode timeline attempt createdAt sizeBytes needsPickle kind kept instanceId instanceName
  modelId modelName modelRevision viewerCan
} pageInfo { hasNextPage endCursor }"""
WITH_NUMBER, SAVE = "first page of a model, and how many there are", "one more save"
QUERIES = {
    "first page of a model": f'{{ model(id: "mod_learner") {{ checkpoints(first: 10) {{ {FIELDS} }} }} }}',
    "first page of an instance": f'{{ instance(id: "ins_1") {{ checkpoints(first: 10) {{ {FIELDS} }} }} }}',
    WITH_NUMBER: f'{{ model(id: "mod_learner") {{ checkpoints(first: 10) {{ totalCount {FIELDS} }} }} }}',
}


class Zoo:
    """The zoo in `folder`: one instance that runs and has checkpoints."""

    def __init__(self, folder: Path) -> None:
        clock = SystemClock()
        self._store = SqliteStore(folder / "zoo.sqlite3")
        self._bucket = DirectoryBucket(folder / "bucket", "http://bucket", zoo.SECRET, clock)
        keeping = Keeping(store=self._store, bucket=self._bucket, clock=clock)
        self._intake = Intake(store=self._store, clock=clock, keeping=keeping)
        if self._store.get(instance_ref("ins_1")) is None:
            zoo.furnish(self._store)
            row = zoo.add(self._store, zoo.instance(clock.now(), name="Pupil"))
            claimed = lifecycle.claim(row, 1, clock.now())
            zoo.put(self._store, Collections.INSTANCES, dict(lifecycle.report(claimed, 1, RUNS, clock.now())))
        self._step = zoo.read(self._store)["status"]["lastSequence"]
        self._api = Api(
            store=self._store,
            queue=FakeQueue(),
            dialer=LoopbackDialer(),
            bucket=lambda: self._bucket,
            clock=clock,
            ids=RandomIds(),
            secret=zoo.SECRET,
        )
        self._visitor = Visitor(self._api)

    async def close(self) -> None:
        await self._api.close()
        self._store.close()

    def upload(self) -> None:
        """Puts the bytes of one more state where a runner puts them."""
        self._step += 1
        asked = lifecycle.save(zoo.read(self._store), {"id": f"sav_{self._step}", "tag": None, "authorId": None})
        zoo.put(self._store, Collections.INSTANCES, dict(asked))
        self._bucket.put(self._object, io.BytesIO(self._content), if_generation=0)

    def save(self) -> None:
        """Reports the state, as the runner does once its bytes are there."""
        point = {
            "object": self._object,
            "step": self._step,
            "episode": 0,
            "sizeBytes": len(self._content),
            "sha256": hashlib.sha256(self._content).hexdigest(),
        }
        save = {"id": f"sav_{self._step}", "kind": "ASKED", "seeds": {"numpy": 7}, "libraries": {"numpy": "2.4"}}
        body = {"sequence": self._step, "report": {"checkpoint": point, "save": save}}
        self._intake.report(Caller("ins_1", 1), reported(body))

    async def page(self, query: str) -> Any:
        """Returns the answer to a query, as the data that it holds."""
        body = json.dumps({"query": query}).encode()
        _, _, answer = await self._visitor.send(body=body, content_type="application/json", accept="application/json")
        return json.loads(answer)["data"]

    @property
    def _content(self) -> bytes:
        return f"the state of step {self._step}".encode()

    @property
    def _object(self) -> str:
        return f"runs/ins_1/1/checkpoints/sav_{self._step}.zip"


async def make(folder: Path, count: int) -> Zoo:
    """Returns the zoo in the new `folder` whose instance was saved `count` times."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as memory:
        filled = Zoo(Path(memory))
        for _ in range(count):
            filled.upload()
            filled.save()
        await filled.close()
        shutil.copytree(memory, folder)
    return Zoo(folder)


async def compare(folder: Path, many: int = MANY, rounds: int = ROUNDS) -> list[Row]:
    """Returns a row for each thing that is done."""
    zoos = {count: await make(folder / str(count), count) for count in (FEW, many)}
    times: dict[tuple[str, int], list[float]] = {}

    async def measure(
        what: str, call: Callable[[Zoo], Awaitable[object]], before: Callable[[Zoo], object] = lambda _: None
    ) -> None:
        gc.collect()
        for turn in range(WARM + rounds):
            for count, a_zoo in zoos.items():
                before(a_zoo)
                began = time.perf_counter()
                await call(a_zoo)
                if turn >= WARM:
                    times.setdefault((what, count), []).append(time.perf_counter() - began)

    for what, query in QUERIES.items():
        await measure(what, lambda a_zoo: a_zoo.page(query))  # noqa: B023
    for count, a_zoo in zoos.items():
        answer = (await a_zoo.page(QUERIES[WITH_NUMBER]))["model"]["checkpoints"]
        assert (len(answer["nodes"]), answer["totalCount"]) == (FEW, count)
    await measure(SAVE, lambda a_zoo: asyncio.to_thread(a_zoo.save), Zoo.upload)  # in a thread, as the runner link does
    for a_zoo in zoos.values():
        await a_zoo.close()
    rows: list[Row] = []
    for what in (*QUERIES, SAVE):
        few, much = (statistics.median(times[what, count]) * 1e3 for count in (FEW, many))
        row: Row = {
            "what": f"{what}, of {many:,}, median",
            "value": much,
            "unit": "ms",
            "beside": f"of {FEW}",
            "beside_value": few,
        }
        if what != WITH_NUMBER:
            row |= {"bar": f"< {BAR}x", "kept": much < BAR * few}
        rows.append(row)
    return rows


def main() -> list[Row]:
    """Returns one row per thing that is done."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(compare(Path(folder)))
