"""What every bucket does. A binding gives the fixture `place`, where buckets are opened and read raw."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Protocol

import pytest
from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, NotFound
from ainimal_zookeeper.ports.bucket import Bucket, ObjectInfo, Share, SignedUrl
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.conformance.deadline import run_all


class BucketPlace(Protocol):
    """Where the objects of one test lie."""

    def open(self) -> Bucket:
        """Returns an adapter on this place's objects."""
        ...

    def raw_read(self, name: str) -> bytes | None: ...

    def request(self, method: str, link: SignedUrl, body: bytes = b"") -> tuple[int, bytes]:
        """Uses a link as its holder would; returns status (200, 403, 409 or 412, ...) and body."""
        ...

    def read(self, share: Share, rest: str) -> tuple[int, bytes]:
        """Reads what is called `rest` below the prefix of a share, as its holder would; returns status and body."""
        ...

    def expire(self, link: SignedUrl) -> SignedUrl | None:
        """Returns the link once it has expired; None where time cannot be moved."""
        ...


class BucketTests:
    """Bind it by a subclass, in a module with a fixture `place`."""

    CHECKS_DELETES: ClassVar[bool] = True  # whether a delete heeds the generation that was named
    GUARDS_SHARES: ClassVar[bool] = True  # whether what is not shared is refused

    @pytest.fixture
    def bucket(self, place: BucketPlace) -> Bucket:
        return place.open()

    def test_returns_what_was_put(self, bucket: Bucket, place: BucketPlace) -> None:
        """An object comes back with its size, hash and content type, and lies in the place as it was given."""
        info = bucket.put("runs/a/1.bin", b"hello", content_type="text/plain; charset=utf-8")
        assert info == ObjectInfo(
            "runs/a/1.bin", 5, info.generation, hashlib.sha256(b"hello").hexdigest(), "text/plain; charset=utf-8"
        )
        assert info.generation > 0
        assert bucket.info("runs/a/1.bin") == place.open().info("runs/a/1.bin") == info
        assert bucket.get("runs/a/1.bin") == place.raw_read("runs/a/1.bin") == b"hello"

    def test_takes_a_file(self, bucket: Bucket) -> None:
        """Data may come from a file of any size, also an empty one."""
        data = bytes(range(256)) * 10_000
        assert bucket.put("big", io.BytesIO(data)).size_bytes == len(data)
        assert bucket.get("big") == data
        assert bucket.put("empty", io.BytesIO()).size_bytes == 0
        assert bucket.get("empty") == b""

    def test_reads_ranges(self, bucket: Bucket) -> None:
        """A range is half open and ends at the object's end at the latest; behind the end is an error."""
        bucket.put("a", b"0123456789")
        assert bucket.get("a", 2, 5) == b"234"
        assert bucket.get("a", 7) == b"789"
        assert bucket.get("a", 7, 99) == b"789"
        assert bucket.get("a", 10) == b""
        for start, end in [(11, None), (-1, None), (5, 4)]:
            with pytest.raises(InvalidInput):
                bucket.get("a", start, end)

    def test_absent_objects(self, bucket: Bucket) -> None:
        """What is not there has no info and cannot be read or deleted."""
        assert bucket.info("a") is None
        with pytest.raises(NotFound, match="a"):
            bucket.get("a")
        with pytest.raises(NotFound, match="a"):
            bucket.delete("a")

    def test_preconditions(self, bucket: Bucket) -> None:
        """A write or delete happens only over the generation that was named; 0 means absent."""
        first = bucket.put("a", b"1", if_generation=0)
        with pytest.raises(Conflict, match="exists"):
            bucket.put("a", b"2", if_generation=0)
        second = bucket.put("a", b"2", if_generation=first.generation)
        assert second.generation > first.generation
        with pytest.raises(Conflict):
            bucket.put("a", b"3", if_generation=first.generation)
        if self.CHECKS_DELETES:
            with pytest.raises(Conflict):
                bucket.delete("a", if_generation=first.generation)
        assert bucket.get("a") == b"2"
        bucket.delete("a", if_generation=second.generation)
        assert bucket.info("a") is None
        with pytest.raises(Conflict):
            bucket.put("a", b"4", if_generation=second.generation)
        assert bucket.put("a", b"4", if_generation=0).generation > second.generation

    def test_lists_in_the_order_of_names(self, bucket: Bucket) -> None:
        """Listing yields the objects below a prefix, which may end within a name."""
        names = ["a", "a/b", "a/b/c", "a-b", "ab", "b/a", "b/a.txt", "\u00e4/x"]
        infos = {name: bucket.put(name, name.encode()) for name in names}
        assert list(bucket.list()) == [infos[name] for name in sorted(names)]
        assert [info.name for info in bucket.list("a/")] == ["a/b", "a/b/c"]
        assert [info.name for info in bucket.list("a")] == ["a", "a-b", "a/b", "a/b/c", "ab"]
        assert [info.name for info in bucket.list("b/a.")] == ["b/a.txt"]
        assert list(bucket.list("nothing/here")) == []
        bucket.delete("a/b")
        assert [info.name for info in bucket.list("a/")] == ["a/b/c"]

    @pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\x00b", "a\nb", "x" * 1100])
    def test_refuses_bad_names(self, bucket: Bucket, name: str) -> None:
        """A name can neither leave the bucket nor be ambiguous, however it is used."""
        uses: list[Callable[[], object]] = [
            lambda: bucket.put(name, b""),
            lambda: bucket.get(name),
            lambda: bucket.info(name),
            lambda: bucket.delete(name),
            lambda: bucket.sign_get(name),
            lambda: bucket.sign_put(name, 1),
        ]
        for use in uses:
            with pytest.raises(InvalidInput):
                use()

    def test_listing_stays_inside(self, bucket: Bucket) -> None:
        """A prefix cannot lead out of the bucket."""
        for prefix in ("../", "/etc/", "a/../../", "//"):
            with pytest.raises(InvalidInput):
                list(bucket.list(prefix))

    def test_one_of_many_creators_wins(self, place: BucketPlace) -> None:
        """Of writers that all want to create an object, or to replace the same generation, one succeeds."""
        for _ in range(5):
            current = place.open().info("a")
            generation = 0 if current is None else current.generation
            outcomes: list[bytes | None] = []
            start = threading.Barrier(6)

            def write(data: bytes, generation: int = generation, start: threading.Barrier = start) -> None:
                bucket = place.open()
                start.wait()
                try:
                    bucket.put("a", data, if_generation=generation)
                    outcomes.append(data)  # noqa: B023 - all threads of a round end before the next begins
                except Conflict:
                    outcomes.append(None)  # noqa: B023

            run_all([threading.Thread(target=write, args=(bytes([n]) * 50_000,)) for n in range(6)])
            winners = [data for data in outcomes if data is not None]
            assert len(outcomes) == 6
            assert winners == [place.open().get("a")]

    def test_readers_see_old_or_new(self, place: BucketPlace) -> None:
        """While an object is replaced, a reader gets one version whole and never finds it absent."""
        versions = [bytes([n]) * 200_000 for n in range(30)]
        place.open().put("a", versions[0])
        done, seen = threading.Event(), []

        def read() -> None:
            bucket = place.open()
            while not done.is_set():
                seen.append(bucket.get("a"))
                assert bucket.info("a") is not None

        def write() -> None:
            bucket = place.open()
            for data in versions:
                bucket.put("a", data)
            done.set()

        run_all([threading.Thread(target=read), threading.Thread(target=read), threading.Thread(target=write)])
        assert set(seen) <= set(versions)
        assert place.open().get("a") == versions[-1]

    def test_failing_source_leaves_the_old_object(self, bucket: Bucket) -> None:
        """When reading the data fails in the middle, nothing has changed."""

        class Broken(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                chunk = super().read(size)
                if not chunk:
                    raise LookupError("source")
                return chunk

        bucket.put("a", b"old")
        with pytest.raises(LookupError):
            bucket.put("a", Broken(b"x" * 3_000_000))
        assert bucket.get("a") == b"old"
        assert [info.name for info in bucket.list()] == ["a"]

    # --- links -------------------------------------------------------------------------------------------------------

    def test_link_reads(self, bucket: Bucket, place: BucketPlace) -> None:
        """A link to read gives the object to whoever holds it, and allows nothing else."""
        bucket.put("runs/a b/\u00e4%1.bin", b"hello")
        link = bucket.sign_get("runs/a b/\u00e4%1.bin")
        assert place.request("GET", link) == (200, b"hello")
        assert place.request("PUT", link, b"other")[0] == 403
        assert bucket.get("runs/a b/\u00e4%1.bin") == b"hello"

    def test_link_creates_once(self, bucket: Bucket, place: BucketPlace) -> None:
        """A link to create takes exactly the announced bytes, once, and never replaces an object."""
        link = bucket.sign_put("runs/a", 5)
        assert place.request("GET", link)[0] == 403
        assert place.request("PUT", link, b"too long")[0] in {400, 403}
        assert place.request("PUT", link, b"none")[0] in {400, 403}
        assert bucket.info("runs/a") is None
        assert place.request("PUT", link, b"hello")[0] == 200
        assert place.request("PUT", link, b"other")[0] in {409, 412}
        assert bucket.get("runs/a") == b"hello"

    def test_link_cannot_be_bent(self, bucket: Bucket, place: BucketPlace) -> None:
        """A link changed to another object or another size is worth nothing."""
        bucket.put("mine", b"1")
        bucket.put("other", b"2")
        link = bucket.sign_get("mine")
        bent = SignedUrl(link.url.replace("/mine?", "/other?"), link.expires_at, link.headers)
        assert place.request("GET", bent)[0] == 403

    def test_link_expires(self, bucket: Bucket, place: BucketPlace) -> None:
        """A link is refused after its time."""
        bucket.put("a", b"1")
        link = bucket.sign_get("a", expires_s=60)
        assert isinstance(link.expires_at, datetime)
        expired = place.expire(link)
        if expired is not None:
            assert place.request("GET", expired)[0] == 403

    def test_share_reads_below_its_prefix(self, bucket: Bucket, place: BucketPlace) -> None:
        """Who holds a share reads each object below the prefix, also one that comes later, and no other."""
        for name in ("runs/a b/1.bin", "runs/a bc/1.bin", "runs/other/1.bin"):
            bucket.put(name, name.encode())
        share = bucket.share("runs/a b/", lifetime_s=60)
        bucket.put("runs/a b/sub/\u00e4.bin", b"later")
        assert share.base_url.endswith("/")
        assert place.read(share, "1.bin") == (200, b"runs/a b/1.bin")
        assert place.read(share, "sub/\u00e4.bin") == (200, b"later")
        assert place.read(share, "2.bin")[0] == 404
        if self.GUARDS_SHARES:
            assert place.read(replace(share, base_url=share.base_url.replace("a%20b/", "a%20bc/")), "1.bin")[0] == 403
            assert place.read(replace(share, base_url=share.base_url.replace("a%20b/", "other/")), "1.bin")[0] == 403
            assert place.read(replace(share, headers={"Authorization": "Share 9999999999.0.runs/"}), "1.bin")[0] == 403

    @pytest.mark.parametrize("prefix", ["", "runs", "/", "../", "runs/../"])
    def test_only_folders_are_shared(self, bucket: Bucket, prefix: str) -> None:
        """What ends within a name would let in more than was meant."""
        with pytest.raises(InvalidInput):
            bucket.share(prefix)


def bucket_machine(
    make: Callable[[], tuple[Bucket, Callable[[], None]]], *, checks_deletes: bool = True
) -> type[RuleBasedStateMachine]:
    """Returns a state machine that compares a bucket with a dict; `make` returns a bucket and what removes it."""
    deletes = ["none", "current", "stale"] if checks_deletes else ["none", "current"]
    names = st.sampled_from(["a", "a/b", "a/b@", "b@/c"])

    class BucketMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.bucket, self.remove = make()
            self.model: dict[str, tuple[int, bytes]] = {}
            self.highest: dict[str, int] = {}

        def condition(self, name: str, which: str) -> tuple[int | None, bool]:
            """Returns the precondition to give and whether it holds."""
            current = self.model.get(name, (0, b""))[0]
            return {
                "none": (None, True),
                "absent": (0, current == 0),
                "current": (current, True),
                "stale": (self.highest.get(name, 0) + 1, False),
            }[which]

        @rule(name=names, data=st.binary(max_size=20), which=st.sampled_from(["none", "absent", "current", "stale"]))
        def put(self, name: str, data: bytes, which: str) -> None:
            generation, holds = self.condition(name, which)
            if not holds:
                with pytest.raises(Conflict):
                    self.bucket.put(name, data, if_generation=generation)
                return
            info = self.bucket.put(name, data, if_generation=generation)
            assert info.generation > self.highest.get(name, 0)
            self.highest[name] = info.generation
            self.model[name] = info.generation, data

        @rule(name=names, which=st.sampled_from(deletes))
        def delete(self, name: str, which: str) -> None:
            generation, holds = self.condition(name, which)
            if name in self.model and holds:
                self.bucket.delete(name, if_generation=generation)
                del self.model[name]
            else:
                with pytest.raises((Conflict, NotFound)):
                    self.bucket.delete(name, if_generation=generation)

        @rule(name=names, start=st.integers(0, 25), length=st.none() | st.integers(0, 25))
        def get(self, name: str, start: int, length: int | None) -> None:
            end = None if length is None else start + length
            if name not in self.model:
                with pytest.raises(NotFound):
                    self.bucket.get(name, start, end)
            elif start > len(self.model[name][1]):
                with pytest.raises(InvalidInput):
                    self.bucket.get(name, start, end)
            else:
                assert self.bucket.get(name, start, end) == self.model[name][1][start:end]

        @rule(prefix=st.sampled_from(["", "a", "a/", "b", "b@/"]))
        def list(self, prefix: str) -> None:
            assert [(info.name, info.generation, info.size_bytes) for info in self.bucket.list(prefix)] == [
                (name, generation, len(data))
                for name, (generation, data) in sorted(self.model.items())
                if name.startswith(prefix)
            ]

        def teardown(self) -> None:
            self.remove()

    BucketMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
    return BucketMachine
