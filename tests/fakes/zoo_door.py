"""The door of a zoo, at which scripts introduce themselves: `/graphql` with one answer."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LINK = {"url": "http://127.0.0.1:1/runner", "attempt": 1, "token": "t"}


class Door:
    """Keeps what was asked last; `answer` is JSON, or text as it is."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.authorization: str | None = None
        made = {"instance": {"id": "ins_1", "name": "train 1"}, "link": LINK, "userErrors": []}
        self.answer: Any = {"data": {"instanceAttach": made}}
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                door.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                door.authorization = self.headers.get("Authorization")
                text = door.answer if isinstance(door.answer, str) else json.dumps(door.answer)
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *arguments: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
