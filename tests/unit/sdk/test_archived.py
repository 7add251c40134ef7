"""Packed folders as models: what is found in them, and what is never unpacked."""

from __future__ import annotations

import pickle
import stat
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper import models
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.models.agent import Agent
from ainimal_zookeeper.models.unpacking import Limits, unpack
from hypothesis import given, settings
from hypothesis import strategies as st

SAVES = """
from pathlib import Path
import ainimal_zookeeper as az
from legs import LENGTH

class Walker(az.AInimal):
    input_modalities = {"eye": az.Modality.vector("eye", 3)}
    output_modalities = {"legs": az.Modality.vector("legs", 1)}

    def __init__(self, save_path):
        self.place, self.stride = save_path, 0.0

    def forward(self, inputs):
        return {"legs": [self.stride * LENGTH]}

    def save(self, path):
        Path(path, "stride").write_text(str(self.stride))

    def load(self, path):
        self.stride = float(Path(path, "stride").read_text())
"""
OTHER = """
class Sitter:
    def act(self, observation):
        return 0
"""


def zipped(path: Path, files: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def load(file: Path, **spec: Any) -> Agent:
    return models.load(
        {"type": "archive", "path": str(file), **spec}, {}, observation=None, action=None, stage=lambda _: None
    )


def refused(file: Path, **spec: Any) -> str:
    with pytest.raises(AInimalFault) as caught:
        load(file, **spec)
    return str(caught.value)


@pytest.mark.parametrize("folder", ["", "walker/"])
def test_source_and_what_it_saved(tmp_path: Path, folder: str) -> None:
    """The class is made and loads what its `save` wrote, with the modules beside it; one folder around all is fine."""
    files = {"ainimal.py": SAVES, "legs.py": "LENGTH = 2", "saved/stride": "1.5"}
    agent = load(zipped(tmp_path / "w.zip", {f"{folder}{name}": text for name, text in files.items()}))
    assert agent.forward({"eye": np.zeros(3)}) == {"legs": [3.0]}
    assert agent.subject.place.endswith("saved")
    assert type(agent.subject).__module__ == "ainimal_ainimal_packed"


def test_a_checkpoint_goes_before_what_was_packed(tmp_path: Path) -> None:
    """An attempt that starts from a checkpoint is made with its folder, and loads nothing else."""
    file = zipped(tmp_path / "w.zip", {"ainimal.py": SAVES, "legs.py": "LENGTH = 2", "saved/stride": "1.5"})
    (tmp_path / "checkpoint").mkdir()
    assert load(file, save_path=str(tmp_path / "checkpoint")).subject.stride == 1.5  # it holds nothing that was saved
    (tmp_path / "checkpoint" / "stride").write_text("7")
    agent = load(file, save_path=str(tmp_path / "checkpoint"))
    assert agent.subject.place == str(tmp_path / "checkpoint")
    assert agent.subject.stride == 0.0


def test_any_single_file_is_the_source(tmp_path: Path) -> None:
    """It needs no certain name where there is no choice."""
    assert type(load(zipped(tmp_path / "s.zip", {"sitter.py": OTHER, "README.md": "hm"})).subject).__name__ == "Sitter"


def test_a_pickle_and_its_modules(tmp_path: Path) -> None:
    """The one pickle at the root is the model; its class is in a module beside it."""
    content = b"\x80\x04\x8c\x0ce_sitter_mod\x8c\x06Sitter\x93)R."
    file = zipped(tmp_path / "p.zip", {"e_sitter_mod.py": OTHER, "sitter.pkl": content, "x/other.pkl": b"?"})
    assert type(load(file).subject).__name__ == "Sitter"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "holds no model"),
        ({"notes.txt": "hm", "deep/er/model.py": OTHER}, "holds no model"),
        ({"a.py": OTHER, "b.py": OTHER}, "call the one with the model ainimal.py"),
        ({"a.pkl": pickle.dumps(1), "b.pkl": pickle.dumps(1)}, "holds 2 pickles (a.pkl, b.pkl)"),
        ({"a.pkl": pickle.dumps({})}, "holds an object of type dict, which is no model"),
        ({"ainimal.py": OTHER + OTHER.replace("Sitter", "Stander")}, "several classes that fit (Sitter, Stander)"),
        ({"ainimal.py": "x ="}, "invalid syntax"),
        ({"ainimal.py": OTHER, "saved/x": "1"}, "nothing to read it with"),
        ({"ainimal.py": SAVES, "legs.py": "LENGTH = 2", "saved/stride": "far"}, "could not convert string"),
    ],
)
def test_what_holds_no_model_says_so(tmp_path: Path, files: dict[str, str | bytes], said: str) -> None:
    """What is there, and what to do."""
    assert said in refused(zipped(tmp_path / "w.zip", files))


@pytest.mark.parametrize("name", ["../out.py", "/etc/out.py", "a/../../out.py", "a\\..\\out.py", "a//b.py", "./a.py"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    """A name that leads out, or may somewhere, refuses the whole zip."""
    (tmp_path / "in").mkdir()
    file = zipped(tmp_path / "w.zip", {"ainimal.py": OTHER, name: "x"})
    with pytest.raises(AInimalFault, match="may lead out"):
        unpack(file, tmp_path / "in")
    assert set(tmp_path.iterdir()) == {tmp_path / "in", file}
    assert list((tmp_path / "in").iterdir()) == []


def test_links_are_refused(tmp_path: Path) -> None:
    """A link could lead out later."""
    link = zipfile.ZipInfo("saved")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "w.zip", "w") as archive:
        archive.writestr(link, "/etc")
    assert "a link or a device" in refused(tmp_path / "w.zip")


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    """Neither many files, nor large ones, nor a small one that grows."""
    many = zipped(tmp_path / "many.zip", {f"{number}": "" for number in range(30)})
    grown = zipped(tmp_path / "grown.zip", {"a": b"\0" * 1_000_000})
    (tmp_path / "in").mkdir()
    for file, limits, said in (
        (many, Limits(entries=20), "30 entries, more than 20"),
        (grown, Limits(bytes=999_999), "holds 1,000,000 bytes"),
        (grown, Limits(free_bytes=1000), "times as large"),
    ):
        with pytest.raises(AInimalFault, match=said):
            unpack(file, tmp_path / "in", limits)
    assert list((tmp_path / "in").iterdir()) == []
    unpack(grown, tmp_path / "in", Limits(free_bytes=1_000_000))


def test_an_entry_that_lies_about_its_size_is_a_fault(tmp_path: Path) -> None:
    """Of an entry never more is written than the directory of the zip says."""
    file = zipped(tmp_path / "w.zip", {"a": b"x" * 5000})
    file.write_bytes(file.read_bytes().replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    (tmp_path / "in").mkdir()
    with pytest.raises(AInimalFault, match="no zip that can be read"):
        unpack(file, tmp_path / "in")
    assert sum(path.stat().st_size for path in (tmp_path / "in").iterdir()) <= 10


@pytest.mark.parametrize("damage", [b"", b"hello", b"PK\x03\x04"])
def test_what_is_no_zip_says_so(tmp_path: Path, damage: bytes) -> None:
    """A file that was called so."""
    (tmp_path / "w.zip").write_bytes(damage)
    assert "is no zip that can be read" in refused(tmp_path / "w.zip")


def test_a_damaged_zip_says_so(tmp_path: Path) -> None:
    """One byte is enough."""
    file = zipped(tmp_path / "w.zip", {"ainimal.py": OTHER * 20}, zipfile.ZIP_STORED)
    content = bytearray(file.read_bytes())
    content[60] ^= 1
    file.write_bytes(content)
    assert "is no zip that can be read" in refused(file)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.sampled_from("ab./\\: ~C"), min_size=1, max_size=12), min_size=1, max_size=5, unique=True))
def test_whatever_the_names_nothing_is_written_outside(names: list[str]) -> None:
    """A zip is unpacked below its folder, whole, or refused by a fault of its author."""
    with tempfile.TemporaryDirectory() as place:
        inside, file = Path(place) / "deep" / "in", Path(place) / "w.zip"
        inside.mkdir(parents=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that come twice
            zipped(file, dict.fromkeys(names, "x"))
        with suppress(AInimalFault):
            unpack(file, inside)
        assert {path.name for path in Path(place).iterdir()} == {"deep", "w.zip"}
        assert list((Path(place) / "deep").iterdir()) == [inside]


def test_no_room_to_unpack_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where, and why."""
    file = zipped(tmp_path / "w.zip", {"ainimal.py": OTHER})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert "w.zip cannot be unpacked below" in refused(file)
