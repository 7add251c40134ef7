"""Checkpoints: which models can have one, and the way of their bytes to the bucket and back."""

from __future__ import annotations

import hashlib
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper import models
from ainimal_zookeeper.domain.errors import AInimalFault, Conflict, DataCorrupt, NotFound, Transient
from ainimal_zookeeper.models.agent import Agent
from zookeeper_runner import objects
from zookeeper_runner.checkpoint import deliver, discard, fetch, lacking, saved_in, write
from zookeeper_runner.link import Link
from zookeeper_runner.session import Counters
from zookeeper_runner.settings import Settings

from tests.fakes.runner_link import FakeRunnerLink, launch_of

SAVE = "    def save(self, path): Path(path, 'it').write_text('it')\n"
LOAD = "    def load(self, path): self.it = Path(path, 'it').read_text()\n"
TAKES = "    def __init__(self, save_path): pass\n"


@pytest.fixture
def link() -> Iterator[FakeRunnerLink]:
    fake = FakeRunnerLink(launch_of())
    yield fake
    fake.close()


def agent_of(folder: Path, body: str, **spec: Any) -> Agent:
    file = folder / "model.py"
    file.write_text(f"from pathlib import Path\nclass Model:\n{body}    def act(self, observation): return 1\n")
    whole = {"type": "python_class", "path": str(file), **spec}
    return models.load(whole, {}, observation=None, action=None, stage=lambda _: None)


@pytest.mark.parametrize(
    ("body", "spec", "why"),
    [
        (SAVE + LOAD, {}, None),
        (SAVE + TAKES, {}, None),
        (LOAD, {}, None),
        (TAKES, {}, None),
        (SAVE, {}, "the model has no load, and its constructor takes no save_path"),
        (
            SAVE + TAKES,
            {"init_params": {"save_path": "elsewhere"}},
            "the model has no load, and its constructor takes no save_path",
        ),
    ],
)
def test_who_can_start_again(tmp_path: Path, body: str, spec: dict[str, Any], why: str | None) -> None:
    """Who writes save needs a load, or a constructor that is given the folder by us; who does not is copied."""
    assert lacking(agent_of(tmp_path, body, **spec)) == why


def test_what_is_saved_is_fetched(tmp_path: Path, link: FakeRunnerLink) -> None:
    """The folder of the next attempt holds what `save` wrote, and the stage says what is going on."""
    agent = agent_of(tmp_path, SAVE + LOAD)
    client = Link(Settings.from_environ(link.variables("ins_1")))
    written = write(agent, Counters(step=1234, episode=5))
    point = deliver(written, client, "checkpoints/a.zip", time.monotonic() + 5)
    client.close()
    stages: list[str] = []

    given = link.point("copy.zip", link.objects[point["object"]], step=point["step"], episode=point["episode"])
    folder = fetch(given, stages.append, 5.0)

    assert (point["object"], point["step"], point["episode"]) == ("runs/ins_1/1/checkpoints/a.zip", 1234, 5)
    saved = saved_in(folder)
    assert saved is not None
    assert (Path(saved) / "it").read_text() == "it"
    assert not Path(written.place.name).exists()
    assert given["sha256"] == point["sha256"]
    assert stages == ["loading checkpoint of step 1,234"]
    discard(folder)
    assert not Path(folder).parent.exists()
    discard(str(tmp_path))
    assert tmp_path.exists()


@pytest.mark.parametrize("sent", [b"other bytes", b"no archive", None])
def test_what_cannot_be_fetched_leaves_no_file(
    tmp_path: Path, link: FakeRunnerLink, monkeypatch: pytest.MonkeyPatch, sent: bytes | None
) -> None:
    """A process that is asked for a damaged checkpoint again and again does not fill the disk with it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    point = link.point("a.zip", b"no archive", step=1, episode=1)
    if sent is None:
        del link.objects["a.zip"]
    else:
        link.objects["a.zip"] = sent
    with pytest.raises(DataCorrupt):
        fetch(point, lambda _: None, 5.0)
    assert list(tmp_path.iterdir()) == []


def test_checkpoint_without_a_place_to_put_it_is_tried_again(
    tmp_path: Path, link: FakeRunnerLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no folder can be made, that is the machine's trouble, not the model's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(Transient, match="of step 1 cannot be unpacked"):
        fetch(link.point("a.zip", b"", step=1, episode=1), lambda _: None, 5.0)


def test_saving_that_fails_keeps_nothing(tmp_path: Path, link: FakeRunnerLink) -> None:
    """A save that raises is the model's fault; one that has no time left is not sent."""
    client = Link(Settings.from_environ(link.variables("ins_1")))
    with pytest.raises(AInimalFault, match="ZeroDivisionError"):
        write(agent_of(tmp_path, "    def save(self, path): 1 / 0\n"), Counters())
    with pytest.raises(Transient, match="no time left to send"):
        deliver(write(agent_of(tmp_path, SAVE + LOAD), Counters()), client, "checkpoints/a.zip", time.monotonic())
    client.close()
    assert link.objects == {}


def test_an_object_is_created_once(tmp_path: Path, link: FakeRunnerLink) -> None:
    """What is in the bucket is never replaced, and what is not there is said."""
    (tmp_path / "a").write_bytes(b"first")
    point = link.point("taken", b"other")
    with pytest.raises(Conflict):
        objects.upload(point["url"], {}, tmp_path / "a", 5.0)
    objects.upload(point["url"].replace("taken", "free"), {}, tmp_path / "a", 5.0)
    assert link.objects == {"taken": b"other", "free": b"first"}
    with pytest.raises(NotFound):
        objects.download(point["url"].replace("taken", "none"), {}, tmp_path / "b", sha256="", size_bytes=0)


def test_an_upload_whose_answer_was_lost_has_arrived(tmp_path: Path, link: FakeRunnerLink) -> None:
    """It is sent again, and that it is there already is what was hoped for; at the first try it is somebody else's."""
    (tmp_path / "a").write_bytes(b"first")
    url = link.point("other", b"")["url"]
    lost = iter(["http://127.0.0.1:9/other", url])
    granted = objects.patiently_upload(
        lambda: {"url": next(lost), "headers": {}, "object": "other"}, tmp_path / "a", time.monotonic() + 5
    )
    assert granted["object"] == "other"
    with pytest.raises(Conflict):
        objects.patiently_upload(lambda: {"url": url, "headers": {}}, tmp_path / "a", time.monotonic() + 5)


def test_bytes_that_differ_are_refused(tmp_path: Path, link: FakeRunnerLink) -> None:
    """One flipped bit, fewer bytes or more: nothing is taken for what was saved."""
    point = link.point("a", b"0123456789")
    facts = {"sha256": point["sha256"], "size_bytes": 10}
    objects.download(point["url"], {}, tmp_path / "a", **facts)
    assert (tmp_path / "a").read_bytes() == b"0123456789"
    for other in (b"0123456788", b"012345678", b"0123456789x"):
        link.objects["a"] = other
        with pytest.raises(DataCorrupt, match="the checkpoint is damaged"):
            objects.download(point["url"], {}, tmp_path / "a", **facts)


def test_a_transfer_that_breaks_off_is_tried_again(tmp_path: Path) -> None:
    """A connection that ends in the middle is the network's fault, not the data's."""
    data = b"0123456789"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    answers = [head + data[:4], b"", head + data]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a"
        sha256 = hashlib.sha256(data).hexdigest()
        objects.patiently_download(url, {}, tmp_path / "a", sha256=sha256, size_bytes=10, patience_s=10)
        serving.join()
    assert (tmp_path / "a").read_bytes() == data
    with pytest.raises(Transient, match="failed"):
        objects.patiently_download(url, {}, tmp_path / "a", sha256=sha256, size_bytes=10, patience_s=0)
