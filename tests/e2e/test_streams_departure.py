"""Functions that are asked to leave, as functions-framework serves them where they are deployed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from ainimal_zookeeper.adapters.embedded.clock import SystemClock
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.domain.documents import Collections
from ainimal_zookeeper.domain.events import event

from tests.fakes import zoo

FUNCTIONS = Path(__file__).parents[2] / "functions"
LEAVE_S = 10.0  # what Cloud Run gives
LIVE = "subscription($i:LiveInput!){live(input:$i){kind cursor instances{id notes} events{id}}}"
HEADERS = {"accept": "text/event-stream", "content-type": "application/json"}


class Served:
    """One function behind the command that serves it in the cloud: a master of gunicorn with one worker."""

    def __init__(self, state: Path, folder: str, target: str, *arguments: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = state / f"{target}.log"
        command = [
            *(str(Path(sys.executable).with_name("functions-framework")), "--target", target, "--source", "main.py"),
            *("--host", "127.0.0.1", "--port", str(self.port), *arguments),
        ]
        environ = {
            **os.environ,
            "ZOO_STATE_DIR": str(state),
            "ZOO_PUBLIC_URL": "http://127.0.0.1:1",
            "ZOO_LINK_URL": "http://127.0.0.1:1/runner",
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=FUNCTIONS / folder, env=environ, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self._listens():
            assert time.monotonic() < deadline, self.output
            assert self.process.poll() is None, self.output
            time.sleep(0.1)

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def _listens(self) -> bool:
        try:
            httpx.get(f"{self.url}/healthz", trust_env=False, timeout=30)
        except httpx.TransportError:
            return False
        return True

    def ask_to_leave(self) -> float:
        """Returns when it was asked."""
        self.process.send_signal(signal.SIGTERM)
        return time.monotonic()

    def status(self, asked_at: float) -> int:
        """Returns the exit status. Raises: subprocess.TimeoutExpired when it stays for too long."""
        return self.process.wait(asked_at + LEAVE_S - time.monotonic())

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@dataclass
class Viewer:
    """A client that reads one stream to its end."""

    url: str
    wanted: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    failure: Exception | None = None
    completed: bool = False

    def __post_init__(self) -> None:
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self._began.wait(20), self.failure

    def ended(self) -> None:
        self._thread.join(LEAVE_S)
        assert not self._thread.is_alive()

    @property
    def kinds(self) -> list[str]:
        return [each["kind"] for each in self.events]

    def _read(self) -> None:
        body = {"query": LIVE, "variables": {"i": self.wanted}}
        try:
            with httpx.stream(
                "POST", f"{self.url}/graphql", json=body, headers=HEADERS, timeout=30, trust_env=False
            ) as response:
                for line in response.iter_lines():
                    self.completed |= line == "event: complete"
                    if line.startswith("data: {"):
                        self.events.append(json.loads(line[6:])["data"]["live"])
                        self._began.set()
        except Exception as error:
            self.failure = error


def reads_nothing(port: int) -> socket.socket:
    """Returns a connection with an open stream whose client never reads."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", port))
    body = json.dumps({"query": LIVE, "variables": {"i": {}}}).encode()
    deaf.sendall(request_head(len(body), "/graphql", HEADERS) + body)
    return deaf


def request_head(length: int, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {length}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(zoo.SECRET.ljust(32, b"."))
    return tmp_path


@pytest.fixture
def store(state: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(state / "zoo.sqlite3")
    zoo.furnish(opened)
    now = SystemClock().now()
    for number in range(90):
        zoo.put(opened, Collections.INSTANCES, dict(zoo.instance(now, f"ins_{number}", notes="n" * 60_000)))
    yield opened
    opened.close()


@pytest.mark.parametrize("server", [[], ["--debug"]], ids=["gunicorn", "uvicorn"])
def test_streams_get_their_farewell_and_the_process_leaves_in_time(
    state: Path, store: SqliteStore, server: list[str]
) -> None:
    """Idle, busy and deaf viewers, one in the middle of a question: SIGTERM ends them all, whole and within 10 s."""
    served = Served(state, "graphql_api", "graphql", *server)
    stop = threading.Event()

    def happen() -> None:
        while not stop.wait(0.05):
            now = SystemClock().now()
            zoo.put(store, Collections.EVENTS, dict(event(f"evt_{now.timestamp()}", "ins_1", "WARNING", "said", now)))

    writer = threading.Thread(target=happen, daemon=True)
    try:
        idle = Viewer(served.url, {"instanceIds": []})
        writer.start()
        busy = [Viewer(served.url, {"instanceIds": ["ins_1"]}) for _ in range(3)]
        question = json.dumps({"query": "{server{id}}"}).encode()
        with reads_nothing(served.port), socket.create_connection(("127.0.0.1", served.port)) as asking:
            asking.sendall(request_head(len(question), "/graphql", {"content-type": "application/json"}))
            asking.sendall(question[:5])
            time.sleep(1.0)  # until the deaf one's buffers are full
            asked_at = served.ask_to_leave()
            time.sleep(0.5)
            asking.sendall(question[5:])
            answer = http.client.HTTPResponse(asking)
            answer.begin()
            assert (answer.status, json.load(answer)) == (200, {"data": {"server": {"id": "server_zoo"}}})
            status = served.status(asked_at)
        for viewer in (idle, *busy):
            viewer.ended()
            assert viewer.failure is None
            assert viewer.kinds.count("ROTATE") == 1
            assert not viewer.completed
        assert idle.kinds == ["SNAPSHOT", "ROTATE"]
        assert status == (-signal.SIGTERM if server else 0)
        assert "Traceback" not in served.output
    finally:
        stop.set()
        if writer.is_alive():
            writer.join()
        served.end()
        print(served.output)


@pytest.mark.parametrize(
    ("folder", "target", "path", "status"),
    [("runner_link", "link", "/claim", 401), ("job_launcher", "launch", "/", 204)],
)
def test_a_question_in_flight_is_answered_before_the_process_leaves(
    state: Path, folder: str, target: str, path: str, status: int
) -> None:
    """Also of the functions without streams nothing that was begun is cut off."""
    served = Served(state, folder, target)
    try:
        with socket.create_connection(("127.0.0.1", served.port)) as asking:
            asking.sendall(request_head(2, path, {"content-type": "application/json"}) + b"{")
            time.sleep(0.3)
            asked_at = served.ask_to_leave()
            time.sleep(0.5)
            asking.sendall(b"}")
            answer = http.client.HTTPResponse(asking)
            answer.begin()
            assert answer.status == status
        assert served.status(asked_at) == 0
        assert "Traceback" not in served.output
    finally:
        served.end()
