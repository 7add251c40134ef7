"""Where the sources of models stand in git, as the catalogue tells it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

import pytest
from ainimal_zookeeper.config import load
from ainimal_zookeeper.domain.documents import ModelDoc
from ainimal_zookeeper.provenance import Provenance

from tests.conftest import ROOT, ToolFinder
from tests.fakes import zoo
from tests.unit.checkpoints.lineage import Git


@pytest.fixture
def git(tmp_path: Path, require_tool: ToolFinder) -> Git:
    """A repository with a commit, in `tmp_path`/zoo."""
    place = tmp_path / "zoo"
    place.mkdir()
    made = Git(require_tool("git", "apt-get install git"), place, tmp_path)
    made("init", "-q", "-b", "main")
    made.commit("models/pilot.py", "one = 1\n")
    return made


def model(path: str = "models/pilot.py") -> ModelDoc:
    return cast(ModelDoc, {**zoo.model(), "specJson": json.dumps({"path": path})})


def told(git: Git, path: str = "models/pilot.py", provenance: Provenance | None = None) -> Any:
    [found] = (provenance or Provenance(git.place, {}, at_hand=True)).told([model(path)])
    return found


def test_it_follows_head_and_the_file(git: Git) -> None:
    """A commit, a change and a branch are seen at the next look, and nothing is read in between."""
    provenance = Provenance(git.place, {}, at_hand=True)
    first = git("rev-parse", "HEAD")
    assert told(git, provenance=provenance)["code"] == {
        "commit": first,
        "path": "models/pilot.py",
        "modified": False,
        "atHand": True,
    }
    (git.place / "models/pilot.py").write_text("three = 3\n")
    assert told(git, provenance=provenance)["code"]["modified"]
    second = git.commit("models/pilot.py", "three = 3\n")
    code = told(git, provenance=provenance)["code"]
    assert (code["commit"], code["modified"]) == (second, False)
    git("checkout", "-q", "--detach", first)
    code = told(git, provenance=provenance)["code"]
    assert (code["commit"], code["modified"]) == (first, False)


@pytest.mark.parametrize("name", ["new.py", "absent.py", "../outside.py", "ignored.py"])
def test_what_head_does_not_have_has_no_code(git: Git, name: str) -> None:
    """A file that is new, ignored, gone or elsewhere is offered as it is."""
    git.commit(".gitignore", "ignored.py\n")
    for file in ("new.py", "ignored.py", "../outside.py"):
        (git.place / file).write_text("")
    assert told(git, name) == model(name)


def test_repository_that_comes_later_is_found(tmp_path: Path, git: Git) -> None:
    """`git init` and the first commit need no restart."""
    place = tmp_path / "late"
    place.mkdir()
    (place / "pilot.py").write_text("")
    late, provenance = git.at(place), Provenance(place, {}, at_hand=True)
    assert "code" not in told(late, "pilot.py", provenance)
    late("init", "-q")
    assert "code" not in told(late, "pilot.py", provenance)
    commit = late.commit("pilot.py", "")
    assert told(late, "pilot.py", provenance)["code"]["commit"] == commit


def test_links_lead_to_where_the_source_is(tmp_path: Path, git: Git) -> None:
    """The source of a model that is named by a link is what the link leads to; a second one to nowhere is nowhere."""
    (tmp_path / "link.py").symlink_to(git.place / "models/pilot.py")
    (tmp_path / "folder").symlink_to(git.place / "models")
    (tmp_path / "nowhere.py").symlink_to(git.place / "nothing.py")
    (tmp_path / "circle.py").symlink_to(tmp_path / "circle.py")
    for name in ("link.py", "folder/pilot.py"):
        assert told(git, str(tmp_path / name))["code"]["path"] == "models/pilot.py"
    for name in ("nowhere.py", "circle.py"):
        assert "code" not in told(git, str(tmp_path / name))


@pytest.mark.parametrize("broken", ["sha256", "extension", "damage"])
def test_repository_that_cannot_be_read_is_a_finding(tmp_path: Path, git: Git, broken: str) -> None:
    """People read before a launch why checkpoints begin without a history; the model is offered all the same."""
    if broken == "sha256":
        place = tmp_path / "long"
        place.mkdir()
        git = git.at(place)
        git("init", "-q", "--object-format=sha256")
        git.commit("models/pilot.py", "")
    elif broken == "extension":
        git("config", "core.repositoryformatversion", "1")
        git("config", "extensions.futuristic", "true")
    else:
        head = git("rev-parse", "HEAD")
        place = git.place / ".git/objects" / head[:2] / head[2:]
        place.chmod(0o644)
        place.write_bytes(b"no object")
    found = told(git)
    assert "code" not in found
    [finding] = found["findings"]
    assert finding.startswith("the git repository of the source ")
    assert str(git.place) not in finding
    assert finding.endswith("checkpoints begin without its history")


def test_shallow_clones_and_second_work_trees_stand_where_they_are(tmp_path: Path, git: Git) -> None:
    """HEAD is theirs, also where `.git` is a file or the history is cut off."""
    git.commit("models/pilot.py", "two = 2\n")
    git("clone", "-q", "--depth", "1", git.place.as_uri(), str(tmp_path / "shallow"))
    git("worktree", "add", "-q", "--detach", str(tmp_path / "second"), "HEAD~1")
    for name, commit in (("shallow", "HEAD"), ("second", "HEAD~1")):
        other = git.at(tmp_path / name)
        assert told(other)["code"]["commit"] == git("rev-parse", commit)


def test_what_looks_the_same_is_not_read_again(git: Git) -> None:
    """A file is known by its identity, size and time: 200 models cost one look at their repository."""
    names = [f"models/m{number}.py" for number in range(200)]
    for name in names:
        (git.place / name).write_text(name)
    git("add", ".")
    git("commit", "-qm", "Many")
    provenance = Provenance(git.place, {}, at_hand=False)
    models = [model(name) for name in names]
    first = provenance.told(models)
    for name in names:
        state = (git.place / name).stat()
        (git.place / name).write_text(name.upper())
        os.utime(git.place / name, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert provenance.told(models) == first
    git("commit", "-q", "--allow-empty", "-m", "More")
    assert all(found["code"]["modified"] for found in provenance.told(models))


def test_no_test_finds_the_repository_of_the_product() -> None:
    """A zoo under test, whatever it runs, has no git repository here to push tags to."""
    compiled = load(ROOT / "zoo.py", os.environ).compile()
    provenance = Provenance(compiled.home, os.environ, at_hand=True)
    assert not [found for found in provenance.told(compiled.models) if "code" in found]
    assert {provenance.repository_of(found) for found in compiled.models} == {None}


def test_the_example_pushes_nothing() -> None:
    """Who tries the examples in a clone of the product finds no tags in it."""
    compiled = load(ROOT / "zoo.py", os.environ).compile()
    assert {json.loads(found["specJson"]).get("push_checkpoints") for found in compiled.models} == {False}
