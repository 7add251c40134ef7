"""Checkpoints of a model whose source is in git: its history is their base, and their tags are pushed there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ainimal_zookeeper.client import Checkpoint, Instance, Zookeeper
from ainimal_zookeeper.domain.errors import NotFound

from tests.conftest import ToolFinder
from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, until
from tests.e2e.sources import CODE, COUNTER, end, launched, pushed, repository
from tests.unit.checkpoints.lineage import Git


@pytest.fixture
def git(tmp_path: Path, require_tool: ToolFinder) -> Git:
    return repository(tmp_path, require_tool)


@pytest.fixture
def hosted(git: Git, start_zoo: ZooStarter) -> Iterator[HostedZoo]:
    with start_zoo(git.place) as hosted:
        yield hosted


@pytest.fixture
def client(hosted: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(hosted.url) as client:
        yield client


def warnings(hosted: HostedZoo, instance: Instance) -> list[str]:
    found = hosted.ask(
        "query($i: ID!) { instance(id: $i) { events(first: 100) { nodes { kind message } } } }", i=instance.id
    )
    return [event["message"] for event in found["instance"]["events"]["nodes"] if event["kind"] == "WARNING"]


def manifest(git: Git, tag: str) -> str:
    return git("show", f"{tag}:manifest.json")


def test_lineages_grow_from_the_commits_that_ran(
    hosted: HostedZoo, client: Zookeeper, git: Git, tmp_path: Path
) -> None:
    """Each begins at HEAD as it was loaded, a change that is not committed is told, and all of it is plain git."""
    base = git("rev-parse", "HEAD")
    before = (git("status", "--porcelain"), git("branch", "-a"), git("reflog"))
    beginner = launched(client)
    first = beginner.save_checkpoint("first")
    until(lambda: pushed(git, "first"))
    assert first.parents == (base,)
    assert (git("rev-parse", "first^{commit}"), git("merge-base", "first", "main")) == (first.commit, base)
    assert "tag: first" in git("log", "--graph", "--decorate", "--all")
    assert '"modified": false' in manifest(git, "first")
    assert before == (git("status", "--porcelain"), git("branch", "-a"), git("reflog"))

    (git.place / CODE).write_text(COUNTER.replace("% 2", "% 1"))
    changed = launched(client).save_checkpoint("changed")
    assert changed.parents == (base,)
    until(lambda: pushed(git, "changed"))
    assert '"modified": true' in manifest(git, "changed")

    head = git.commit(CODE, COUNTER.replace("% 2", "% 1"))
    instance = launched(client)
    second, third = instance.save_checkpoint("second"), instance.save_checkpoint("third")
    assert (second.parents, third.parents) == ((head,), (second.commit,))
    until(lambda: pushed(git, "third"))
    assert git("log", "--format=%D", "-n", "3", "third").splitlines() == ["tag: third", "tag: second", "HEAD -> main"]
    assert git("diff", "first", "third", "--", "manifest.json")
    git.check()

    target = tmp_path / "clone"
    command = [sys.executable, "-m", "ainimal_zookeeper.cli", "checkpoint", "clone", "Counter", str(target)]
    done = subprocess.run(command, cwd=hosted.folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    clone = git.at(target)
    clone.check()
    assert not (target / ".git/shallow").exists()
    assert clone("log", "--format=%s", base) == "A zoo"
    assert clone("rev-parse", "third^^") == head
    end(beginner)
    first.delete()
    until(lambda: not pushed(git, "first"))
    assert git("tag").split() == ["changed", "second", "third"]
    git.check()


def test_what_was_not_pushed_yet_is_pushed_by_the_next_zoo(git: Git, start_zoo: ZooStarter) -> None:
    """A save never waits for a repository that is locked, and a kill -9 between save and push loses nothing."""
    lock = git.place / ".git/refs/tags/asked.lock"
    lock.write_text("")
    hosted = start_zoo(git.place)
    with Zookeeper(hosted.url) as client:
        instance = launched(client)
        asked = instance.save_checkpoint("asked")
        until(lambda: [each for each in warnings(hosted, instance) if "asked is not pushed yet" in each])
        assert client.checkpoint("asked", "Counter").id == asked.id
        instance.save_checkpoint("other")
        until(lambda: pushed(git, "other"))
        hosted.process.kill()
        hosted.process.wait()
    lock.unlink()
    assert not pushed(git, "asked")

    with start_zoo(git.place):
        until(lambda: pushed(git, "asked"))
    assert git("rev-parse", "asked^{commit}") == asked.commit
    git.check()


def test_what_is_saved_in_passing_stays_in_the_zoo(hosted: HostedZoo, client: Zookeeper, git: Git) -> None:
    """Only what somebody asks for is pushed, with the checkpoints that it grew from, which have no tag there."""
    instance = launched(client, "Busy")
    until(lambda: len(instance.checkpoints()) >= 2)
    asked = instance.save_checkpoint("asked")
    until(lambda: pushed(git, "asked"))
    assert git("tag") == "asked"
    assert git("rev-parse", "asked^") == asked.parents[0]
    assert git("log", "--format=%D").startswith("HEAD -> main")
    assert git("merge-base", "asked", "main") == git("rev-parse", "main")
    git.check()


def test_what_cannot_be_pushed_stays_in_the_zoo(hosted: HostedZoo, client: Zookeeper, git: Git) -> None:
    """A tag that is taken there is told to whoever asked, once; who wants no tags gets none, and hears nothing."""
    git("tag", "mine")
    instance, quiet = launched(client), launched(client, "Quiet")
    mine, own = instance.save_checkpoint("mine"), quiet.save_checkpoint("own")
    other = quiet.save_checkpoint("other")

    [warning] = until(lambda: warnings(hosted, instance))

    assert "has a tag mine already, on something else" in warning
    assert git("rev-parse", "mine") == git("rev-parse", "HEAD")
    assert warnings(hosted, quiet) == []
    assert git("tag") == "mine"
    end(instance)
    mine.delete()
    with pytest.raises(NotFound):
        client.checkpoint("mine", "Counter")
    assert isinstance(own, Checkpoint)
    assert other.parents == (own.commit,)
    assert pushed(git, "mine")
