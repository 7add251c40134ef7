"""Tags of checkpoints where the source is, by a zoo whose functions are the deployed ones."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from ainimal_zookeeper.client import Zookeeper

from tests.conftest import ToolFinder
from tests.e2e.hosting import HostedZoo, until
from tests.e2e.sources import end, launched, pushed, repository

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(300)]


def test_the_zoo_pushes_what_the_functions_have_noted(
    tmp_path: Path, require_tool: ToolFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The functions never look at the source: the host pushes the tag, and takes it back when it is deleted."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", f"demo-{uuid.uuid4().hex[:12]}")
    git = repository(tmp_path, require_tool)
    hosted = HostedZoo(git.place, "--profile", "emulators", "--port", "0")
    try:
        with Zookeeper(hosted.url) as client:
            instance = launched(client)
            saved = instance.save_checkpoint("best")
            until(lambda: pushed(git, "best"))
            assert saved.parents == (git("rev-parse", "HEAD"),)
            assert git("rev-parse", "best^{commit}") == saved.commit
            git.check()
            end(instance)
            saved.delete()
            until(lambda: not pushed(git, "best"))
    finally:
        hosted.close()
