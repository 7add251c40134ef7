"""Fetching a recording that is to be replayed: whole and as it was recorded, or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import DataCorrupt
from ainimal_zookeeper.domain.recordings import FLAGS, MANIFEST, manifest_of
from ainimal_zookeeper.recording import Channel, Segment, StepRecorder
from zookeeper_runner.replaying.fetching import fetch


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Fifty steps in a segment, with weights and a manifest."""
    folder, segments = tmp_path / "bucket", list[Segment]()
    folder.mkdir()
    channels = [Channel(FLAGS, "uint8", (), "scalar"), Channel("action", "int64", (), "scalar")]
    recorder = StepRecorder(channels, segments.append, folder=folder, timeline=1, tail_s=None)
    recorder.weights(0, {"top": np.ones(3, np.float32)})
    for step in range(1, 51):
        recorder.take(step, [0, step % 2])
    recorder.close()
    (folder / MANIFEST).write_text(json.dumps(manifest_of([each.index for each in segments], recordingId="rec_1")))
    return folder


@pytest.fixture
def replay(recording: Path) -> Iterator[dict[str, Any]]:
    """The part of a launch that says where the recording is."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(recording)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield {"recordingId": "rec_1", "baseUrl": f"http://127.0.0.1:{server.server_port}/", "headers": {}}
    server.shutdown()
    thread.join()
    server.server_close()


def test_all_of_it_is_fetched(replay: dict[str, Any]) -> None:
    """Steps and weights, and people are told meanwhile."""
    stages: list[str] = []

    found = fetch(replay, stages.append, 1.0)

    assert found.read("action", 0, 99).steps.tolist() == list(range(1, 51))
    assert found.weights(1)["top"].tolist() == [1.0, 1.0, 1.0]
    assert stages == ["fetching the recording rec_1"]
    found.close()


def test_a_segment_that_was_altered_is_refused(replay: dict[str, Any], recording: Path) -> None:
    """One byte is enough, and the error names the recording."""
    (segment,) = recording.glob("*.mcap")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)

    with pytest.raises(DataCorrupt, match="rec_1 is damaged"):
        fetch(replay, lambda _: None, 1.0)


def test_a_segment_that_is_cut_off_is_refused(replay: dict[str, Any], recording: Path) -> None:
    """However it looks up to there."""
    (segment,) = recording.glob("*.mcap")
    segment.write_bytes(segment.read_bytes()[:-40])

    with pytest.raises(DataCorrupt, match="rec_1 is damaged"):
        fetch(replay, lambda _: None, 1.0)


def test_a_segment_that_is_missing_is_told(replay: dict[str, Any], recording: Path) -> None:
    """It cannot be had."""
    (segment,) = recording.glob("*.mcap")
    segment.unlink()

    with pytest.raises(DataCorrupt, match="cannot be had"):
        fetch(replay, lambda _: None, 1.0)


def test_a_newer_format_is_not_guessed_at(replay: dict[str, Any], recording: Path) -> None:
    """The error says which version it is, and what reads it."""
    manifest = json.loads((recording / MANIFEST).read_text())
    (recording / MANIFEST).write_text(json.dumps({**manifest, "version": 99}))

    with pytest.raises(DataCorrupt, match="version 99"):
        fetch(replay, lambda _: None, 1.0)


def test_a_manifest_that_is_none_is_refused(replay: dict[str, Any], recording: Path) -> None:
    """Whatever lies under its name."""
    (recording / MANIFEST).write_text("<html>")

    with pytest.raises(DataCorrupt, match="no JSON"):
        fetch(replay, lambda _: None, 1.0)
