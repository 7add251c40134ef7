"""A manifest may come from anywhere: whatever it says is read, or refused for what it is."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import DataCorrupt, ZookeeperError
from ainimal_zookeeper.domain.recordings import MANIFEST, manifest_of
from ainimal_zookeeper.recording import Channel, Recording, StepRecorder

CHANNELS = (
    Channel("inputs.touch", "float32", (3,), "vector"),
    Channel("action", "int64", (), "scalar"),
    Channel("inputs.words", "str", (), "text"),
)
LIES = [None, -1, 0, 1, 2**40, 2**70, 1e300, float("nan"), "x", "../x", "\x00", "\ud800", [], {}, [[]], {"a": 1}, True]
GONE = object()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recording")
    kept: list[Any] = []
    recorder = StepRecorder(CHANNELS, kept.append, folder=folder, timeline=1)
    for step in range(3):
        recorder.take(step, [np.full(3, step, np.float32), step, "word"])
    recorder.event(1, "mode", {"training": True})
    recorder.weights(2, {"w": np.ones(2, np.float32)})
    recorder.close()
    (folder / MANIFEST).write_text(json.dumps(manifest_of([each.index for each in kept])))
    return folder


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path of every value in a document but of itself."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def read_all(folder: Path) -> None:
    recording = Recording.open(folder)
    _ = recording.events
    for signal in recording.signals:
        recording.read(signal.path)
    recording.at(1)
    recording.weights(2)


def test_no_lie_of_a_manifest_breaks_its_reader(folder: Path, tmp_path: Path) -> None:
    """Each value in turn is another one, or gone: what cannot be read is refused by an error of the zoo's."""
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    manifest = json.loads((folder / MANIFEST).read_text())
    (tmp_path / MANIFEST).unlink()
    for path in places(manifest):
        for lie in (*LIES, GONE):
            told = copy.deepcopy(manifest)
            inner = told
            for key in path[:-1]:
                inner = inner[key]
            if lie is GONE:
                del inner[path[-1]]
            else:
                inner[path[-1]] = lie
            (tmp_path / MANIFEST).write_text(json.dumps(told))
            with suppress(ZookeeperError):
                read_all(tmp_path)


@pytest.mark.parametrize("name", ["../secret.mcap", "/etc/passwd", "a/b.mcap", "..", "", "a\x00.mcap"])
def test_a_manifest_names_nothing_outside_its_folder(folder: Path, name: str, tmp_path: Path) -> None:
    """Neither segments nor weights are read from elsewhere, by nobody who opens it."""
    for kind in ("segments", "weights"):
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest[kind][0]["name"] = name
        (tmp_path / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(DataCorrupt, match="names no object of a recording"):
            Recording.open(tmp_path)


def test_a_signal_is_named_by_a_path_alone(folder: Path, tmp_path: Path) -> None:
    """Exporters make names of files of it."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["channels"][0]["path"] = "../../x"
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(DataCorrupt, match="no path of a signal"):
        Recording.open(tmp_path)


def test_a_block_that_would_lie_far_away_takes_no_memory(folder: Path, tmp_path: Path) -> None:
    """It is told to be cut where it may be there, and refused where nobody writes such a one."""
    manifest = json.loads((folder / MANIFEST).read_text())
    (tmp_path / "000000.mcap").symlink_to(folder / "000000.mcap")
    for size, message in ((10 * 1024**3, "a block of more than"), (1024**3, "it is cut")):
        manifest["segments"][0]["groups"]["scalar"][0][1] = size
        (tmp_path / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(DataCorrupt, match=message):
            Recording.open(tmp_path).read("action")


def test_a_manifest_of_very_many_channels_is_soon_made() -> None:
    """Whoever makes it is a function that all share."""
    channels = [{"path": f"a.{n}", "dtype": "uint8", "shape": [], "kind": "scalar"} for n in range(10_000)]
    entry = {"kind": "segment", "version": 1, "tail": None, "steps": 0, "sizeBytes": 0, "channels": channels}
    begun = time.process_time()
    made = manifest_of([{**entry, "name": f"{n}", "number": n} for n in range(3)])
    assert time.process_time() - begun < 5
    assert made["segments"][2]["channels"] == list(range(10_000))
