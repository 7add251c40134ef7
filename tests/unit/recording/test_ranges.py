"""Over HTTP no more is asked for than is read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import DataCorrupt, NotFound, Rejected, Transient
from ainimal_zookeeper.domain.recordings import MANIFEST, manifest_of
from ainimal_zookeeper.recording import Channel, Ranges, Recording, Segment, StepRecorder

CHANNELS = [
    Channel("picture", "uint8", (64, 64, 3), "image"),
    Channel("touch", "float32", (3,), "vector"),
    *(Channel(f"reward.{number}", "float64", (), "scalar") for number in range(9)),
]


class Site:
    """Serves a folder by ranges to whoever has the header; `asked` has what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.status: int | None = None
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                wanted = self.headers["Range"]
                site.asked.append((self.path, wanted))
                file = folder / self.path.removeprefix("/rec/")
                status, data = site.status or 200, b"said so"
                if self.headers["Authorization"] != "Share token":
                    status = 403
                elif site.status is None and not file.exists():
                    status = 404
                elif site.status is None:
                    data = file.read_bytes()
                    if wanted:
                        start, stop = map(int, wanted.removeprefix("bytes=").split("-"))
                        status, data = (206, data[start : stop + 1]) if start < len(data) else (416, b"")
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self.server.server_port}/rec/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    kept: list[Segment] = []
    recorder = StepRecorder(CHANNELS, kept.append, folder=tmp_path, timeline=1, segment_bytes=1 << 20)
    chance = np.random.default_rng(0)
    for step in range(200):
        recorder.take(step, [chance.integers(0, 255, (64, 64, 3), np.uint8), np.full(3, step, np.float32), *[0.5] * 9])
    recorder.close()
    (tmp_path / MANIFEST).write_text(json.dumps(manifest_of([segment.index for segment in kept])))
    site = Site(tmp_path)
    yield site
    site.server.shutdown()
    site.server.server_close()
    site.thread.join()


def test_a_recording_opens_with_one_request_and_seeks_with_two(site: Site) -> None:
    """At most, to any step; and with none to one in the same batch."""
    source = Ranges(site.url, {"Authorization": "Share token"})
    recording = Recording.open(source)
    assert site.asked == [("/rec/manifest.json", None)]
    for step in range(199, -1, -32):
        site.asked.clear()
        assert recording.at(step)["touch"][0] == step
        assert 0 < len(site.asked) <= 2
        site.asked.clear()
        recording.at(step - step % 32)
        assert not site.asked or step > 191
    site.asked.clear()
    assert len(recording.read("reward.3").steps) == 200
    assert len(site.asked) == len(recording.manifest["segments"])
    recording.close()


def test_links_that_are_signed_one_by_one_serve_as_well(site: Site) -> None:
    """One that was not given is missing."""
    headers = {"Authorization": "Share token"}
    links = {name: (site.url + name, headers) for name in (MANIFEST, "000000.mcap")}
    recording = Recording.open(Ranges(links=links))
    assert recording.at(0)["touch"][0] == 0
    with pytest.raises(DataCorrupt, match=r"its object is missing: there is no link to 00000\d\.mcap"):
        recording.at(199)
    recording.close()


def test_what_a_server_answers_is_told_apart(site: Site) -> None:
    """Not there, not allowed, not now, cut, and nobody there."""
    source = Ranges(site.url, {"Authorization": "Share token"})
    recording = Recording.open(source)
    for status, error in ((404, DataCorrupt), (403, Rejected), (503, Transient), (416, DataCorrupt)):
        site.status = status
        with pytest.raises(error):
            recording.at(3)
    site.status = None
    assert recording.at(3)["touch"][0] == 3
    recording.close()
    refused = Ranges(site.url)
    with pytest.raises(Rejected, match=r"manifest\.json cannot be read, the answer is 403: said so"):
        Recording.open(refused)
    refused.close()
    nowhere = Ranges(site.url + "elsewhere/", {"Authorization": "Share token"})
    with pytest.raises(NotFound):
        Recording.open(nowhere)
    nowhere.close()
    with pytest.raises(Transient, match=r"reading from 127\.0\.0\.1:1 failed"):
        Recording.open(Ranges("http://127.0.0.1:1/"))
    with pytest.raises(Rejected, match="is no address"):
        Recording.open(Ranges("file:///tmp/"))
