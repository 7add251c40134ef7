"""Cloud Storage as the bucket, on fake-gcs-server: the suite, and what only Cloud Storage can do wrong."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from ainimal_zookeeper.adapters.gcp.storage import StorageBucket
from ainimal_zookeeper.adapters.gcp.storage_buckets import make_bucket
from ainimal_zookeeper.adapters.gcp.storage_links import link_signer
from ainimal_zookeeper.adapters.gcp.storage_shares import token_for
from ainimal_zookeeper.domain.errors import Conflict, DataCorrupt, InvalidInput, Transient
from ainimal_zookeeper.ports.bucket import Share, SignedUrl
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core.exceptions import PreconditionFailed
from google.auth import credentials
from google.auth.crypt import RSASigner
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.oauth2 import service_account
from hypothesis import HealthCheck, settings
from urllib3 import HTTPResponse

from tests.conformance.bucket_suite import BucketTests, bucket_machine
from tests.emulators.links import refusal
from tests.emulators.processes import free_address

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

    def read(self, share: Share, rest: str) -> tuple[int, bytes]:
        asked = urllib.request.Request(share.base_url + quote(rest), headers=dict(share.headers))  # noqa: S310
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
    GUARDS_SHARES = False

    def test_delete_names_the_generation(self, place: BucketPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        """Cloud Storage is asked to delete that generation only, and its refusal is a conflict."""
        bucket = place.open()
        bucket.put("a", b"1")
        asked: list[object] = []

        def refuse(_: object, **named: object) -> None:
            asked.append(named["if_generation_match"])
            raise PreconditionFailed("conditionNotMet")

        monkeypatch.setattr(storage.Blob, "delete", refuse)
        with pytest.raises(Conflict, match="object a is not at generation 7"):
            bucket.delete("a", if_generation=7)
        assert asked == [7]

    def test_keeps_the_hash_with_the_object(self, place: BucketPlace) -> None:
        """Whoever lists the bucket sees the SHA-256, and Cloud Storage has checked the bytes by CRC32C."""
        info = place.open().put("a", io.BytesIO(b"hello"))
        blob = place.raw.bucket(place.name).get_blob("a")
        assert blob.metadata == {"sha256": info.sha256} == {"sha256": hashlib.sha256(b"hello").hexdigest()}
        assert blob.crc32c == "mnG7TA=="

    def test_object_that_came_by_a_link(self, place: BucketPlace) -> None:
        """It is there with its size; nobody has computed its SHA-256."""
        bucket = place.open()
        assert place.request("PUT", bucket.sign_put("runs/a", 5), b"hello")[0] == 200
        info = bucket.info("runs/a")
        assert info is not None
        assert (info.size_bytes, info.sha256) == (5, "")
        assert list(bucket.list("runs/")) == [info]

    def test_link_to_create_names_its_conditions(self, place: BucketPlace) -> None:
        """The holder must send the signed conditions: only if absent, and exactly that many bytes."""
        link = place.open().sign_put("runs/a", 5, expires_s=60)
        assert dict(link.headers) == {"x-goog-if-generation-match": "0", "x-goog-content-length-range": "5,5"}
        query = parse_qs(urlsplit(link.url).query)
        assert query["X-Goog-SignedHeaders"] == ["host;x-goog-content-length-range;x-goog-if-generation-match"]
        assert query["X-Goog-Expires"] == ["60"]
        without = SignedUrl(link.url, link.expires_at, {})
        assert place.request("PUT", without, b"hello")[0] == 403
        for name, other in [("x-goog-if-generation-match", "1"), ("x-goog-content-length-range", "0,9")]:
            bent = SignedUrl(link.url, link.expires_at, {**link.headers, name: other})
            assert place.request("PUT", bent, b"hello")[0] == 403

    @pytest.mark.parametrize("expires_s", [0, -1, 7 * 24 * 3600 + 1])
    def test_refuses_links_that_live_too_long(self, place: BucketPlace, expires_s: float) -> None:
        """A link lives at least a second and at most a week."""
        with pytest.raises(InvalidInput, match="expires_s"):
            place.open().sign_get("a", expires_s)

    def test_absent_bucket_is_named(self) -> None:
        """A bucket that nobody has made is told with what to do."""
        bucket = StorageBucket("ghost", project="tests")
        for use in (lambda: bucket.put("a", b""), lambda: list(bucket.list())):
            with pytest.raises(Transient, match=r"the bucket ghost does not exist .*; create it"):
                use()
        bucket.close()

    def test_big_objects_are_sent_in_parts(self, place: BucketPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is sent in parts asks for its precondition, which the emulator heeds only where all is sent at once."""
        bucket = place.open()
        session, urls = bucket._client._http, []
        request = session.request

        def record(method: str, url: str, **named: object) -> object:
            urls.append(url)
            return request(method, url, **named)

        monkeypatch.setattr(session, "request", record)
        data = bytes(range(256)) * 40_000
        info = bucket.put("a", io.BytesIO(data), if_generation=0)
        assert "uploadType=resumable" in urls[0]
        assert "ifGenerationMatch=0" in urls[0]
        assert bucket.info("a") == info
        assert bucket.get("a", 10_000_000, 10_000_003) == data[10_000_000:10_000_003]

    def test_bytes_that_changed_on_their_way_here_are_refused(
        self, place: BucketPlace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is read is compared with the checksum that Cloud Storage sends with it."""
        bucket = place.open()
        bucket.put("a", b"hello")
        _bend(monkeypatch, bucket._client._http, "GET", b"hello", b"hallo")
        with pytest.raises(DataCorrupt, match=r"object a in .* came with another checksum; try again"):
            bucket.get("a")

    def test_bytes_that_changed_on_their_way_there_are_not_kept(
        self, place: BucketPlace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The checksum is sent with them, and Cloud Storage refuses what does not fit."""
        bucket = place.open()
        sent: list[bytes] = []
        _bend(monkeypatch, bucket._client._http, "POST", b"hello", b"hallo", sent)
        with suppress(DataCorrupt, Transient):  # the emulator takes them all the same
            bucket.put("a", b"hello")
        (body,) = sent
        assert b'"crc32c": "mnG7TA=="' in body
        assert b"hallo" in body


def _bend(
    monkeypatch: pytest.MonkeyPatch,
    session: Any,
    method: str,
    before: bytes,
    after: bytes,
    sent: list[bytes] | None = None,
) -> None:
    """Changes bytes on the wire of `session`, in the bodies of requests or in those of answers."""
    request = session.request

    def bent(verb: str, url: str, **named: Any) -> Any:
        data = named.get("data")
        if verb == method and isinstance(data, bytes):
            named["data"] = data.replace(before, after)
            if sent is not None:
                sent.append(named["data"])
        answer = request(verb, url, **named)
        if verb == method and method == "GET":
            body = io.BytesIO(answer.raw.read().replace(before, after))
            answer.raw = HTTPResponse(body, answer.raw.headers, answer.status_code, preload_content=False)
        return answer

    monkeypatch.setattr(session, "request", bent)


def test_service_that_is_away_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers, every use says so and names the bucket; so does who makes it."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{free_address()}")
    bucket = StorageBucket("away", project="tests", patience_s=0.2)
    for use in (lambda: bucket.put("a", b""), lambda: bucket.get("a"), lambda: bucket.info("a")):
        with pytest.raises(Transient, match="the bucket away cannot be used now"):
            use()
    bucket.close()
    with pytest.raises(Transient, match="the bucket away cannot be used now"):
        make_bucket("away", "tests", patience_s=0.2)


class Metadata(credentials.Credentials, credentials.Scoped):  # type: ignore[misc]
    """Credentials as Cloud Run has them: no key, and a name only after a refresh."""

    service_account_email: str | None = None

    def __init__(self, account: str | None = "zoo@tests.invalid", scopes: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.account = account
        self.given = scopes

    @property
    def requires_scopes(self) -> bool:
        return True

    def with_scopes(self, scopes: Sequence[str], default_scopes: object = None) -> Metadata:
        return Metadata(self.account, tuple(scopes))

    def refresh(self, request: object) -> None:
        self.token, self.service_account_email = f"token for {self.given}", self.account


class IamApi:
    """Google's API that signs, as google-auth's transport."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[tuple[str, str]] = []

    def __call__(self, url: str, method: str, body: bytes, headers: dict[str, str], **_: object) -> IamApi:
        self.asked.append((url, headers["authorization"]))
        signature = RSASigner(private_key()).sign(base64.b64decode(json.loads(body)["payload"]))
        self.headers: dict[str, str] = {}
        self.data = json.dumps({"keyId": "1", "signedBlob": base64.b64encode(signature).decode()}).encode()
        return self


def test_iam_signs_where_there_is_no_key(place: BucketPlace) -> None:
    """On Cloud Run a link is signed by the API, in the name of the function's own account."""
    api = IamApi()
    bucket = StorageBucket(place.name, project="tests", signer=link_signer(Metadata(), api))
    bucket.put("a", b"hello")
    link = bucket.sign_get("a")
    assert place.request("GET", link) == (200, b"hello")
    ((url, authorization),) = api.asked
    assert url.endswith("/serviceAccounts/zoo@tests.invalid:signBlob")
    assert "cloud-platform" in authorization
    assert "zoo%40tests.invalid" in link.url
    bucket.close()


@pytest.mark.parametrize("status", [403, 429, 503])
def test_iam_that_does_not_sign_is_transient(place: BucketPlace, status: int) -> None:
    """The role that is missing, or the quota, can be given: the same link works then."""
    api = IamApi(status)
    bucket = StorageBucket(place.name, project="tests", signer=link_signer(Metadata(), api))
    with pytest.raises(Transient, match="the signature of a link into the bucket"):
        bucket.sign_put("a", 5)
    assert api.asked
    bucket.close()


def test_credentials_that_cannot_sign_are_refused() -> None:
    """A person's own credentials have no account to sign in the name of; the way out is told."""
    with pytest.raises(GoogleAuthError, match="impersonate"):
        link_signer(Metadata(account=None), IamApi())


def test_credentials_with_a_key_sign_themselves() -> None:
    """A service account's key needs no API."""
    own = service_account.Credentials(RSASigner(private_key()), "tests@zoo.invalid", "https://zoo.invalid")
    assert link_signer(own) is own


def test_emulator_needs_no_credentials(place: BucketPlace) -> None:
    """Without any credentials, as on an emulator, links are signed by a key of the process's own."""
    bucket = StorageBucket(place.name, project="tests")
    bucket.put("a", b"hello")
    with urllib.request.urlopen(bucket.sign_get("a").url, timeout=10) as answer:  # noqa: S310
        assert answer.read() == b"hello"
    bucket.close()


class TokenExchange:
    """Google's service that narrows tokens, as google-auth's transport."""

    def __init__(self) -> None:
        self.asked: dict[str, list[str]] = {}

    def __call__(self, url: str, method: str, body: bytes, headers: dict[str, str], **_: object) -> TokenExchange:
        assert url == "https://sts.googleapis.com/v1/token"
        self.asked = parse_qs(body.decode())
        self.status = 200
        self.headers: dict[str, str] = {}
        self.data = json.dumps({"access_token": "narrow", "expires_in": 1800}).encode()
        return self


def test_share_is_a_token_that_reads_below_the_prefix_alone() -> None:
    """On Google Cloud the zoo's own token is narrowed to reading, and to names that begin with the prefix."""
    exchange = TokenExchange()
    token, ends_at = token_for(Metadata(), "zoo", "runs/it's/", exchange)
    assert token == "narrow"
    assert ends_at is not None
    assert timedelta(minutes=25) < ends_at - datetime.now(timezone.utc) <= timedelta(minutes=30)
    assert "cloud-platform" in exchange.asked["subject_token"][0]
    (rule,) = json.loads(unquote(exchange.asked["options"][0]))["accessBoundary"]["accessBoundaryRules"]
    assert rule["availablePermissions"] == ["inRole:roles/storage.objectViewer"]
    assert rule["availableResource"].endswith("/buckets/zoo")
    assert rule["availabilityCondition"]["expression"] == (
        "resource.name.startsWith('projects/_/buckets/zoo/objects/runs/it\\'s/')"
    )


def _temporary_bucket() -> tuple[StorageBucket, Callable[[], None]]:
    place = BucketPlace()
    return place.open(), place.close


TestStorageBucketAsADict = bucket_machine(_temporary_bucket, checks_deletes=False).TestCase
TestStorageBucketAsADict.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
