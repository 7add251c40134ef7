"""Scans of the zoo: whatever was not looked into yet is, in a process of its own, and nothing of it runs."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.server.scans import Scans

from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore


class Marks:
    """Its pickle writes down who has loaded it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return eval, (f"__import__('os').mkdir({str(self.mark)!r})",)


def model(path: Path, **changes: Any) -> Document:
    content = path.read_bytes() if path.exists() else b""
    spec = {"type": "pickle", "name": path.stem, "path": path.name}
    revision = hashlib.sha256(content).hexdigest()[:12]
    return {**zoo.model(), "id": f"mod_{path.stem}", "name": path.stem, "type": "pickle", "revision": revision,
            "specJson": json.dumps(spec), **changes}  # fmt: skip


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def scans(store: MemoryStore, tmp_path: Path) -> Scans:
    return Scans(store=store, bucket=MemoryBucket(), home=tmp_path, environ=os.environ)


def found(store: MemoryStore, id: str) -> Document:
    scan = store.get(Ref(Collections.SCANS, id))
    assert scan is not None
    return scan


def test_each_file_is_scanned_once_and_again_when_it_changes(scans: Scans, store: MemoryStore, tmp_path: Path) -> None:
    """A scan is of one revision; source needs none, and what would run at loading does not run."""
    file = tmp_path / "rex.pkl"
    file.write_bytes(pickle.dumps(Marks(tmp_path / "mark")))
    zoo.put(store, Collections.MODELS, model(file), zoo.model())
    scans.look()
    first = found(store, "mod_rex")
    assert first["verdict"] == "DANGEROUS"
    assert first["findings"] == ["scan: rex.pkl names builtins.eval, which can do harm when it is loaded"]
    assert not (tmp_path / "mark").exists()
    assert store.get(Ref(Collections.SCANS, "mod_learner")) is None

    zoo.put(store, Collections.SCANS, {**first, "findings": ["as before"]})
    scans.look()
    assert found(store, "mod_rex")["findings"] == ["as before"]

    file.write_bytes(pickle.dumps(1))
    zoo.put(store, Collections.MODELS, model(file))
    scans.look()
    assert found(store, "mod_rex")["verdict"] == "CLEAN"


def test_a_scan_of_other_bytes_than_the_models_is_not_kept(scans: Scans, store: MemoryStore, tmp_path: Path) -> None:
    """The file changed after it was listed: once it is listed anew it is scanned anew."""
    (tmp_path / "rex.pkl").write_bytes(pickle.dumps(1))
    zoo.put(store, Collections.MODELS, model(tmp_path / "rex.pkl", revision="before"))
    scans.look()
    assert store.get(Ref(Collections.SCANS, "mod_rex")) is None


def test_a_scan_that_fails_is_not_clean(store: MemoryStore, tmp_path: Path) -> None:
    """A file that is gone, and one that takes too long, are unreadable, and the next is scanned all the same."""
    zoo.put(store, Collections.MODELS, model(tmp_path / "gone.pkl"))
    Scans(store=store, bucket=MemoryBucket(), home=tmp_path, environ=os.environ).look()
    assert found(store, "mod_gone")["verdict"] == "UNREADABLE"
    assert "cannot be read" in found(store, "mod_gone")["findings"][0]

    (tmp_path / "slow.pkl").write_bytes(pickle.dumps(1))
    zoo.put(store, Collections.MODELS, model(tmp_path / "slow.pkl"))
    Scans(store=store, bucket=MemoryBucket(), home=tmp_path, environ=os.environ, timeout_s=0.001).look()
    assert found(store, "mod_slow")["verdict"] == "UNREADABLE"
    assert "took more than" in found(store, "mod_slow")["findings"][0]


def test_an_uploaded_file_that_cannot_be_fetched_now_waits(store: MemoryStore, tmp_path: Path) -> None:
    """Nothing is said of it before somebody has looked, and no other waits for it."""
    (tmp_path / "tom.pkl").write_bytes(pickle.dumps(1))
    bucket = DirectoryBucket(tmp_path / "bucket", "http://127.0.0.1:9/bucket", b"secret", FakeClock())
    uploaded = {"filename": "rex.pkl", "object": "uploads/upl_1", "sha256": "0" * 64, "sizeBytes": 4}
    zoo.put(store, Collections.MODELS, model(tmp_path / "rex.pkl", uploaded=uploaded), model(tmp_path / "tom.pkl"))
    waiting = Scans(store=store, bucket=bucket, home=tmp_path, environ=os.environ)
    with pytest.raises(Transient, match="cannot be scanned now"):
        waiting.look()
    assert store.get(Ref(Collections.SCANS, "mod_rex")) is None
    assert found(store, "mod_tom")["verdict"] == "CLEAN"


def test_a_zoo_that_stops_waits_for_no_scan(scans: Scans, store: MemoryStore, tmp_path: Path) -> None:
    """What is going on is ended, and nothing begins; nothing is said of what was not looked into."""
    (tmp_path / "rex.pkl").write_bytes(pickle.dumps(1))
    zoo.put(store, Collections.MODELS, model(tmp_path / "rex.pkl"))
    looking = threading.Thread(target=scans.look)
    scans.close()
    looking.start()
    looking.join(30)
    assert not looking.is_alive()
    assert store.get(Ref(Collections.SCANS, "mod_rex")) is None
