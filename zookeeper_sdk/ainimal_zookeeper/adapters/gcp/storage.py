"""The bucket of the cloud zoo: Cloud Storage."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any, BinaryIO
from urllib.parse import parse_qs, quote, urlsplit

from google.api_core import exceptions
from google.auth.credentials import Signing
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY

from ainimal_zookeeper.domain.errors import Conflict, DataCorrupt, InvalidInput, NotFound
from ainimal_zookeeper.ports.bucket import ObjectInfo, Share, SignedUrl

from .failures import PATIENCE_S, translated
from .storage_links import link_signer
from .storage_shares import token_for

_CHUNK = 1 << 20
_IN_MEMORY = 8 << 20
_MAX_NAME_BYTES = 1024
_LONGEST_LINK_S = 7 * 24 * 3600.0
_SHA256 = "sha256"
_FACTS = "items(name,size,generation,metadata,contentType),nextPageToken"
_TIMEOUT_S = 60.0  # without a byte


class StorageBucket:
    """A `Bucket` in the bucket `bucket`.

    `sha256` is kept as metadata of the object; Cloud Storage checks the bytes of uploads by CRC32C. Links are signed
    by `signer`, or by the zoo's own credentials, for which IAM signs where they have no private key.
    """

    def __init__(
        self,
        bucket: str,
        *,
        project: str | None = None,
        signer: Signing | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._name = f"the bucket {bucket}"
        self._call: dict[str, Any] = {"retry": DEFAULT_RETRY.with_timeout(patience_s), "timeout": _TIMEOUT_S}
        with translated(self._name):
            self._client = storage.Client(project=project)
        self._bucket = self._client.bucket(bucket)
        if signer is not None:
            self._signer = signer

    def put(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        blob = self._blob(name)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            size, sha256 = _copy(data, file)
            file.seek(0)
            blob.metadata = {_SHA256: sha256}
            with self._translated(name, if_generation, creates=True):
                blob.upload_from_file(
                    file,
                    size=size,
                    content_type=content_type,
                    if_generation_match=if_generation,
                    checksum="crc32c",
                    **self._call,
                )
        return ObjectInfo(name, size, blob.generation, sha256, content_type)

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        blob = self._blob(name)
        if start < 0:
            raise InvalidInput(f"start is {start}; it must be at least 0", ("start",))
        if end is not None and end <= start:
            self._check_start(name, start)
            if end < start:
                raise InvalidInput(f"end is {end}, before start {start}", ("end",))
            return b""
        try:
            with self._translated(name):
                content: bytes = blob.download_as_bytes(
                    start=start or None, end=None if end is None else end - 1, **self._call
                )
        except _Unsatisfiable:
            self._check_start(name, start)
            return b""
        return content

    def info(self, name: str) -> ObjectInfo | None:
        self._blob(name)
        with self._translated(name):
            blob = self._bucket.get_blob(name, **self._call)
        return None if blob is None else _info(blob)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        if "/" in prefix:
            _check_name(prefix.rpartition("/")[0])
        with translated(self._name):
            for blob in self._client.list_blobs(self._bucket, prefix=prefix, fields=_FACTS, **self._call):
                yield _info(blob)

    def delete(self, name: str, *, if_generation: int | None = None) -> None:
        blob = self._blob(name)
        with self._translated(name, if_generation):
            blob.delete(if_generation_match=if_generation, **self._call)

    def sign_get(self, name: str, expires_s: float = 900) -> SignedUrl:
        return self._sign("GET", name, expires_s, {})

    def sign_put(self, name: str, size_bytes: int, expires_s: float = 900) -> SignedUrl:
        if size_bytes < 0:
            raise InvalidInput(f"sizeBytes is {size_bytes}; it must be at least 0", ("sizeBytes",))
        conditions = {
            "x-goog-if-generation-match": "0",
            "x-goog-content-length-range": f"{size_bytes},{size_bytes}",
        }
        return self._sign("PUT", name, expires_s, conditions)

    def share(self, prefix: str, lifetime_s: float = 3600) -> Share:
        """The token lives as long as Google lets it, and may be shorter than asked for; an emulator needs none."""
        if not prefix.endswith("/"):
            raise InvalidInput(f"prefix is {prefix!r}; it must end with /", ("prefix",))
        _check_name(prefix.removesuffix("/"))
        base_url = f"{self._client._connection.API_BASE_URL.rstrip('/')}/{self._bucket.name}/{quote(prefix)}"
        with translated(f"a share of {self._name}"):
            token, ends_at = token_for(self._client._credentials, self._bucket.name, prefix)
        latest = datetime.now(timezone.utc) + timedelta(seconds=lifetime_s)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return Share(base_url, latest if ends_at is None else min(latest, ends_at), headers)

    def close(self) -> None:
        self._client.close()

    @cached_property
    def _signer(self) -> Signing:
        return link_signer(self._client._credentials)

    def _sign(self, method: str, name: str, expires_s: float, headers: dict[str, str]) -> SignedUrl:
        blob = self._blob(name)
        if not 1 <= expires_s <= _LONGEST_LINK_S:
            raise InvalidInput(f"expires_s is {expires_s:g}; a link lives 1 to {_LONGEST_LINK_S:g} seconds")
        with translated(f"the signature of a link into {self._name}"):
            url: str = blob.generate_signed_url(
                version="v4",
                method=method,
                expiration=timedelta(seconds=int(expires_s)),
                headers=dict(headers),
                credentials=self._signer,
            )
        signed = parse_qs(urlsplit(url).query)
        signed_at = datetime.strptime(signed["X-Goog-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        return SignedUrl(url, signed_at + timedelta(seconds=int(signed["X-Goog-Expires"][0])), headers)

    def _blob(self, name: str) -> storage.Blob:
        """Raises: InvalidInput for a name that breaks the rules."""
        _check_name(name)
        return self._bucket.blob(name)

    def _check_start(self, name: str, start: int) -> None:
        info = self.info(name)
        if info is None:
            raise NotFound(f"object {name} does not exist")
        if start > info.size_bytes:
            raise InvalidInput(f"start is {start}; object {name} has {info.size_bytes} bytes", ("start",))

    @contextmanager
    def _translated(self, name: str, if_generation: int | None = None, *, creates: bool = False) -> Iterator[None]:
        with translated(self._name):
            try:
                yield
            except exceptions.NotFound as error:
                if creates:  # then it is the bucket that does not exist
                    raise
                raise NotFound(f"object {name} does not exist in {self._name}") from error
            except exceptions.PreconditionFailed as error:
                raise Conflict(
                    f"object {name} is not at generation {if_generation}"
                    if if_generation
                    else f"object {name} exists already"
                ) from error
            except exceptions.RequestRangeNotSatisfiable as error:
                raise _Unsatisfiable from error
            except DataCorruption as error:
                raise DataCorrupt(f"object {name} in {self._name} came with another checksum; try again") from error


class _Unsatisfiable(Exception):
    """The range begins at the object's end or behind it."""


def _copy(data: bytes | BinaryIO, file: Any) -> tuple[int, str]:
    """Writes `data` to `file`. Returns its size and SHA-256, which are to be known before the first byte is sent."""
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    size, digest = 0, hashlib.sha256()
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        digest.update(chunk)
        file.write(chunk)
    return size, digest.hexdigest()


def _info(blob: storage.Blob) -> ObjectInfo:
    return ObjectInfo(
        blob.name,
        blob.size,
        blob.generation,
        (blob.metadata or {}).get(_SHA256, ""),
        blob.content_type or "application/octet-stream",
    )


def _check_name(name: str) -> None:
    try:
        fits = len(name.encode()) <= _MAX_NAME_BYTES
    except UnicodeEncodeError:
        fits = False
    if (
        not fits
        or any(part in {"", ".", ".."} for part in name.split("/"))
        or any(c < " " or c in "\\\x7f" for c in name)
    ):
        raise InvalidInput(
            f"object name {name[:80]!r}: parts between / must not be empty, '.' or '..', nor hold a backslash or "
            f"control character, and have at most {_MAX_NAME_BYTES} bytes together",
            ("name",),
        )
