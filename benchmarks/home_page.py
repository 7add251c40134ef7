"""The home page of 20 instances on the Firestore emulator, whole requests, against one plain query of 21 documents.

The request is the web client's own, from the bytes of its body to the bytes of the answer. The plain query asks the
client library for the same 21 documents of the same database, as dicts. Rounds are interleaved; the emulator is another
process, on the same cores.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from ainimal_zookeeper.adapters.embedded.clock import RandomIds, SystemClock
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.domain.documents import Collections
from google.cloud import firestore
from graphql_api.api import Api

from tests.fakes import web_client, zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.queue import FakeQueue
from tests.fakes.visitor import Visitor

from .emulator import firestore_emulator
from .row import Row

BAR = 1.2
INSTANCES = 20
WARM = 60
ROUNDS = 100
REPEATS = 4

Request = Callable[[], Awaitable[Any]]


def furnish(store: FirestoreStore) -> None:
    """Writes more instances than the page has, each as one that runs and has a picture and a live address."""
    now = datetime(2030, 1, 1, tzinfo=timezone.utc)
    rows = []
    for number in range(INSTANCES + 5):
        row = zoo.instance(now + timedelta(seconds=number), f"ins_{number:02}")
        row["status"] |= {"phase": "RUNNING", "claimed": True, "previewPaths": ["env.frame"], "liveAddress": "a:1"}
        row["status"]["stats"] |= {"step": 1000 + number, "episode": 12, "stepsPerSecond": 812.5, "loss": 0.125}
        rows.append(dict(row))
    zoo.put(store, Collections.INSTANCES, *rows)


async def compare() -> list[Row]:
    project = f"benchmark-{uuid.uuid4().hex[:8]}"
    store, library = FirestoreStore(project), firestore.Client(project=project)
    furnish(store)
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
    body = json.dumps({"query": web_client.operation("Instances"), "variables": {"first": INSTANCES}}).encode()
    newest = library.collection(Collections.INSTANCES).order_by("createdAt", direction=firestore.Query.DESCENDING)

    async def ours() -> bytes:
        _, _, answer = await visitor.send(body=body, content_type="application/json", accept="application/json")
        return answer

    async def plain() -> list[Any]:
        return [snapshot.to_dict() for snapshot in newest.limit(INSTANCES + 1).stream()]

    requests: dict[str, Request] = {"ours": ours, "plain": plain}
    answer = json.loads(await ours())
    shown = [row["id"] for row in answer["data"]["instances"]["nodes"]]
    assert shown == [document["id"] for document in await plain()][:INSTANCES]
    wall: dict[str, list[float]] = {name: [] for name in requests}
    cpu: dict[str, list[float]] = {name: [] for name in requests}
    for request in requests.values():
        for _ in range(WARM):
            await request()
    gc.collect()
    for _ in range(ROUNDS):
        for name, request in requests.items():
            for _ in range(REPEATS):
                started, used = time.perf_counter(), time.process_time()
                await request()
                wall[name].append((time.perf_counter() - started) * 1e3)
                cpu[name].append((time.process_time() - used) * 1e3)
    await api.close()
    store.close()
    library.close()
    times, used = ({name: statistics.median(each) for name, each in kind.items()} for kind in (wall, cpu))
    beside = "plain query of 21 documents"
    return [
        {
            "what": "home page of 20 instances, median",
            "value": times["ours"],
            "unit": "ms",
            "beside": beside,
            "beside_value": times["plain"],
            "bar": f"at most {BAR}x",
            "kept": times["ours"] <= BAR * times["plain"],
        },
        {
            "what": "home page of 20 instances, CPU of the process",
            "value": used["ours"],
            "unit": "ms CPU",
            "beside": beside,
            "beside_value": used["plain"],
        },
    ]


def main() -> list[Row]:
    """Returns the time and the CPU time of one page."""
    with firestore_emulator():
        return asyncio.run(compare())
