"""Uploads: a file that somebody brings becomes a model. Nobody here looks into it: only runners and their probes do."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.access import Principal, Resource, decide
from ainimal_zookeeper.domain.documents import (
    PACKED_FILES,
    UPLOADS_PROVIDER,
    Collections,
    Document,
    ModelDoc,
    Ref,
    UploadDoc,
)
from ainimal_zookeeper.domain.errors import (
    AlreadyExists,
    DataCorrupt,
    InvalidInput,
    InvalidTransition,
    LimitReached,
    NotFound,
    PermissionDenied,
)
from ainimal_zookeeper.domain.keywords import keywords
from ainimal_zookeeper.domain.names import CAMEL, id_of
from ainimal_zookeeper.domain.queries import MODELS_BY_KEYWORD, UPLOADS_OLDEST, Page
from ainimal_zookeeper.ports.bucket import Bucket, SignedUrl
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from . import idempotency, labels
from .projection import SERVER_ID

MAX_BYTES: Final = 1 << 30
LINK_S: Final = 3600.0  # for the bytes to begin to arrive
LIFE_S: Final = 86_400.0  # until what nobody made a model of may go

_MAX_FILENAME = 200  # bytes
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_CHUNK = 8 << 20
_CLEARED_AT_ONCE = 10
_MARGIN = timedelta(hours=1)  # nobody makes a model of what is just being cleared away

Input = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where the bytes of an upload go."""

    upload_id: str
    link: SignedUrl


class Uploads:
    """Thread-safe; its functions block. `bucket` opens the bucket when it is first needed.

    All raise PermissionDenied for whoever may not bring models, and Transient.
    """

    def __init__(self, *, store: DocumentStore, bucket: Callable[[], Bucket], clock: Clock, ids: Ids) -> None:
        self._store = store
        self._bucket = bucket
        self._clock = clock
        self._ids = ids

    def create(self, principal: Principal, input: Input) -> Ticket:
        """Returns a link that takes the announced bytes once. `input` is an `UploadCreateInput`.

        Raises: InvalidInput; LimitReached for a file that is too large.
        """
        _check_allowed(principal)
        filename, size = _filename(input["filename"]), _size(input["sizeBytes"])
        upload: UploadDoc = {
            "id": (upload_id := self._ids.new("upl")),
            "filename": filename,
            "object": f"uploads/{upload_id}",
            "sizeBytes": size,
            "sha256": _sha256(input["sha256"]),
            "ownerId": principal.user_id,
            "createdAt": lifecycle.timestamp(self._clock.now()),
            "modelId": None,
        }
        self._clear_up()
        link = self._bucket().sign_put(upload["object"], size, LINK_S)
        self._store.transact(lambda transaction: transaction.put(_ref(upload_id), cast(Document, upload)))
        return Ticket(upload_id, link)

    def make(self, principal: Principal, input: Input) -> ModelDoc:
        """Makes a model of an upload that has arrived. `input` is a `ModelCreateInput`.

        Raises: NotFound for an upload that is not there, not whose it is, or too old; InvalidTransition before its
        bytes are there and after a model was made of it; DataCorrupt for other bytes than announced; AlreadyExists for
        a name that another model has; InvalidInput.
        """
        _check_allowed(principal)
        name = labels.name(input["name"])
        if name is None:
            raise InvalidInput("name is empty; say what to call the model", ("input", "name"))
        before = self._store.transact(lambda transaction: _made_before(transaction, principal, input))
        if before is not None:
            return before
        upload = self._usable(self._store.get(_ref(input["uploadId"])), principal, input["uploadId"])
        self._check_free(name)
        self._check_bytes(upload)

        def change(transaction: Transaction) -> ModelDoc:
            now = self._clock.now()
            command = idempotency.ref_of(input)
            ref = Ref(Collections.MODELS, id_of("mod", name, UPLOADS_PROVIDER, name))
            transaction.get_many([_ref(upload["id"]), ref, *([] if command is None else [command])])
            made = _made_before(transaction, principal, input)
            if made is not None:
                return made
            found = self._usable(transaction.get(_ref(upload["id"])), principal, upload["id"])
            if transaction.get(ref) is not None:
                raise _taken(name)
            model = _model(ref.id, name, found)
            transaction.put(ref, cast(Document, model))
            transaction.put(_ref(upload["id"]), {**found, "modelId": ref.id})
            idempotency.remember(transaction, input, principal, ref.id, now)
            return model

        return self._store.transact(change)

    def _usable(self, found: Document | None, principal: Principal, id: str) -> UploadDoc:
        upload = cast("UploadDoc | None", found)
        if upload is None or upload["ownerId"] != principal.user_id:
            raise NotFound(f"there is no upload {id}; ask for one with uploadCreate")
        if upload["modelId"] is not None:
            raise InvalidTransition(
                f"the upload {id} has become the model {upload['modelId']} already; upload the file again for another"
            )
        if self._clock.now() > lifecycle.moment(upload["createdAt"]) + timedelta(seconds=LIFE_S):
            raise NotFound(f"the upload {id} has expired; upload {upload['filename']} again")
        return upload

    def _check_free(self, name: str) -> None:
        """Raises: AlreadyExists when a model of that name is on offer, from wherever."""
        query, cursor = MODELS_BY_KEYWORD.bind(keyword=max(keywords(name), key=len, default="")), None
        while True:
            result = self._store.query(query, Page(100, cursor))
            if any(model["name"] == name for model in result.documents):
                raise _taken(name)
            if not result.has_next:
                return
            cursor = result.cursors[-1]

    def _check_bytes(self, upload: UploadDoc) -> None:
        """Raises: InvalidTransition before they are there; DataCorrupt when they are others, which go at once."""
        bucket, name, filename = self._bucket(), upload["object"], upload["filename"]
        info = bucket.info(name)
        if info is None:
            raise InvalidTransition(
                f"{filename} of the upload {upload['id']} has not arrived; PUT its bytes to the link, then ask again"
            )
        found = info.sha256 or _hashed(bucket, name, info.size_bytes)
        if (info.size_bytes, found) == (upload["sizeBytes"], upload["sha256"]):
            return
        with suppress(NotFound):  # its link takes no other bytes
            bucket.delete(name)
        self._store.transact(lambda transaction: transaction.delete(_ref(upload["id"])))
        raise DataCorrupt(
            f"{filename} arrived as {info.size_bytes:,} bytes with SHA-256 {found[:12]}..., announced were "
            f"{upload['sizeBytes']:,} with {upload['sha256'][:12]}...; nothing was made of it, upload it again"
        )

    def _clear_up(self) -> None:
        """Takes away some of what nobody made a model of: whoever uploads clears up after others."""
        before = lifecycle.timestamp(self._clock.now() - timedelta(seconds=LIFE_S) - _MARGIN)
        for found in self._store.query(UPLOADS_OLDEST.bind(), Page(_CLEARED_AT_ONCE)).documents:
            upload = cast(UploadDoc, found)
            if upload["createdAt"] > before:
                return
            if upload["modelId"] is None:
                with suppress(NotFound):
                    self._bucket().delete(upload["object"])
            self._store.transact(lambda transaction, gone=upload["id"]: transaction.delete(_ref(gone)))  # type: ignore[misc]


def _ref(upload_id: str) -> Ref:
    return Ref(Collections.UPLOADS, upload_id)


def _check_allowed(principal: Principal) -> None:
    if not decide(principal, "CREATE_MODEL", Resource("server", SERVER_ID)):
        raise PermissionDenied("you may not bring models to this zoo; ask its operator")


def _made_before(transaction: Transaction, principal: Principal, input: Input) -> ModelDoc | None:
    """Returns the model that the command of `input` has made."""
    made = idempotency.made_before(transaction, input, principal, "mod_")
    if made is None:
        return None
    found = transaction.get(Ref(Collections.MODELS, made))
    if found is None:
        raise NotFound(f"command {input['commandId']} made {made}, which is gone; make a new id to upload again")
    return cast(ModelDoc, found)


def _model(id: str, name: str, upload: UploadDoc) -> ModelDoc:
    of_type = cast(str, _type_of(upload["filename"]))
    return {
        "id": id,
        "name": name,
        "type": of_type,
        "source": f"{upload['filename']} (uploaded)",
        "revision": upload["sha256"][:12],
        "description": None,
        "providerId": UPLOADS_PROVIDER,
        "parameters": [],
        "findings": [],
        "defect": None,
        "keywords": keywords(name, CAMEL.sub(" ", name)),
        "specJson": json.dumps({"type": of_type, "name": name}, sort_keys=True),
        "uploaded": {
            "filename": upload["filename"],
            "object": upload["object"],
            "sizeBytes": upload["sizeBytes"],
            "sha256": upload["sha256"],
            "ownerId": upload["ownerId"],
            "createdAt": upload["createdAt"],
        },
    }


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"there is a model {name} already; give this one another name")


def _hashed(bucket: Bucket, name: str, size: int) -> str:
    """Returns the SHA-256 of an object, read piece by piece; a service that took it by a link does not know it."""
    digest = hashlib.sha256()
    for start in range(0, size, _CHUNK):
        digest.update(bucket.get(name, start, start + _CHUNK))
    return digest.hexdigest()


def _type_of(filename: str) -> str | None:
    """Returns the type of model that a file holds, by the end of its name; None for other files."""
    stem, _, end = filename.lower().rpartition(".")
    return PACKED_FILES.get(f".{end}") if stem else None


def _filename(given: str) -> str:
    """Returns a file name to show. Raises: InvalidInput for a path, what breaks lines, and other kinds of files."""
    where = ("input", "filename")
    try:
        filename = labels.line(given, "filename", where)
    except InvalidInput as error:
        raise InvalidInput(error.message, where) from None
    if not filename or len(filename.encode()) > _MAX_FILENAME or "/" in filename or "\\" in filename:
        raise InvalidInput(
            f"filename is {given!r:.250}; give the name of a file without folders, of at most {_MAX_FILENAME} bytes",
            where,
        )
    if _type_of(filename) is None:
        kinds = ", ".join(PACKED_FILES)
        raise InvalidInput(f"{filename!r} is none of {kinds}; pickle the model, or zip its folder", where)
    return filename


def _size(given: float) -> int:
    where = ("input", "sizeBytes")
    if given != int(given) or given < 1:
        raise InvalidInput(f"sizeBytes is {given:g}; it must be the file's size, at least 1", where)
    if given > MAX_BYTES:
        raise LimitReached(f"the file has {int(given):,} bytes; at most {MAX_BYTES:,} can be uploaded")
    return int(given)


def _sha256(given: str) -> str:
    if not _SHA256.match(given.lower()):
        raise InvalidInput(f"sha256 is {given!r:.80}; it must be 64 hexadecimal digits", ("input", "sha256"))
    return given.lower()
