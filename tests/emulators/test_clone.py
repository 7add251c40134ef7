"""`zoo checkpoint clone` of a zoo on the emulators."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from ainimal_zookeeper.adapters.gcp.storage import StorageBucket
from ainimal_zookeeper.adapters.gcp.storage_buckets import make_bucket
from ainimal_zookeeper.checkpoints import Repository
from ainimal_zookeeper.cli.connection import Connector
from ainimal_zookeeper.cli.main import zoo
from ainimal_zookeeper.client import Zookeeper
from click.testing import CliRunner

from tests.fakes.zoo_api import FakeZoo, model_row
from tests.unit.checkpoints.lineage import snapshot

pytestmark = pytest.mark.emulators


def test_a_clone_reads_the_emulator(storage_emulator: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket is the zoo's own, by the names that `zoo up --profile emulators` gives it."""
    project = f"test-{uuid4().hex[:8]}"
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", project)
    monkeypatch.delenv("ZOO_BUCKET", raising=False)
    make_bucket(f"{project}-runs", project)
    bucket = StorageBucket(f"{project}-runs", project=project)
    Repository(bucket, "mod_painter").save(snapshot(bucket, 1), "first")
    bucket.close()
    fake = FakeZoo()
    fake.profile = "emulators"
    fake.models = [model_row("Painter")]

    connector = Connector(lambda url: Zookeeper(url, transport=fake.transport))
    arguments = ["checkpoint", "clone", "Painter", str(tmp_path / "copy"), "--payload"]
    result = CliRunner().invoke(zoo, arguments, obj=connector, catch_exceptions=False)

    assert result.stdout == f"{tmp_path / 'copy'} has 1 checkpoint, first in its work tree\n"
    assert (tmp_path / "copy" / "manifest.json").is_file()
