"""Processes that save checkpoints and are killed, by the operating system, at any moment."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from ainimal_zookeeper.checkpoints import Repository, clone

from tests.conftest import ToolFinder
from tests.unit.checkpoints.lineage import Git, open_bucket, snapshot

ROOT = Path(__file__).parents[2]
KILLS = 10

SAVER = """
import sys
from pathlib import Path
from ainimal_zookeeper.checkpoints import Repository
from tests.unit.checkpoints.lineage import open_bucket, snapshot

bucket = open_bucket(Path(sys.argv[1]))
repository = Repository(bucket, "mod_1")
step, grew_from = int(sys.argv[2]), sys.argv[3] or None
while True:
    grew_from = repository.save(snapshot(bucket, step, grew_from), f"step-{step}").commit
    print(grew_from, flush=True)
    step += 1
"""


def test_kill_9_leaves_only_whole_checkpoints(tmp_path: Path, require_tool: ToolFinder) -> None:
    """Each process goes on where the one before was killed: what it was told is saved is there, all that has a tag is
    whole, and the lineage has no hole.
    """
    chance = random.Random(9)
    bucket = open_bucket(tmp_path / "bucket")
    repository = Repository(bucket, "mod_1")
    commits: list[str] = []
    for _ in range(KILLS):
        last = commits[-1] if commits else ""
        with subprocess.Popen(
            [sys.executable, "-c", SAVER, str(tmp_path / "bucket"), str(len(commits)), last],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as saver:
            assert saver.stdout is not None
            commits.extend(saver.stdout.readline().strip() for _ in range(chance.randrange(1, 4)))
            time.sleep(chance.random() * 0.1)
            saver.kill()
            commits.extend(line.strip() for line in saver.stdout if line.endswith("\n"))
        tags = set(repository)
        assert {f"step-{step}" for step in range(len(commits))} <= tags
        for tag in tags:
            repository.verify(tag)
        assert [repository.read(f"step-{step}").commit for step in range(len(commits))] == commits

    repository.save(snapshot(bucket, len(commits), commits[-1]), f"step-{len(commits)}")
    made = clone(repository, tmp_path / "clone", payload=True)
    git = Git(require_tool("git", "apt-get install git"), made.directory, tmp_path)
    git.check()
    assert len(git("log", "--format=%h", f"step-{len(commits)}").splitlines()) == len(commits) + 2
