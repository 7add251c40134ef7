"""Memory of one live subscriber, of 200 who watch one instance on the Firestore emulator.

The API runs behind functions-framework as it is deployed. Each subscriber is a connection of its own that holds an SSE
stream of the web client's rows; all share one watch of the document. What is measured is the resident memory of the
process that answers, after 20 others have come and gone, per subscriber: when all have their first state, and again
when each has been told of twenty changes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import psutil
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.domain.documents import Collections
from ainimal_zookeeper.server.emulators import free_address

from tests.fakes import web_client, zoo

from .emulator import firestore_emulator
from .row import Row

FUNCTION = Path(__file__).parents[1] / "functions/graphql_api"
BAR_KIB = 100
SUBSCRIBERS = 200
WARM = 20
CHANGES = 20
WAIT_S = 60.0
ROWS = "subscription Rows($input: LiveInput!) { live(input: $input) { kind instances { ...InstanceRow } } }\n"


class Subscriber:
    """One SSE stream over a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: str, operation: str, input: dict[str, Any]) -> Subscriber:
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = json.dumps({"query": operation, "variables": {"input": input}}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        return cls(reader, writer)

    async def until(self, words: bytes) -> None:
        """Returns when the stream has said `words`."""
        async with asyncio.timeout(WAIT_S):
            while words not in await self._reader.readuntil(b"\n"):
                pass

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def crowd(address: str, count: int) -> list[Subscriber]:
    """Returns `count` subscribers that have their first state."""
    operation = ROWS + web_client.operation("InstanceRow")
    subscribers = [await Subscriber.open(address, operation, {"instanceIds": ["ins_1"]}) for _ in range(count)]
    await asyncio.gather(*(each.until(b"event: next") for each in subscribers))
    return subscribers


def rss_kib(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1024


def change(store: FirestoreStore, notes: str) -> None:
    row = zoo.read(store)
    row["tags"] = [notes]
    zoo.put(store, Collections.INSTANCES, dict(row))


@contextmanager
def api(address: str, environ: Mapping[str, str], log: Path) -> Iterator[psutil.Process]:
    """Runs the API behind functions-framework; yields the process that answers."""
    host, _, port = address.partition(":")
    program = str(Path(sys.executable).with_name("functions-framework"))
    command = [program, "--target", "graphql", "--source", "main.py", "--host", host, "--port", port]
    with log.open("wb") as output:
        master = subprocess.Popen(
            command, cwd=FUNCTION, env=dict(environ), stdout=output, stderr=output, start_new_session=True
        )
    try:
        until = time.monotonic() + WAIT_S
        while True:
            with suppress(httpx.TransportError):
                httpx.get(f"http://{address}/healthz", timeout=10)
                break
            if master.poll() is not None or time.monotonic() > until:
                raise TimeoutError(f"the API does not answer:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        (worker,) = psutil.Process(master.pid).children()
        yield worker
    finally:
        os.killpg(master.pid, signal.SIGKILL)
        master.wait()


async def compare(address: str, worker: psutil.Process, store: FirestoreStore) -> list[Row]:
    for each in await crowd(address, WARM):
        await each.close()
    await asyncio.sleep(2)
    before = rss_kib(worker)
    subscribers = await crowd(address, SUBSCRIBERS)
    opened = (rss_kib(worker) - before) / SUBSCRIBERS
    for number in range(CHANGES):
        await asyncio.to_thread(change, store, f"change-{number}-")
        await asyncio.gather(*(each.until(f"change-{number}-".encode()) for each in subscribers))
    changed = (rss_kib(worker) - before) / SUBSCRIBERS
    await asyncio.gather(*(each.close() for each in subscribers))
    bar = f"less than {BAR_KIB} KiB"
    return [
        {
            "what": f"memory per subscriber of {SUBSCRIBERS}, opened",
            "value": opened,
            "unit": "KiB",
            "bar": bar,
            "kept": opened < BAR_KIB,
        },
        {
            "what": f"memory per subscriber of {SUBSCRIBERS}, after {CHANGES} changes",
            "value": changed,
            "unit": "KiB",
            "bar": bar,
            "kept": changed < BAR_KIB,
        },
    ]


def main() -> list[Row]:
    """Returns the memory of one subscriber."""
    with firestore_emulator(), tempfile.TemporaryDirectory() as folder:
        project = f"benchmark-{uuid.uuid4().hex[:8]}"
        store = FirestoreStore(project)
        zoo.put(store, Collections.INSTANCES, dict(zoo.instance(datetime.now(timezone.utc))))
        environ = {
            **os.environ,
            "ZOO_PROFILE": "emulators",
            "ZOO_SECRET": base64.b64encode(os.urandom(32)).decode(),
            "ZOO_BUCKET": "unused",
            "GOOGLE_CLOUD_PROJECT": project,
            "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
            "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1",
        }
        address = free_address()
        try:
            with api(address, environ, Path(folder) / "log") as worker:
                return asyncio.run(compare(address, worker, store))
        finally:
            store.close()
