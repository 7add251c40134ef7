"""Checkpoints are compared where they lie in Cloud Storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import uuid4

import numpy as np
import pytest
from ainimal_zookeeper.adapters.gcp.storage import StorageBucket
from ainimal_zookeeper.adapters.gcp.storage_buckets import make_bucket
from ainimal_zookeeper.checkpoints import contents, regions
from ainimal_zookeeper.checkpoints.regions import open_checked
from ainimal_zookeeper.checkpoints.tensors import compare_tensors
from ainimal_zookeeper.domain.errors import DataCorrupt, NotFound

from tests.fakes import archives

pytestmark = pytest.mark.emulators


@pytest.fixture
def bucket(storage_emulator: None) -> Iterator[StorageBucket]:
    project = f"test-{uuid4().hex[:8]}"
    make_bucket(f"{project}-runs", project)
    bucket = StorageBucket(f"{project}-runs", project=project)
    yield bucket
    bucket.close()


@pytest.mark.parametrize("held", [32 << 20, 0], ids=["held", "by blocks"])
def test_two_checkpoints_differ_in_what_was_learnt(
    bucket: StorageBucket, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    """Small ones are read once and big ones by blocks, with the same outcome."""
    monkeypatch.setattr(regions, "_HELD", held)
    monkeypatch.setattr(regions, "_BLOCK", 1_000)
    found = []
    for number in range(2):
        content = archives.captured({"same": np.arange(500.0), "moved": np.arange(500.0) + number})
        bucket.put(f"{number}.zip", content)
        digest = hashlib.sha256(content).hexdigest()
        found.append(contents.tensors_in(open_checked(bucket, f"{number}.zip", len(content), digest)))
    same = [(change.name, change.kind) for change in compare_tensors(*found)]
    assert same == [("moved", "changed"), ("same", "same")]
    assert compare_tensors(*found)[0].norm == pytest.approx(500**0.5)
    with pytest.raises(DataCorrupt, match=r"the object 0\.zip is not what was saved"):
        open_checked(bucket, "0.zip", len(content), digest)
    with pytest.raises(NotFound):
        open_checked(bucket, "2.zip", len(content), digest)
