"""Emulators: found where they run, started where they do not, and ended with everything that they started."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound, Transient
from ainimal_zookeeper.server.emulators import (
    FIRESTORE,
    PUBSUB,
    STORAGE,
    EmulatorProcess,
    Emulators,
    Kind,
    free_address,
    snapshot,
)

from tests.conftest import give_up

# Answers HTTP at the address that it is given, and has a child, as gcloud has Java.
SERVER = """
import http.server, subprocess, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404)
        self.end_headers()
    def log_message(self, *_):
        pass
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
host, _, port = sys.argv[1].partition(":")
print("child", child.pid, flush=True)
http.server.HTTPServer((host, int(port)), Answer).serve_forever()
"""


def command(address: str, _folder: Path, _lasting: bool) -> list[str]:
    return [sys.executable, "-c", SERVER, address]


def absent(_address: str, _folder: Path, _lasting: bool) -> list[str]:
    raise NotFound("thingd is not installed; install it with: get thingd")


THING = Kind("Thing", "THING_EMULATOR_HOST", "thing", command, scheme="http://")
OTHER = Kind("Other", "OTHER_EMULATOR_HOST", "other", command)
MISSING = Kind("Missing", "MISSING_EMULATOR_HOST", "missing", absent)


def child_of(log: Path) -> psutil.Process:
    return psutil.Process(int(log.read_text().split()[1]))


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def thing(tmp_path: Path) -> Iterator[EmulatorProcess]:
    address = free_address()
    process = EmulatorProcess("Thing", command(address, tmp_path, False), address, tmp_path / "log")
    process.wait()
    yield process
    process.end()


def test_an_end_takes_the_whole_group(thing: EmulatorProcess, tmp_path: Path) -> None:
    """What the emulator started is gone when `end` returns, also when it is told twice."""
    child = child_of(tmp_path / "log")
    assert lives(child)
    thing.end()
    thing.end()
    assert not lives(child)
    assert not thing.lives


def test_an_end_that_was_asked_for_is_no_news(thing: EmulatorProcess) -> None:
    """Only an emulator that ends on its own is told of."""
    told: list[str] = []
    thing.watch(told.append)
    thing.end()
    assert told == []


def test_an_end_that_nobody_asked_for_is_told(thing: EmulatorProcess, tmp_path: Path) -> None:
    """With what the emulator said last."""
    told: list[str] = []
    heard = threading.Event()

    def hear(said: str) -> None:
        told.append(said)
        heard.set()

    thing.watch(hear)
    child = child_of(tmp_path / "log")
    parent = child.parent()
    assert parent is not None
    parent.kill()
    assert heard.wait(10)
    assert told[0].startswith("the emulator of Thing has ended on its own; its log,")
    assert f"child {child.pid}" in told[0]


def test_a_start_that_fails_says_what_the_emulator_said(tmp_path: Path) -> None:
    """The last lines of its log are in the message."""
    process = EmulatorProcess("Thing", [sys.executable, "-c", "exit('no Java')"], free_address(), tmp_path / "log")
    with pytest.raises(Transient, match=r"(?s)Thing ended while it started; its log, .*no Java"):
        process.wait()
    process.end()


def test_an_emulator_that_is_named_is_not_started(tmp_path: Path) -> None:
    """A variable that is set names one that runs; the others are started, and named as client libraries want it."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        given = f"localhost:{there.getsockname()[1]}"
        emulators = Emulators(tmp_path, [THING, OTHER], {**os.environ, OTHER.variable: given}, lasting=False)
        assert emulators.missing == [THING]
        emulators.start()
    try:
        variables = emulators.variables
        assert variables[OTHER.variable] == given
        assert variables[THING.variable].startswith("http://127.0.0.1:")
        child = child_of(tmp_path / "thing.log")
        assert not (tmp_path / "other.log").exists()
    finally:
        emulators.end()
    assert not lives(child)


def test_the_next_start_ends_what_a_killed_one_left(tmp_path: Path) -> None:
    """Two emulators never hold the files of one folder."""
    first = Emulators(tmp_path, [THING], os.environ, lasting=False)
    first.start()
    child = child_of(tmp_path / "thing.log")
    second = Emulators(tmp_path, [THING], os.environ, lasting=False)
    second.start()
    try:
        assert not lives(child)
    finally:
        second.end()
        first.end()


def test_every_missing_program_is_named(tmp_path: Path) -> None:
    """In one message, with the variable that makes it unnecessary, and before anything is started."""
    emulators = Emulators(tmp_path, [THING, MISSING], os.environ, lasting=False)
    with pytest.raises(NotFound, match=r"get thingd\nor name emulators that run already: set MISSING_EMULATOR_HOST"):
        emulators.start()
    assert not (tmp_path / "thing.log").exists()


def test_a_named_emulator_that_is_not_there_is_said(tmp_path: Path) -> None:
    """At once, before anything is started: the client libraries would try for minutes."""
    address = free_address()
    emulators = Emulators(tmp_path, [THING, OTHER], {**os.environ, OTHER.variable: address}, lasting=False)
    with pytest.raises(Transient, match=f"OTHER_EMULATOR_HOST names {address}, where nobody answers; start"):
        emulators.start()
    assert not (tmp_path / "thing.log").exists()


@pytest.mark.parametrize("given", ["127.0.0.1:4443", "http://127.0.0.1", "http://127.0.0.1:x"])
def test_a_variable_that_holds_no_address_is_said(tmp_path: Path, given: str) -> None:
    """With an example of what the client library takes."""
    emulators = Emulators(tmp_path, [THING], {**os.environ, THING.variable: given}, lasting=False)
    with pytest.raises(InvalidInput, match=f"THING_EMULATOR_HOST is '{given}'; name it as http://127.0.0.1:8080"):
        emulators.start()


@pytest.mark.parametrize("kind", [FIRESTORE, PUBSUB])
def test_gcloud_that_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    """With the command that installs it and its component."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFound, match=r"gcloud is not installed; .* gcloud components install beta"):
        kind.command("127.0.0.1:1", tmp_path, False)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (("bin/gcloud",), "gcloud has no pubsub-emulator; install it with: gcloud components install beta"),
        (("bin/gcloud", "platform/pubsub-emulator/jar"), "java is not installed, which gcloud"),
    ],
)
def test_what_gcloud_lacks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: tuple[str, ...], said: str
) -> None:
    """A component and Java come with commands of their own."""
    for name in made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(NotFound, match=said):
        PUBSUB.command("127.0.0.1:1", tmp_path, False)


def test_firestore_starts_with_what_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest whole snapshot is loaded; without one, or where nothing is to last, none is."""
    for name in ("bin/gcloud", "bin/java", "platform/cloud-firestore-emulator/jar"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    folder = tmp_path / "state"
    assert not any("--import-data" in word for word in FIRESTORE.command("127.0.0.1:1", folder, True))
    files = [folder / place / "documents" / "documents.overall_export_metadata" for place in ("before", "saved")]
    for file in files:
        file.parent.mkdir(parents=True)
        file.touch()
        assert snapshot.saved(folder) == file
    assert f"--import-data={files[1]}" in FIRESTORE.command("127.0.0.1:1", folder, True)
    assert not any("--import-data" in word for word in FIRESTORE.command("127.0.0.1:1", folder, False))


def test_a_snapshot_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    """An emulator that has gone is told of, and what was saved stays."""
    saved = tmp_path / "saved" / "documents" / "documents.overall_export_metadata"
    saved.parent.mkdir(parents=True)
    saved.touch()
    with pytest.raises(Transient, match="cannot be saved below"):
        snapshot.save(free_address(), "demo-zoo", "(default)", tmp_path)
    assert snapshot.saved(tmp_path) == saved


def test_storage_keeps_objects_only_where_they_are_to_last(tmp_path: Path) -> None:
    """In files of its folder, else in memory."""
    try:
        lasting, passing = (STORAGE.command("127.0.0.1:1", tmp_path, lasts) for lasts in (True, False))
    except NotFound as error:
        give_up(error.message)
    assert str(tmp_path) in lasting
    assert str(tmp_path) not in passing
