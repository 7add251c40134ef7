"""What the tests of checkpoints save."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Author, Code, Manifest, PayloadFile, Snapshot
from ainimal_zookeeper.domain.errors import Conflict
from ainimal_zookeeper.ports.bucket import Bucket

from tests.fakes.clock import FakeClock

ADA = Author("usr_ada", "Ada Lovelace")
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def open_bucket(place: Path) -> DirectoryBucket:
    return DirectoryBucket(place, "http://zoo.invalid/objects", b"secret", FakeClock())


def upload(bucket: Bucket, content: bytes, path: str = "state.safetensors") -> PayloadFile:
    """Puts a file of a payload into the bucket, as a runner does."""
    sha256 = hashlib.sha256(content).hexdigest()
    name = f"runs/ins_1/1/checkpoints/{sha256[:16]}"
    with suppress(Conflict):
        bucket.put(name, content, if_generation=0)
    return PayloadFile(path, name, sha256, len(content))


def snapshot(
    bucket: Bucket,
    step: int = 0,
    grew_from: str | None = None,
    *,
    instance_id: str = "ins_1",
    commit: str | None = None,
    payload: tuple[PayloadFile, ...] | None = None,
    parameters: Mapping[str, Any] | None = None,
    **others: Any,
) -> Snapshot:
    """Returns the snapshot of a step; the same arguments make the same."""
    if payload is None:
        payload = (upload(bucket, f"{instance_id} at {step}".encode()),)
    manifest = Manifest(
        instance_id=instance_id,
        timeline=1,
        step=step,
        episode=step // 10,
        code=Code("Pilot", "Pilot", "ainimals/pilot.py", "r1", commit),
        payload=payload,
        grew_from=grew_from,
        parameters=parameters or {"learning_rate": 0.001},
        **others,
    )
    return Snapshot(manifest, ADA, NOON + timedelta(seconds=step))


class Git:
    """The git program, in the folder `place`; nothing of whoever runs the tests has a say in it."""

    def __init__(self, program: Path, place: Path, home: Path) -> None:
        self.place = place
        self._program = program
        self._environment = {
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Grace",
            "GIT_AUTHOR_EMAIL": "grace@example.com",
            "GIT_COMMITTER_NAME": "Grace",
            "GIT_COMMITTER_EMAIL": "grace@example.com",
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
        }

    def at(self, place: Path) -> Git:
        other = Git(self._program, place, place)
        other._environment = self._environment
        return other

    def __call__(self, *arguments: str) -> str:
        """Returns what git prints, to either stream. Raises: AssertionError when it fails."""
        done = subprocess.run(
            [self._program, *arguments],
            cwd=self.place,
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"git {arguments}: {done.stdout}{done.stderr}"
        return (done.stdout + done.stderr).strip()

    def commit(self, name: str, text: str) -> str:
        """Commits a file. Returns the commit."""
        file = self.place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self("add", name)
        self("commit", "-qm", f"Change {name}")
        return self("rev-parse", "HEAD")

    def check(self) -> None:
        """Checks that git finds nothing wrong."""
        assert self("fsck", "--strict", "--no-dangling") == ""
