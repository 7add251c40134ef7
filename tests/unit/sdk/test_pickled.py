"""Pickled models: what becomes an agent, and what people read when a file does not."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy as np
import pytest
from ainimal_zookeeper import models
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput
from ainimal_zookeeper.models.agent import Agent

WALKER = """
import ainimal_zookeeper as az

class Walker(az.AInimal):
    output_modalities = {"legs": az.Modality.vector("legs", 2)}
    input_modalities = {"eye": az.Modality.vector("eye", 3)}

    def __init__(self):
        self.stride = 1.5

    def forward(self, inputs):
        return {"legs": [self.stride, -self.stride]}

class Leaper:
    def act(self, observation):
        return [2.0]
"""


def load(file: Path, **spec: Any) -> Agent:
    return models.load(
        {"type": "pickle", "path": str(file), **spec}, {}, observation=None, action=None, stage=lambda _: None
    )


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The classes of WALKER, in a module beside which pickles are written."""
    (tmp_path / "e_walkers.py").write_text(WALKER)
    monkeypatch.syspath_prepend(str(tmp_path))
    import e_walkers  # type: ignore[import-not-found]

    yield e_walkers
    del sys.modules["e_walkers"]


def written(tmp_path: Path, content: bytes, name: str = "it.pkl") -> Path:
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_ainimal_acts(made: Any, tmp_path: Path, protocol: int) -> None:
    """Of any protocol; its class comes from the module beside the file."""
    walker = made.Walker()
    walker.stride = 3.0
    agent = load(written(tmp_path, pickle.dumps(walker, protocol)))
    assert agent.forward({"eye": np.zeros(3)}) == {"legs": [3.0, -3.0]}
    assert list(agent.outputs) == ["legs"]


def test_a_plain_object_acts(made: Any, tmp_path: Path) -> None:
    """Whatever has one of the methods that act."""
    agent = load(written(tmp_path, pickle.dumps(made.Leaper())))
    assert any("acts" in finding.text for finding in agent.findings)


def test_cloudpickle_brings_its_class(tmp_path: Path) -> None:
    """No module is needed."""

    class Jumper:
        def act(self, observation: Any) -> float:
            return 4.0

    Jumper.__module__ = "__main__"
    assert load(written(tmp_path, cloudpickle.dumps(Jumper()))).subject.act(None) == 4.0


def refused(file: Path, **spec: Any) -> str:
    with pytest.raises(AInimalFault) as caught:
        load(file, **spec)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello, I am text", "is no pickle"),
        (b"PK\x03\x04rest", "is a zip"),
        (pickle.dumps(list(range(1000)))[:-40], "ends in the middle"),
        (b"\x80\xff.", "pickle protocol 255"),
        (pickle.dumps({"weight": [1.0]}), "holds an object of type dict, which is no model"),
        (pickle.dumps(np.zeros(3)), "holds an object of type ndarray, which is no model"),
        (pickle.dumps(int), "holds the class int, not an object"),
        (b"cno_such_module_e\nModel\n.", "needs the package no_such_module_e, which"),
        (b"c__main__\nOwnModel\n.", "needs OwnModel of the script that it was made in"),
        (b"cjson\nno_such_name\n.", "needs json.no_such_name"),
        (b"cbuiltins\nint\n(S'x'\ntR.", "raised ValueError"),
        (b"csys\nexit\n(I3\ntR.", "raised SystemExit"),
    ],
)
def test_what_is_no_model_says_so(tmp_path: Path, content: bytes, said: str) -> None:
    """The file, what is wrong with it, and what to do about it."""
    message = refused(written(tmp_path, content))
    assert said in message
    assert "it.pkl" in message


def test_a_missing_package_names_the_way_to_another_python(tmp_path: Path) -> None:
    """Install it, or name another interpreter; a module of the author's own comes in a zip."""
    message = refused(written(tmp_path, b"cno_such_module_e\nModel\n."))
    assert "name another interpreter as `python`" in message
    assert "pack a module of your own into a zip with the pickle" in message


def test_a_missing_file_and_no_path(tmp_path: Path) -> None:
    """The path is named."""
    assert "there is no file" in refused(tmp_path / "none.pkl")
    with pytest.raises(InvalidInput, match="needs the path"):
        models.load({"type": "pickle"}, {}, observation=None, action=None, stage=lambda _: None)


def test_a_compressed_pickle_is_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only joblib reads is left to it, or says that it is missing."""
    monkeypatch.setitem(sys.modules, "joblib", None)
    assert "joblib" in refused(written(tmp_path, b"x\x9cabc"))
    assert "joblib" in refused(written(tmp_path, b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n.", "b.pkl"))
