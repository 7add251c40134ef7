"""A directory as the bucket: the suite, a model, and what only a disk can do wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, NotFound, PermissionDenied, Transient
from ainimal_zookeeper.ports.bucket import Share, SignedUrl

from tests.conformance.bucket_suite import BucketTests, bucket_machine
from tests.fakes.clock import FakeClock

_BASE = "http://127.0.0.1:1/bucket"
_SECRET = b"secret"


class FolderPlace:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()

    def open(self) -> DirectoryBucket:
        return DirectoryBucket(self.root, _BASE, _SECRET, self.clock)

    def raw_read(self, name: str) -> bytes | None:
        files = list((self.root / "objects" / f"{name}@").iterdir())
        return files[0].read_bytes() if files else None

    def request(self, method: str, link: SignedUrl, body: bytes = b"") -> tuple[int, bytes]:
        url = urlsplit(link.url)
        name = unquote(url.path.removeprefix("/bucket/"))
        bucket = self.open()
        try:
            access = bucket.open_signed(method, name, dict(parse_qsl(url.query)))
            if method == "GET":
                return 200, bucket.locate(access.name)[0].read_bytes()
            with bucket.receive_signed(access) as upload:
                upload.write(body[:3])
                upload.write(body[3:])
                upload.commit()
            return 200, b""
        except PermissionDenied:
            return 403, b""
        except InvalidInput:
            return 400, b""
        except Conflict:
            return 409, b""
        except NotFound:
            return 404, b""

    def read(self, share: Share, rest: str) -> tuple[int, bytes]:
        name = unquote(urlsplit(share.base_url).path.removeprefix("/bucket/")) + rest
        bucket = self.open()
        try:
            access = bucket.open_shared("GET", name, share.headers["Authorization"])
            return 200, bucket.locate(access.name)[0].read_bytes()
        except PermissionDenied:
            return 403, b""
        except NotFound:
            return 404, b""

    def expire(self, link: SignedUrl) -> SignedUrl:
        self.clock.set(link.expires_at)
        return link


@pytest.fixture
def place(tmp_path: Path) -> FolderPlace:
    return FolderPlace(tmp_path / "bucket")


class TestDirectoryBucket(BucketTests):
    def test_links_name_the_object_below_the_base(self, place: FolderPlace) -> None:
        """A link starts with the base URL and the object's name, quoted."""
        assert place.open().sign_get("runs/a b").url.startswith(f"{_BASE}/runs/a%20b?")

    def test_shares_end_and_are_for_reading(self, place: FolderPlace) -> None:
        """After its time a share is refused, and so is whatever would change an object."""
        bucket = place.open()
        bucket.put("runs/1", b"1")
        share = bucket.share("runs/", lifetime_s=60)
        with pytest.raises(PermissionDenied, match="does not allow to PUT"):
            bucket.open_shared("PUT", "runs/1", share.headers["Authorization"])
        place.clock.set(share.expires_at)
        with pytest.raises(PermissionDenied, match="expired"):
            bucket.open_shared("GET", "runs/1", share.headers["Authorization"])

    def test_incomplete_links_are_refused(self, place: FolderPlace) -> None:
        """Whatever is missing or no number, the answer is the same refusal."""
        bucket = place.open()
        bucket.put("a", b"1")
        for query in ({}, {"expires": "x", "signature": "y"}, {"expires": "9" * 30}, {"size": "x", "expires": "1"}):
            with pytest.raises(PermissionDenied, match="link to a"):
                bucket.open_signed("GET", "a", query)

    def test_processes_exclude_each_other(self, place: FolderPlace) -> None:
        """Of processes that want to create the same object one succeeds."""
        program = """
import pathlib, sys
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.adapters.embedded.clock import SystemClock
from ainimal_zookeeper.domain.errors import Conflict
bucket = DirectoryBucket(pathlib.Path(sys.argv[1]), "", b"", SystemClock())
won = 0
for n in range(100):
    try:
        bucket.put(f"a{n}", sys.argv[2].encode(), if_generation=0)
        won += 1
    except Conflict:
        pass
print(won)
"""
        children = [
            subprocess.Popen([sys.executable, "-c", program, str(place.root), str(n)], stdout=subprocess.PIPE)
            for n in range(2)
        ]
        won = [int(child.communicate(timeout=60)[0]) for child in children]
        assert sum(won) == 100
        bucket = place.open()
        assert [sum(bucket.get(f"a{n}") == str(k).encode() for n in range(100)) for k in range(2)] == won

    def test_disk_that_takes_no_more_is_transient(self, tmp_path: Path) -> None:
        """A write that the disk refuses names the path, leaves the old object and no rest."""
        program = """
import pathlib, resource, sys
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.adapters.embedded.clock import SystemClock
from ainimal_zookeeper.domain.errors import Transient
bucket = DirectoryBucket(pathlib.Path(sys.argv[1]), "", b"", SystemClock())
bucket.put("a", b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    bucket.put("a", b"x" * 200_000)
except Transient as error:
    print(error)
print(bucket.get("a"))
"""
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60
        )
        assert str(tmp_path / "incoming") in done.stdout
        assert done.stdout.endswith("b'old'\n")
        assert list((tmp_path / "incoming").iterdir()) == []

    def test_root_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        """A root below a file is told by its path."""
        (tmp_path / "file").write_text("x")
        with pytest.raises(Transient, match="file/bucket"):
            DirectoryBucket(tmp_path / "file" / "bucket", _BASE, _SECRET, FakeClock())

    def test_leftovers_do_not_count(self, place: FolderPlace) -> None:
        """What a killed writer left, before or right after its rename, is neither listed nor read."""
        bucket = place.open()
        info = bucket.put("a", b"new")
        (place.root / "incoming" / "left").write_bytes(b"half")
        (place.root / "objects" / "a@" / f"{info.generation - 1}.{'0' * 64}.text%2Fplain").write_bytes(b"old")
        assert bucket.get("a") == b"new"
        assert list(bucket.list()) == [info]
        bucket.delete("a")
        assert bucket.info("a") is None


def _temporary_bucket() -> tuple[DirectoryBucket, Callable[[], None]]:
    folder = Path(tempfile.mkdtemp())
    return DirectoryBucket(folder, _BASE, _SECRET, FakeClock()), lambda: shutil.rmtree(folder)


TestDirectoryBucketAsADict = bucket_machine(_temporary_bucket).TestCase
