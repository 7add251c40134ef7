"""The probe tells what a model file is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from zookeeper_runner import probe


def test_a_model_is_described_on_the_last_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever it prints comes before."""
    file = tmp_path / "model.py"
    file.write_text("print('hello', end='')\nclass One:\n  def act(self, x: float):\n    return 2.0\n")

    status = probe.main([f"{file}:One"])

    report = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert status == 0
    assert report["inputs"][0]["name"] == "x"
    assert not report["trainable"]
    assert any("One.act acts" in finding for finding in report["findings"])


def test_a_file_that_cannot_be_loaded_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Code, message and the author's traceback, and status 1."""
    file = tmp_path / "model.py"
    file.write_text("raise SystemExit('not today')\n")

    status = probe.main([str(file)])

    report = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert status == 1
    assert report["code"] == "AINIMAL_FAULT"
    assert "not today" in report["message"]


def test_declared_defaults_fill_the_constructor(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A probe fills in no form: it makes the model with the defaults of AINIMAL_PARAMETERS."""
    file = tmp_path / "model.py"
    file.write_text(
        "class Wide:\n"
        "  AINIMAL_PARAMETERS = [{'name': 'width', 'type': 'int', 'default': 7}]\n"
        "  def __init__(self, width):\n"
        "    print('width', width)\n"
        "  def act(self, x: float):\n"
        "    return 2.0\n"
    )

    status = probe.main([str(file)])

    assert status == 0
    assert "width 7" in capfd.readouterr().out
