from __future__ import annotations

from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Repository

from tests.conftest import ToolFinder
from tests.unit.checkpoints.lineage import Git, open_bucket


@pytest.fixture
def bucket(tmp_path: Path) -> DirectoryBucket:
    return open_bucket(tmp_path / "bucket")


@pytest.fixture
def repository(bucket: DirectoryBucket) -> Repository:
    return Repository(bucket, "mod_1")


@pytest.fixture
def git(tmp_path: Path, require_tool: ToolFinder) -> Git:
    """Git in a new repository, in which the model's source lies: `source/pilot.py`."""
    place = tmp_path / "source"
    place.mkdir()
    made = Git(require_tool("git", "apt-get install git"), place, tmp_path)
    made("init", "-q", "-b", "main")
    return made
