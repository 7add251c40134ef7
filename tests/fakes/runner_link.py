"""A runner link over HTTP that a test decides: it hands out one launch and keeps what the runner says."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ainimal_zookeeper.domain.documents import Desired, DesiredPhase, RestoreRequest, SaveRequest, run_prefix
from ainimal_zookeeper.domain.tokens import attempt_token, seat_token

SECRET = b"a secret that only tests know"


def wanted(
    phase: DesiredPhase = "RUNNING",
    *,
    training: bool = False,
    inference: bool = True,
    rate: float | None = None,
    steps: int = 0,
    resets: int = 0,
    save: SaveRequest | None = None,
    restore: RestoreRequest | None = None,
) -> Desired:
    """Returns a desired state. `save`, `restore`: the newest requests."""
    return {
        "phase": phase,
        "mode": {"training": training, "inference": inference},
        "rate": rate,
        "steps": steps,
        "resets": resets,
        "save": save,
        "restore": restore,
    }


def launch_of(instance_id: str = "ins_1", *, attempt: int = 1, **changes: Any) -> dict[str, Any]:
    """Returns a launch of an instance with nothing in it; `changes` fill it. Times are short."""
    settings = {"pollSeconds": 0.2, "reportSeconds": 0.5, "graceSeconds": 3, "hangSeconds": 0.6, "orphanSeconds": 60}
    settings.update(changes.pop("settings", {}))
    return {
        "protocol": 1,
        "instanceId": instance_id,
        "kind": "instance",
        "name": instance_id,
        "attempt": attempt,
        "timeline": 0,
        "model": None,
        "environment": None,
        "world": None,
        "parameters": {},
        "environmentParameters": {},
        "seed": 7,
        "desired": wanted(),
        "generation": 1,
        "checkpoint": None,
        "liveToken": attempt_token(SECRET, "live", instance_id, attempt),
        "settings": settings,
        **changes,
    }


def world_of(launch: Mapping[str, Any], address: str | None, joiner_id: str) -> dict[str, Any]:
    """Returns what a launch says of the world that `joiner_id` joins."""
    token = seat_token(launch["liveToken"], joiner_id)
    return {"instanceId": launch["instanceId"], "address": address, "seatToken": token}


class FakeRunnerLink:
    """Serves the launches given, by instance; `close` when done. Everything the runners said is in `reports`.

    Reports with a part named in `refused`, such as "series" or "checkpoint", are refused. What they upload is in
    `objects`, by name; `uploading` is called before an upload is taken, `downloading` before one is given.
    `granted` are the answers to `/checkpoint`, by the id of the request.
    """

    def __init__(self, *launches: dict[str, Any]) -> None:
        self.launches = {launch["instanceId"]: launch for launch in launches}
        self.reports: dict[str, list[dict[str, Any]]] = {launch["instanceId"]: [] for launch in launches}
        self.fenced: set[str] = set()
        self.refused: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.recorded: list[dict[str, Any]] = []  # what was said of recordings
        self.granted: dict[str, dict[str, Any]] = {}
        self.uploading: Callable[[], object] = lambda: None
        self.downloading: Callable[[], object] = lambda: None
        self.away = False
        self.paths: list[str] = []
        self.claimed_by: list[str | None] = []  # what those who claimed call themselves
        self._condition = threading.Condition()
        link = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = link._answer(self.path, body, self.headers.get("Authorization", ""))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_PUT(self) -> None:
                link.uploading()
                data = self.rfile.read(int(self.headers["Content-Length"]))
                name = self.path.removeprefix("/bucket/")
                taken = name in link.objects
                link.objects.setdefault(name, data)
                self._finish(409 if taken else 201)

            def do_GET(self) -> None:
                link.downloading()
                data = link.objects.get(self.path.removeprefix("/bucket/"))
                self._finish(404 if data is None else 200, data or b"")

            def _finish(self, status: int, data: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *arguments: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A runner that is killed resets its connection: nothing to print."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/runner"

    def point(self, name: str, data: bytes, step: int = 0, episode: int = 0, **changes: Any) -> dict[str, Any]:
        """Keeps `data` as an object and returns what a launch says of it as a checkpoint."""
        self.objects[name] = data
        facts = {"sha256": hashlib.sha256(data).hexdigest(), "sizeBytes": len(data), "step": step, "episode": episode}
        return {"url": self._link_to(name), "headers": {}, **facts, **changes}

    def _link_to(self, name: str) -> str:
        return f"{self.url.removesuffix('/runner')}/bucket/{name}"

    def variables(self, instance_id: str) -> dict[str, str]:
        """Returns the environment variables that a runner of the instance is started with."""
        attempt = self.launches[instance_id]["attempt"]
        return {
            "ZOO_LINK": self.url,
            "ZOO_INSTANCE": instance_id,
            "ZOO_ATTEMPT": str(attempt),
            "ZOO_TOKEN": attempt_token(SECRET, "link", instance_id, attempt),
        }

    def desire(self, instance_id: str, desired: Desired) -> int:
        """Changes what is desired and returns the new generation."""
        with self._condition:
            launch = self.launches[instance_id]
            launch["desired"] = desired
            launch["generation"] += 1
            return int(launch["generation"])

    def until(
        self, instance_id: str, condition: Callable[[list[dict[str, Any]]], Any], patience_s: float = 20.0
    ) -> Any:
        """Waits until `condition` of the instance's reports is true and returns its value.

        Raises: TimeoutError that shows the last reports.
        """
        deadline = time.monotonic() + patience_s
        with self._condition:
            while not (value := condition(self.reports[instance_id])):
                if not self._condition.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{instance_id} has not said it in {patience_s} s: {self._last(instance_id)}")
            return value

    def phase(self, instance_id: str, phase: str, patience_s: float = 20.0) -> dict[str, Any]:
        """Waits for a report with `phase` and returns it."""
        report: dict[str, Any] = self.until(
            instance_id,
            lambda said: next((each["report"] for each in said if each["report"].get("phase") == phase), None),
            patience_s,
        )
        return report

    def said(self, instance_id: str, what: str) -> list[Any]:
        """Returns all that was sent under `what` ("logs", "events") so far, in order."""
        return [item for each in self.reports[instance_id] for item in each.get(what, [])]

    def saves(self, instance_id: str) -> list[dict[str, Any]]:
        """Returns what was said of saves so far, in order: `save`, and `checkpoint` where one succeeded."""
        parts = ("save", "checkpoint")
        said = [
            {part: each["report"][part] for part in parts if part in each["report"]}
            for each in self.reports[instance_id]
        ]
        return [each for each in said if each]

    def restored(self, instance_id: str) -> list[dict[str, Any]]:
        """Returns what was said of going back so far, in order."""
        return [each["report"]["restored"] for each in self.reports[instance_id] if "restored" in each["report"]]

    def until_asked(self, count: int, patience_s: float = 10.0) -> None:
        """Waits until `count` requests have come, answered or not."""
        deadline = time.monotonic() + patience_s
        with self._condition:
            while len(self.paths) < count:
                if not self._condition.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{len(self.paths)} requests came in {patience_s} s")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _last(self, instance_id: str) -> list[Any]:
        return [
            {key: value for key, value in each.items() if key not in {"manifest", "series", "thumbnail"}}
            for each in self.reports[instance_id][-4:]
        ]

    def _answer(self, path: str, body: dict[str, Any], authorization: str) -> tuple[int, dict[str, Any]]:
        with self._condition:
            self.paths.append(path)
            self._condition.notify_all()
            instance_id, attempt = body["instanceId"], body["attempt"]
            if self.away:
                return 503, {"code": "UNAVAILABLE", "message": "away"}
            if authorization != f"Bearer {attempt_token(SECRET, 'link', instance_id, attempt)}":
                return 401, {"code": "UNAUTHENTICATED", "message": "the token is not of this attempt"}
            launch = self.launches[instance_id]
            if instance_id in self.fenced or attempt != launch["attempt"]:
                return 409, {"code": "CONFLICT", "message": "another attempt runs"}
            if path.endswith("/claim"):
                self.claimed_by.append(body.get("runner"))
                return 200, launch
            if path.endswith("/ticket"):
                name = f"{run_prefix(instance_id, attempt)}{body['name']}"
                return 200, {"object": name, "url": self._link_to(name), "headers": {}, "expiresAt": ""}
            if path.endswith("/recording"):
                self.recorded.append(body)
                return 200, {}
            if path.endswith("/checkpoint"):
                if (granted := self.granted.get(body["id"])) is not None:
                    return 200, granted
                return 400, {"code": "INVALID_INPUT", "message": f"nobody asked for {body['id']}"}
            if bad := sorted(self.refused & {*body, *body.get("report", ())}):
                return 400, {"code": "INVALID_INPUT", "message": f"bad {bad}"}
            if path.endswith("/report"):
                known = {each["sequence"] for each in self.reports[instance_id]}
                if body["sequence"] not in known:
                    self.reports[instance_id].append(body)
                self._condition.notify_all()
            return 200, {
                "desired": launch["desired"],
                "generation": launch["generation"],
                "world": launch["world"],
            }
