"""The file of an uploaded model, as a runner gets it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput, Transient
from zookeeper_runner.uploaded import specification

from tests.fakes.runner_link import FakeRunnerLink, launch_of


@pytest.fixture
def link() -> Iterator[FakeRunnerLink]:
    fake = FakeRunnerLink(launch_of())
    yield fake
    fake.close()


def model(link: FakeRunnerLink, content: bytes, **changes: Any) -> dict[str, Any]:
    point = link.point("uploads/upl_1", content)
    facts = {"filename": "rex.pkl", "sha256": hashlib.sha256(content).hexdigest(), "sizeBytes": len(content)}
    return {"spec": {"type": "pickle"}, "file": {"url": point["url"], "headers": {}, **facts, **changes}}


def test_an_uploaded_file_is_fetched_into_a_folder_of_its_own(link: FakeRunnerLink) -> None:
    """Under the name that it came with; people are told meanwhile."""
    told: list[str] = []
    spec = specification(model(link, b"bytes"), None, told.append, 0)
    assert Path(spec["path"]).read_bytes() == b"bytes"
    assert Path(spec["path"]).name == "rex.pkl"
    assert Path(spec["path"]).parent.name.startswith("ainimal-")
    assert told == ["fetching rex.pkl"]


def test_other_bytes_are_refused(link: FakeRunnerLink) -> None:
    """Altered, cut off or gone: DATA_CORRUPT, by the file's name; away for now is no such thing."""
    altered = model(link, b"bytes")
    link.objects["uploads/upl_1"] = b"bytez"
    with pytest.raises(DataCorrupt, match=r"uploaded file rex\.pkl is damaged"):
        specification(altered, None, lambda _: None, 0)
    gone = model(link, b"bytes")
    del link.objects["uploads/upl_1"]
    with pytest.raises(DataCorrupt, match="cannot be had"):
        specification(gone, None, lambda _: None, 0)
    with pytest.raises(Transient):
        specification(model(link, b"bytes", url="http://127.0.0.1:9/x"), None, lambda _: None, 0)


def test_a_file_of_the_configuration_is_at_home(tmp_path: Path) -> None:
    """A path is completed by the zoo's folder; without one nobody knows where it is."""
    spec = {"type": "pickle", "path": "ainimals/rex.pkl"}
    found = specification({"spec": spec}, tmp_path, lambda _: None, 0)
    assert found["path"] == str(tmp_path / "ainimals/rex.pkl")
    with pytest.raises(InvalidInput, match="ZOO_HOME"):
        specification({"spec": spec}, None, lambda _: None, 0)
