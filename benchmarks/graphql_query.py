"""The API's realistic query, whole requests, against the bare executor on an equal answer.

20 instances with 12 fields of their own, 4 of their model and 4 of their statistics. The floor is graphql-core with a
document that was parsed and validated before, plain dicts and no request around it. Ours begins with the bytes of a
request and ends with the bytes of its answer: media types, limits, access, the store's query and the models' get_many.
CPU time of the process, all threads; rounds are interleaved. The store in memory is the tests' own, which copies every
document deeply: it is shown beside, without a bar.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ainimal_zookeeper.adapters.embedded.clock import RandomIds, SystemClock
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.domain.documents import Collections
from ainimal_zookeeper.ports.store import DocumentStore
from graphql import build_schema, execute, parse
from graphql_api.api import Api
from graphql_api.schema import source

from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.queue import FakeQueue
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

from .row import Row

BAR = 1.1
INSTANCES = 20
ROUNDS = 40
REPEATS = 10
QUERY = """
query Zoo($first: Int) { instances(first: $first) { nodes {
  id name phase desiredPhase stage stepsPerSecond generation observedGeneration attempt timeline createdAt modelName
  model { id name type source }
  stats { step episode stepsPerSecond loss }
} } }
"""

Request = Callable[[], Awaitable[Any]]


def furnish(store: DocumentStore) -> None:
    """Writes the instances, each of a model of its own."""
    now = datetime(2030, 1, 1, tzinfo=timezone.utc)
    for number in range(INSTANCES):
        model = {**zoo.model(), "id": f"mod_{number}", "name": f"learner {number}"}
        zoo.put(store, Collections.MODELS, model)
        row = zoo.instance(now + timedelta(seconds=number), f"ins_{number:02}")
        row["model"] = {"id": model["id"], "name": model["name"], "revision": "r1"}
        row["status"]["stats"] |= {"step": 1000 + number, "episode": 12, "stepsPerSecond": 812.5, "loss": 0.125}
        zoo.put(store, Collections.INSTANCES, dict(row))


def ours(store: DocumentStore) -> tuple[Api, Request]:
    """Returns the API on `store`, and one request to it."""
    api = Api(
        store=store,
        queue=FakeQueue(),
        dialer=LoopbackDialer(),
        bucket=MemoryBucket,
        clock=SystemClock(),
        ids=RandomIds(),
        secret=zoo.SECRET,
    )
    visitor = Visitor(api)
    body = json.dumps({"query": QUERY, "variables": {"first": INSTANCES}}).encode()

    async def ask() -> bytes:
        _, _, answer = await visitor.send(body=body, content_type="application/json", accept="application/json")
        return answer

    return api, ask


def floor(answer: dict[str, Any]) -> Request:
    """Returns one execution of the cached document on dicts that lie ready."""
    schema, document = build_schema(source()), parse(QUERY)
    assert schema.query_type is not None
    instances = answer["data"]["instances"]
    schema.query_type.fields["instances"].resolve = lambda *_, **__: instances

    async def run() -> Any:
        return execute(schema, document, variable_values={"first": INSTANCES})

    return run


async def cpu_us(request: Request) -> float:
    """Returns the CPU time of one request, of several in a row."""
    start = time.process_time()
    for _ in range(REPEATS):
        await request()
    return (time.process_time() - start) / REPEATS * 1e6


async def compare(folder: Path) -> list[Row]:
    memory, sqlite = MemoryStore(), SqliteStore(folder / "zoo.sqlite3")
    for store in (memory, sqlite):
        furnish(store)
    made = {"SqliteStore": ours(sqlite), "MemoryStore": ours(memory)}
    answer = json.loads(await made["SqliteStore"][1]())
    assert len(answer["data"]["instances"]["nodes"]) == INSTANCES
    bare = floor(answer)
    assert (await bare()).data == answer["data"]
    requests = {"floor": bare, **{name: request for name, (_, request) in made.items()}}
    times: dict[str, list[float]] = {name: [] for name in requests}
    for request in requests.values():
        await cpu_us(request)
    gc.collect()
    for _ in range(ROUNDS):
        for name, request in requests.items():
            times[name].append(await cpu_us(request))
    for api, _ in made.values():
        await api.close()
    for store in (memory, sqlite):
        store.close()
    median = {name: statistics.median(values) for name, values in times.items()}
    rows: list[Row] = [
        {
            "what": f"whole request on {name}",
            "value": median[name],
            "unit": "us CPU",
            "beside": "graphql-core, cached document",
            "beside_value": median["floor"],
        }
        for name in made
    ]
    rows[0] |= {"bar": f"at most {BAR}x", "kept": median["SqliteStore"] <= BAR * median["floor"]}
    return rows


def main() -> list[Row]:
    """Returns one row per store."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(compare(Path(folder)))


if __name__ == "__main__":
    for row in main():
        print(f"{row['what']}: {row['value']:.0f} {row['unit']}, {row['value'] / (row.get('beside_value') or 1):.2f}x")
