"""Cloud Storage as the bucket, on fake-gcs-server: the suite, and what only Cloud Storage can do wrong."""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import cache
from urllib.parse import unquote

import pytest
from ainimal_zookeeper.adapters.gcp.storage import StorageBucket
from ainimal_zookeeper.ports.bucket import SignedUrl
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.crypt import RSASigner
from google.cloud import storage
from google.oauth2 import service_account
from hypothesis import HealthCheck, settings

from tests.conformance.bucket_suite import BucketTests, bucket_machine
from tests.emulators.links import refusal

pytestmark = pytest.mark.emulators


@pytest.fixture(scope="module", autouse=True)
def emulator(storage_emulator: None) -> None:
    """All tests of the module need it, the state machine too."""


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class BucketPlace:
    """A bucket that nobody else has."""

    def __init__(self) -> None:
        self.name = f"zoo-{uuid.uuid4().hex[:12]}"
        self.raw = storage.Client(project="tests")
        self.raw.create_bucket(self.name)
        self.opened: list[StorageBucket] = []
        self.now = datetime.now(timezone.utc)

    def open(self) -> StorageBucket:
        signer = service_account.Credentials(RSASigner(private_key()), "tests@zoo.invalid", "https://zoo.invalid")
        self.opened.append(StorageBucket(self.name, project="tests", signer=signer))
        return self.opened[-1]

    def raw_read(self, name: str) -> bytes | None:
        blob = self.raw.bucket(self.name).get_blob(name)
        return None if blob is None else bytes(blob.download_as_bytes())

    def request(self, method: str, link: SignedUrl, body: bytes = b"") -> tuple[int, bytes]:
        name = unquote(link.url.partition(f"/{self.name}/")[2].partition("?")[0])
        refused = refusal(
            method,
            link.url,
            link.headers,
            body,
            exists=self.raw_read(name) is not None,
            key=private_key().public_key(),
            now=self.now,
        )
        if refused is not None:
            return refused, b""
        asked = urllib.request.Request(  # noqa: S310
            link.url, data=body if method == "PUT" else None, headers=dict(link.headers), method=method
        )
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def expire(self, link: SignedUrl) -> SignedUrl:
        self.now = link.expires_at
        return link

    def close(self) -> None:
        for bucket in self.opened:
            bucket.close()
        self.raw.close()


@pytest.fixture
def place(emulator: None) -> Iterator[BucketPlace]:
    place = BucketPlace()
    yield place
    place.close()


class TestStorageBucket(BucketTests):
    CHECKS_DELETES = False  # the emulator's, not Cloud Storage's


def _temporary_bucket() -> tuple[StorageBucket, Callable[[], None]]:
    place = BucketPlace()
    return place.open(), place.close


TestStorageBucketAsADict = bucket_machine(_temporary_bucket, checks_deletes=False).TestCase
TestStorageBucketAsADict.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
