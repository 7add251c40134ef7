"""`zoo probe`, with a stand-in for the interpreter that loads the model."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from ainimal_zookeeper.cli.main import zoo
from click.testing import CliRunner, Result

MODALITY = {"name": "observation", "kind": "VECTOR", "shape": [4], "dtype": "float32", "unit": None}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "model.py"
    file.write_text("class Model: ...")
    return file


def probe(model: Path, script: str, *options: str) -> Result:
    """Runs `zoo probe` with an interpreter that does what the Python text `script` says."""
    python = model.parent / "python"
    python.write_text(f"#!{sys.executable}\nimport sys\n{script}")
    python.chmod(0o755)
    return CliRunner().invoke(zoo, ["probe", f"{model}:Model", "--python", str(python), *options])


def test_it_tells_what_was_found(model: Path) -> None:
    """Channels as a table, then whether it learns, then each finding."""
    report = {"inputs": [MODALITY], "outputs": [], "trainable": True, "findings": ["act: Model.act acts (inferred)"]}
    result = probe(model, f"print('hello from the model'); print({json.dumps(report)!r})")

    assert result.exit_code == 0
    assert "observation  VECTOR  [4]    float32" in result.stdout
    assert "It learns." in result.stdout
    assert "act   Model.act acts  inferred" in result.stdout
    assert "hello from the model" in result.stderr


def test_json_is_the_whole_report(model: Path) -> None:
    """--json prints what the probe said."""
    report = {"inputs": [], "outputs": [MODALITY], "trainable": False, "findings": []}

    assert json.loads(probe(model, f"print({json.dumps(report)!r})", "--json").stdout) == report


def test_a_model_that_cannot_be_loaded(model: Path) -> None:
    """The traceback is shown, and the status is that of user code."""
    report = {"code": "AINIMAL_FAULT", "message": "ValueError: no", "traceback": "Traceback: model.py:3"}
    result = probe(model, f"print({json.dumps(report)!r}); sys.exit(14)")

    assert result.exit_code == 14
    assert "Traceback: model.py:3" in result.stderr
    assert "ValueError: no" in result.stderr


def test_a_class_that_is_not_in_the_file(model: Path) -> None:
    """A mistake of the caller's is not called user code's."""
    report = {"code": "INVALID_INPUT", "message": "no class Modle; did you mean Model", "traceback": None}
    result = probe(model, f"print({json.dumps(report)!r}); sys.exit(1)")

    assert result.exit_code == 2


def test_a_probe_that_dies(model: Path) -> None:
    """Whatever it wrote last is the reason."""
    result = probe(model, "sys.exit('Segmentation fault')")

    assert result.exit_code == 14
    assert "Segmentation fault" in result.stderr


def test_a_probe_that_hangs(model: Path) -> None:
    """It is ended, and the message says how to give it longer."""
    result = probe(model, "import time; time.sleep(60)", "--timeout", "0.3")

    assert result.exit_code == 14
    assert "give it more: --timeout" in result.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Nothing is run."""
    result = CliRunner().invoke(zoo, ["probe", str(tmp_path / "none.py")])

    assert result.exit_code == 3
    assert "there is no file" in result.stderr
