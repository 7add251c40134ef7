"""The archive of a checkpoint: what each format holds, and what is refused before anything of it is used."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper import models
from ainimal_zookeeper.domain.errors import AInimalFault, DataCorrupt, InvalidInput
from ainimal_zookeeper.models.agent import Agent
from zookeeper_runner import archive, payload
from zookeeper_runner.checkpoint import seal, write
from zookeeper_runner.resuming import resume
from zookeeper_runner.session import Counters

MODEL = """
from pathlib import Path
import datetime

class Model:
    def __init__(self, rate=0.5):
        self.rate, self.heard = rate, []

    def act(self, observation):
        return 1
"""
SAVES = (
    MODEL
    + """
    def save(self, path):
        Path(path, "heard").write_text("".join(self.heard))

    def load(self, path):
        self.heard = list(Path(path, "heard").read_text())
"""
)


class Still:
    """A body with nothing to keep."""

    def begin(self) -> None: ...

    def put_back(self, _kept: Any, become: Any) -> list[str]:
        become()
        return []


def agent_of(folder: Path, text: str = MODEL, **parameters: Any) -> Agent:
    file = folder / f"model{len(text)}.py"
    file.write_text(text)
    spec = {"type": "python_class", "path": str(file)}
    return models.load(spec, parameters, observation=None, action=None, stage=lambda _: None)


def saved(folder: Path, agent: Agent, **parameters: Any) -> Path:
    """Returns a folder as `fetch` makes it."""
    (folder / "it").mkdir()
    written = write(agent, Counters(step=5), None, parameters)
    with written.place:
        seal(written, folder / "it" / "state.zip")
    return folder / "it"


def repacked(folder: Path, **changes: bytes | None) -> None:
    """Changes entries of the archive in `folder`, None to take one away; names have "_" for "/"."""
    file = folder / "state.zip"
    inside = {name: bytes(data) for name, data in archive.look_into(file).items()}
    for name, data in changes.items():
        (key,) = (each for each in inside if each.replace("/", "_").split(".")[0] == name)
        if data is None:
            del inside[key]
        else:
            inside[key] = data
    file.unlink()
    archive.write([archive.Entry(name, [data]) for name, data in inside.items()], file)


def put_back(folder: Path, agent: Agent, **parameters: Any) -> list[str]:
    return resume(agent, Still(), str(folder), 5, parameters, made_of_it=False)


@pytest.mark.parametrize("text", [MODEL, SAVES])
def test_a_model_comes_back_whether_it_writes_save_or_not(tmp_path: Path, text: str) -> None:
    """By its own words, or by its attributes."""
    agent = agent_of(tmp_path, text)
    agent.subject.heard += ["a", "b"]
    folder = saved(tmp_path, agent)
    agent.subject.heard += ["c"]

    put_back(folder, agent)

    assert agent.subject.heard == ["a", "b"]
    inside = archive.look_into(folder / "state.zip")
    assert ("saved/heard" in inside) == (text == SAVES)
    assert ("model/values.json" in inside) == (text == MODEL)


def test_an_archive_of_the_first_format_is_what_save_wrote(tmp_path: Path) -> None:
    """Also where the model has written a zoo.json of its own."""
    folder = tmp_path / "it"
    folder.mkdir()
    (tmp_path / "wrote").mkdir()
    (tmp_path / "wrote" / "heard").write_text("xyz")
    (tmp_path / "wrote" / "zoo.json").write_text('{"animals": 3}')
    archive.pack(tmp_path / "wrote", folder / "state.zip")
    agent = agent_of(tmp_path, SAVES)

    put_back(folder, agent)

    assert agent.subject.heard == ["x", "y", "z"]


def test_a_format_of_the_future_is_refused(tmp_path: Path) -> None:
    """The message says which one it is and which ones can be read."""
    folder = saved(tmp_path, agent_of(tmp_path))
    repacked(folder, zoo=json.dumps({"format": 3, "needsPickle": False}).encode())
    with pytest.raises(DataCorrupt, match=r"is of format 3, and this version .* reads formats 1 to 2"):
        payload.read(folder / "state.zip", folder / "saved")


@pytest.mark.parametrize(
    "damage", [{"model_values": b"{"}, {"model_tensors": b"\xff" * 9}, {"model_values": b'{"$": "tensor"}'}]
)
def test_damaged_values_and_tensors_change_nothing(tmp_path: Path, damage: dict[str, bytes]) -> None:
    """Although their sum was right: whoever wrote them did not write this."""
    agent = agent_of(tmp_path)
    agent.subject.heard = ["a"]
    folder = saved(tmp_path, agent)
    repacked(folder, **damage)
    agent.subject.heard = ["now"]
    with pytest.raises((DataCorrupt, InvalidInput)):
        put_back(folder, agent)
    assert agent.subject.heard == ["now"]


def test_a_checkpoint_of_another_class_says_what_differs(tmp_path: Path) -> None:
    """Both classes are named, and nothing is changed."""
    folder = saved(tmp_path, agent_of(tmp_path))
    other = agent_of(tmp_path, MODEL.replace("class Model", "class Other"))
    with pytest.raises(InvalidInput, match="holds the model as a Model, and the constructor makes a Other"):
        put_back(folder, other)


def test_what_was_saved_and_can_be_loaded_no_more_is_refused(tmp_path: Path) -> None:
    """The way out is said."""
    agent = agent_of(tmp_path, SAVES)
    folder = saved(tmp_path, agent)
    agent.can.load = None
    with pytest.raises(InvalidInput, match="write load"):
        put_back(folder, agent)


def test_a_save_that_raises_half_way_leaves_nothing(tmp_path: Path) -> None:
    """What it had written is gone, and the fault names the line."""
    agent = agent_of(tmp_path, SAVES.replace(".write_text(", ".write_text(1 / 0 if self.heard else "))
    agent.subject.heard = ["a"]
    with pytest.raises(AInimalFault, match="ZeroDivisionError"):
        write(agent, Counters())


def test_a_chosen_parameter_holds(tmp_path: Path) -> None:
    """A launch from a checkpoint with another parameter has that one, and all else of the checkpoint."""
    agent = agent_of(tmp_path)
    agent.subject.heard = ["a"]
    folder = saved(tmp_path, agent, rate=0.5)
    other = agent_of(tmp_path, rate=0.9)

    put_back(folder, other, rate=0.9)

    assert (other.subject.rate, other.subject.heard) == (0.9, ["a"])


def test_pickles_are_flagged_and_read_again(tmp_path: Path) -> None:
    """Only where something is left for them; whoever reads the archive sees it at once."""
    agent = agent_of(tmp_path, MODEL.replace("[]", "datetime.datetime(2020, 1, 1)"))
    folder = saved(tmp_path, agent)
    facts = json.loads(bytes(archive.look_into(folder / "state.zip")["zoo.json"]))
    assert facts["needsPickle"] is True
    moment, agent.subject.heard = agent.subject.heard, None

    put_back(folder, agent)
    assert agent.subject.heard == moment

    repacked(folder, model_rest=b"\x80\x04garbage")
    agent.subject.heard = None
    with pytest.raises(InvalidInput, match="as a pickle cannot be read"):
        put_back(folder, agent)
    assert agent.subject.heard is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"\x80\x04x", True), (b"PK\x03\x04 archive/data.pkl", True), (b"PK\x03\x04 values.npy", False), (b"{}", False)],
)
def test_what_save_wrote_is_looked_at_for_pickles(tmp_path: Path, data: bytes, expected: bool) -> None:
    """By its first bytes: a file may have any name."""
    (tmp_path / "a.bin").write_bytes(data)
    assert payload.is_pickle(tmp_path / "a.bin") is expected


def test_data_begins_where_tensors_can_be_used(tmp_path: Path) -> None:
    """Each entry begins at a multiple of 64 bytes, in a zip that every program reads."""
    file = tmp_path / "a.zip"
    size, _ = archive.write([archive.Entry("a" * length, [b"x" * length]) for length in range(1, 70)], file)
    assert file.stat().st_size == size
    with zipfile.ZipFile(file) as zipped:
        assert zipped.testzip() is None
        for entry in zipped.infolist():
            assert zipped.read(entry) == b"x" * entry.file_size
            name_size, extra_size = file.read_bytes()[entry.header_offset + 26 :][:4][0::2]
            assert (entry.header_offset + 30 + name_size + extra_size) % 64 == 0
