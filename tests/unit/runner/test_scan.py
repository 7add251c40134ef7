"""The scan: what a file names is told, and nothing of it runs."""

from __future__ import annotations

import collections
import os
import pickle
import socket
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import NotFound
from hypothesis import given, settings
from hypothesis import strategies as st
from zookeeper_runner import probe
from zookeeper_runner.scan import scan


class Marks:
    """Its pickle leaves a mark when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


class Runs:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


class Connects:
    def __reduce__(self) -> Any:
        return socket.create_connection, (("127.0.0.1", 9),)


def written(tmp_path: Path, content: bytes, name: str = "it.pkl") -> Path:
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


def zipped(tmp_path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(tmp_path / "it.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return tmp_path / "it.zip"


@pytest.mark.parametrize(
    ("content", "verdict", "said"),
    [
        (pickle.dumps({"a": [1.0, "x"]}), "CLEAN", "nothing but what is known to do no harm"),
        (pickle.dumps(np.zeros(3)), "CLEAN", "no harm"),
        (pickle.dumps(collections.OrderedDict()), "CLEAN", "no harm"),
        (pickle.dumps(Path("x")), "UNKNOWN", "Path, of which nothing is known"),
        (pickle.dumps(Runs()), "DANGEROUS", "os.system, which can do harm"),
        (cloudpickle.dumps(lambda: 1), "DANGEROUS", "is of cloudpickle and may bring code of its own"),
        (pickle.dumps(Runs(), 0), "DANGEROUS", "os.system"),
        (pickle.dumps([1, Runs()])[:-3], "DANGEROUS", "os.system"),
        (pickle.dumps(Connects()), "DANGEROUS", "socket.create_connection"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "DANGEROUS", "builtins.eval"),
        (pickle.dumps(list(range(300)))[:-3], "UNREADABLE", "no pickle that can be read to its end"),
        (b"", "UNREADABLE", "no pickle"),
        (b"hello", "UNREADABLE", "no pickle"),
        (b"x\x9cabc", "UNREADABLE", "no pickle"),
    ],
)
def test_a_pickle_is_told_by_what_it_names(tmp_path: Path, content: bytes, verdict: str, said: str) -> None:
    """The worst of it is the verdict; damage is told as well."""
    found = scan(written(tmp_path, content), "pickle")
    assert found.verdict == verdict
    assert any(said in finding for finding in found.findings)


def test_pickles_in_a_zip_are_found_by_name_and_by_how_they_begin(tmp_path: Path) -> None:
    """Whatever they are called, as deep as they lie; source is named and not judged."""
    found = scan(zipped(tmp_path, saved__weights=pickle.dumps(Runs()), x__y__z=pickle.dumps(Connects())), "archive")
    assert found.verdict == "DANGEROUS"
    assert any("saved/weights in it.zip names os.system" in finding for finding in found.findings)
    assert any("x/y/z in it.zip names socket.create_connection" in finding for finding in found.findings)
    (tmp_path / "it.zip").unlink()
    found = scan(zipped(tmp_path, **{"ainimal.py": b"x = 1"}), "archive")
    assert found.verdict == "UNKNOWN"
    assert found.findings == ["scan: it.zip holds code that no scan reads: ainimal.py"]


def test_a_zip_of_data_alone_is_clean(tmp_path: Path) -> None:
    """Nothing in it could run."""
    assert scan(zipped(tmp_path, saved__a=b"text", saved__b=pickle.dumps(1)), "archive").verdict == "CLEAN"


def test_what_is_no_zip_is_unreadable(tmp_path: Path) -> None:
    """Nothing is known of it."""
    assert scan(written(tmp_path, b"hello"), "archive").verdict == "UNREADABLE"


def test_many_names_are_cut_short(tmp_path: Path) -> None:
    """A finding is a sentence that somebody reads."""
    content = b"".join(b"cmodule%d\nname\n0" % number for number in range(50)) + b"N."
    (finding,) = scan(written(tmp_path, content), "pickle").findings
    assert "and 42 more" in finding


@pytest.mark.parametrize("inside", [False, True])
def test_the_probe_scans_without_running_anything(tmp_path: Path, inside: bool) -> None:
    """What would leave a mark leaves none, bare or in a zip; the answer names what it would have called."""
    content = pickle.dumps(Marks(tmp_path / "mark"))
    file = zipped(tmp_path, model=content) if inside else written(tmp_path, content)
    answer = probe.scanned({"spec": {"type": "archive" if inside else "pickle", "path": str(file)}})
    assert answer["verdict"] in {"DANGEROUS", "UNKNOWN"}
    assert "os.mkdir" in answer["findings"][0]
    assert len(answer["revision"]) == 12
    assert not (tmp_path / "mark").exists()


def test_the_probe_says_what_is_not_there(tmp_path: Path) -> None:
    """A file that is gone is an error by name."""
    with pytest.raises(NotFound, match=r"none\.pkl cannot be read"):
        probe.scanned({"spec": {"type": "pickle", "path": str(tmp_path / "none.pkl")}})


@settings(deadline=None, max_examples=80)
@given(
    st.binary(max_size=80), st.sampled_from(["pickle", "archive"]), st.sampled_from([b"", b"\x80\x04", b"PK\x03\x04"])
)
def test_whatever_the_bytes_a_scan_has_a_verdict(content: bytes, of_type: str, head: bytes) -> None:
    """Damage is found, not raised, and what is not a pickle to its end is not clean."""
    with tempfile.NamedTemporaryFile(suffix=".pkl") as file:
        file.write(head + content)
        file.flush()
        found = scan(Path(file.name), of_type)
    assert found.findings
    if of_type == "archive":
        assert found.verdict == "UNREADABLE"
    elif b"." not in content:
        assert found.verdict in {"UNREADABLE", "DANGEROUS"}


@pytest.mark.parametrize("content", [b"\x93", b"\x8c\x01a\x93.", b"\x80\x04\x93."])
def test_a_name_that_is_not_there_is_a_finding(tmp_path: Path, content: bytes) -> None:
    """A pickle may ask for what two texts name, and bring fewer."""
    file = tmp_path / "model.pkl"
    file.write_bytes(content)
    assert scan(file, "pickle").verdict == "UNREADABLE"


def test_an_entry_without_a_name_is_looked_into(tmp_path: Path) -> None:
    """No program makes one, and somebody may."""
    file = zipped(tmp_path, A=pickle.dumps(Runs()))
    file.write_bytes(file.read_bytes().replace(b"A\x80", b"\0\x80").replace(b"\0\0\0\0A", b"\0\0\0\0\0"))
    assert scan(file, "archive").verdict == "DANGEROUS"
