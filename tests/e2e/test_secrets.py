"""A secret reaches the model that it is meant for, and nothing else that the zoo keeps or tells."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import Collections

from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until
from tests.fakes import zoo as catalogue
from tests.fakes.discreet import CONFIGURATION, FILES, OTHER, SECRET


@pytest.fixture
def zoo(tmp_path: Path, start_zoo: ZooStarter) -> Any:
    furnish(tmp_path, CONFIGURATION, FILES)
    with start_zoo(tmp_path) as hosted:
        yield hosted


def launch(zoo: HostedZoo, note: str) -> str:
    return zoo.launch(parameters={"note": note})


def plays(zoo: HostedZoo, id: str) -> None:
    """Waits until an instance has something to save."""
    until(lambda: zoo.instance(id)["stats"]["step"] > 10)


def log_of(zoo: HostedZoo, id: str, expected: str) -> list[str]:
    """Returns the lines of an instance once one of them begins with `expected`."""
    query = "query($i: ID!) { instance(id: $i) { logs(first: 100) { nodes { text } } } }"

    def lines() -> list[str] | None:
        found = [line["text"] for line in zoo.ask(query, i=id)["instance"]["logs"]["nodes"]]
        return found if any(text.startswith(expected) for text in found) else None

    return until(lines)


def kept(zoo: HostedZoo) -> bytes:
    """Returns all bytes of the state directory: database, logs of jobs, objects."""
    return b"".join(path.read_bytes() for path in zoo.state_dir.rglob("*") if path.is_file())


def test_a_secret_reaches_the_model_and_nothing_else(zoo: HostedZoo) -> None:
    """The constructor gets it; database, log, failure and answers show stars, also where user code tells it."""
    good, bad = launch(zoo, "hello"), launch(zoo, "fail")
    zoo.wait(good, "RUNNING")
    lines = log_of(zoo, good, "my key")
    failure = zoo.wait(bad, "FAILED")["failure"]
    zoo.stop()

    assert f"digest {hashlib.sha256(f'Bearer {SECRET}'.encode()).hexdigest()}" in lines
    assert "my key is Bearer ***" in lines
    assert "Bearer *** was refused" in failure["message"]
    assert SECRET not in json.dumps([lines, failure]) + zoo.output
    assert SECRET.encode() not in kept(zoo)
    assert OTHER.encode() not in kept(zoo)


def test_what_a_user_gives_is_never_a_reference(zoo: HostedZoo) -> None:
    """A parameter that looks like a reference arrives as that text."""
    launched = launch(zoo, "${env.OTHER_KEY}${env.OPENAI_KEY}${params.note}")
    zoo.wait(launched, "RUNNING")

    assert "note ${env.OTHER_KEY}${env.OPENAI_KEY}${params.note}" in log_of(zoo, launched, "note")


def test_a_secret_that_is_gone_fails_the_launch_and_one_that_is_back_does_not(zoo: HostedZoo) -> None:
    """The zoo need not be started again: what .env.local says when a runner claims is what counts."""
    (zoo.folder / ".env.local").write_text("WORLD=CartPole-v1")
    failure = zoo.wait(launch(zoo, "hello"), "FAILED")["failure"]
    assert failure["code"] == "INVALID_INPUT"
    assert "the model Caller needs the variable OPENAI_KEY, which is not set" in failure["message"]
    (zoo.folder / ".env.local").write_text("WORLD=CartPole-v1\nOPENAI_KEY=a new one")
    zoo.wait(launch(zoo, "hello"), "RUNNING")


def test_a_zoo_that_has_moved_finds_its_files(zoo: HostedZoo, tmp_path: Path, start_zoo: ZooStarter) -> None:
    """State and files go to another folder together, and an instance from before runs on there."""
    launched = launch(zoo, "hello")
    plays(zoo, launched)
    models = "{ models { nodes { id source revision } } }"
    before = zoo.ask(models)
    zoo.stop()
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    shutil.copytree(tmp_path, moved, symlinks=True)
    shutil.rmtree(tmp_path / "models")
    with start_zoo(moved) as there:
        assert there.ask(models) == before
        assert before["models"]["nodes"][0]["source"] == "models/caller.py"
        there.wait(launched, "RUNNING")
        assert there.instance(launched)["attempt"] == 2
    shutil.rmtree(moved)


def test_a_state_of_an_earlier_version_still_runs(tmp_path: Path, start_zoo: ZooStarter) -> None:
    """Its catalogue held absolute paths and what variables stood for: it is written anew before anything runs."""
    furnish(tmp_path, CONFIGURATION, FILES)
    with start_zoo(tmp_path) as first:
        launched = launch(first, "hello")
        plays(first, launched)
    make_old(tmp_path)
    with start_zoo(tmp_path) as second:
        second.wait(launched, "RUNNING")
        second.wait(launch(second, "hello"), "RUNNING")
        second.stop()
        assert SECRET.encode() not in kept(second)


def make_old(folder: Path) -> None:
    """Rewrites the catalogue in the state directory as earlier versions wrote it."""
    store = SqliteStore(folder / ".zoo" / "zoo.sqlite3")
    [model] = store.query(queries.MODELS.bind(), queries.Page(10)).documents
    spec = json.loads(model["specJson"])
    path = str(folder / spec["path"])
    spec |= {"path": path, "init_params": {**spec["init_params"], "key": f"Bearer {SECRET}"}}
    old = {**model, "source": path, "specJson": json.dumps(spec, sort_keys=True)}
    catalogue.put(store, Collections.MODELS, old)
    store.close()
