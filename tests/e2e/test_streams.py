"""Clients of both kinds over HTTP, on streams that rotate all the time and connections that break."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from ainimal_zookeeper.adapters.embedded.clock import RandomIds, SystemClock
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.adapters.embedded.queue import SqliteQueue
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.documents import Collections
from ainimal_zookeeper.domain.events import event
from ainimal_zookeeper.domain.lifecycle import timestamp
from graphql_api.api import Api
from graphql_api.console import ConsoleSettings
from graphql_api.stream import StreamSettings
from starlette.applications import Starlette
from starlette.routing import Route

from tests.conftest import give_up
from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket

WEB = Path(__file__).parents[2] / "client_web"
SETTINGS = StreamSettings(rotate_s=0.4, overlap_s=1.0, rotate_bytes=20_000)
CHUNKS = 40


class Background:
    """A coroutine on a loop of its own; `end` cancels it."""

    def __init__(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._run = run
        self._stop: Callable[[], object] = lambda: None
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._thread.start()
        assert self._started.wait(20)

    def end(self) -> None:
        self._stop()
        self._thread.join(20)

    async def _main(self) -> None:
        task = asyncio.ensure_future(self._run())
        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(task.cancel)
        self._started.set()
        with suppress(asyncio.CancelledError):
            await task


def listening() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def serve(state: Path, listener: socket.socket) -> Callable[[], Coroutine[Any, Any, None]]:
    """One API process, as far as the store and its clients can tell."""

    async def run() -> None:
        store, queue = SqliteStore(state / "zoo.sqlite3"), SqliteQueue(state / "queue.sqlite3")
        api = Api(
            store=store,
            queue=queue,
            dialer=LoopbackDialer(),
            bucket=MemoryBucket,
            clock=SystemClock(),
            ids=RandomIds(),
            secret=zoo.SECRET,
            streams=SETTINGS,
            consoles=ConsoleSettings(poll_s=0.1),
        )
        app = Starlette(routes=[Route("/{path:path}", api.handle, methods=["GET", "POST"])])
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(serving)
        finally:
            await api.close()
            server.should_exit = server.force_exit = True
            await serving
            store.close()
            queue.close()

    return run


def break_connections(front: socket.socket, behind: list[int]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Passes each connection on to one of the ports, and cuts one of them now and then."""
    chance = random.Random(7)
    open_: set[asyncio.StreamWriter] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        pumps: list[asyncio.Future[None]] = []
        open_.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", chance.choice(behind))
            ends.append(back)
            pumps = [asyncio.ensure_future(pump(reader, back)), asyncio.ensure_future(pump(there, writer))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            open_.discard(writer)
            for each in pumps:
                each.cancel()
            for end in ends:
                end.transport.abort()
            for end in ends:
                with suppress(OSError):
                    await end.wait_closed()

    async def run() -> None:
        async with await asyncio.start_server(passed_on, sock=front):
            while True:
                await asyncio.sleep(0.7)
                if open_:
                    chance.choice(sorted(open_, key=id)).transport.abort()

    return run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "zoo.sqlite3")
    zoo.furnish(opened)
    row = zoo.instance(SystemClock().now())
    row["status"] |= {"phase": "RUNNING", "claimed": True}
    zoo.put(opened, Collections.INSTANCES, dict(row))
    yield opened
    opened.close()


@pytest.fixture
def url(tmp_path: Path, store: SqliteStore) -> Iterator[str]:
    """Two API processes on one store, behind something that breaks connections."""
    sockets = [listening(), listening()]
    front = listening()
    ports = [each.getsockname()[1] for each in (*sockets, front)]
    running = [Background(serve(tmp_path, each)) for each in sockets]
    running.append(Background(break_connections(front, ports[:2])))
    yield f"http://127.0.0.1:{ports[2]}"
    for each in reversed(running):
        each.end()


def live_on(store: SqliteStore, pause: Callable[[float], object]) -> tuple[list[str], list[str]]:
    """Prints and lets things happen for some seconds, then ends the instance. Returns the lines and the event ids."""
    lines: list[str] = []
    events: list[str] = []
    for number in range(1, CHUNKS + 1):
        texts = [f"line {len(lines) + more}" for more in range(number % 4 + 1)]
        now = SystemClock().now()
        stored = [{"at": timestamp(now), "stream": "stdout", "text": text} for text in texts]
        chunk = {"id": f"log_{number}", "instanceId": "ins_1", "order": number, "firstLine": 0, "lines": stored}
        zoo.put(store, Collections.LOGS, chunk)
        happened = event(f"evt_{number}", "ins_1", "WARNING", "said", now)
        zoo.put(store, Collections.EVENTS, dict(happened))
        lines += texts
        events.append(happened["id"])
        pause(0.1)
    row = zoo.read(store)
    row["status"] |= {"phase": "TERMINATED"}
    zoo.put(store, Collections.INSTANCES, dict(row))
    return lines, events


def test_python_sees_each_line_once(url: str, store: SqliteStore) -> None:
    """Whatever happens to its connections, in the order in which it was printed."""
    with Zookeeper(url) as keeper:
        following = keeper["ins_1"].logs(follow=True)
        seen: list[str] = []
        reading = threading.Thread(target=lambda: seen.extend(line.text for line in following), daemon=True)
        reading.start()
        lines, _ = live_on(store, threading.Event().wait)
        reading.join(30)
        assert not reading.is_alive()
    assert seen == lines


def test_the_web_client_sees_each_line_and_event_once(url: str, store: SqliteStore) -> None:
    """The same, with the very code that runs in the browser."""
    program = shutil.which("npx")
    if program is None or not (WEB / "node_modules/.bin/vitest").exists():
        give_up("the web client's tools are not installed; run make test once with Node 20 or newer")
    command = [program, "vitest", "run", "src/live/rotation.test.ts"]
    lines = [f"line {number}" for number in range(sum(number % 4 + 1 for number in range(1, CHUNKS + 1)))]
    given = {"URL": f"{url}/graphql", "LAST_LINE": lines[-1], "LINES": str(len(lines)), "EVENTS": str(CHUNKS)}
    environ = {**os.environ, **{f"VITE_ZOO_{name}": value for name, value in given.items()}}
    with subprocess.Popen(command, cwd=WEB, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as testing:
        assert testing.stdout is not None
        seen = b""
        while b"watching" not in seen:
            part = testing.stdout.readline()
            assert part, seen.decode()
            seen += part
        live_on(store, threading.Event().wait)
        rest, _ = testing.communicate(timeout=60)
    assert testing.returncode == 0, (seen + rest).decode()
