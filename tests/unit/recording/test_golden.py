"""What was written once is always read, by every reader."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ainimal_zookeeper.recording import Recording

from tests.conftest import ROOT, give_up

from . import golden


def check(folder: Path) -> None:
    """Every value that is expected is read, and no other."""
    expected = json.loads((folder / golden.EXPECTED).read_text())
    recording = Recording.open(folder)
    for channel in golden.CHANNELS:
        series = recording.read(channel.path)
        rows = expected[channel.path]
        assert [[step, timeline] for step, timeline, _ in rows] == list(
            map(list, zip(series.steps.tolist(), series.timelines.tolist(), strict=True))
        )
        for (_, _, value), found in zip(rows, series.values, strict=True):
            assert (found if channel.varies else np.asarray(found, np.float64).reshape(-1).tolist()) == value
    events = recording.events
    assert [(event["kind"], event["step"], event["timeline"]) for event in events] == [
        ("restored", 30, 1),
        ("restored", 30, 2),
    ]
    assert recording.weights(40)["layer.weight"].tolist() == [[2, 3, 4], [5, 6, 7]]
    assert recording.weights(40, timeline=1)["layer.weight"].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_recording_of_the_first_version_is_read() -> None:
    """Its bytes are in the repository, and never change."""
    check(golden.FOLDER)


def test_what_is_written_today_is_read_in_python(tmp_path: Path) -> None:
    """Of every dtype and kind, with absent values, missing steps and two timelines."""
    golden.write(tmp_path)
    check(tmp_path)


def test_what_is_written_today_is_read_in_the_web_client(tmp_path: Path) -> None:
    """By the reader's own test, on a recording of now."""
    node, vitest = shutil.which("node"), ROOT / "client_web/node_modules/vitest/vitest.mjs"
    if node is None or not vitest.exists():
        give_up("the web client's tools are not installed; run: cd client_web && npm ci")
    golden.write(tmp_path)

    ran = subprocess.run(
        [node, vitest, "run", "src/recording/golden.test.ts"],
        cwd=ROOT / "client_web",
        env={**os.environ, "ZOO_RECORDING": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr


if not golden.FOLDER.exists():
    pytest.fail("the golden recording is gone; it must not be written anew")
