"""Uploading: a file on this computer becomes a model of a zoo."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from ainimal_zookeeper.domain.addresses import is_loopback
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound

from . import documents
from .endpoint import Endpoint
from .refusals import raise_user_errors

_CHUNK = 1 << 20
_CHECKING_S = 300.0  # the zoo reads the whole file, where nobody has computed its hash


def add_model(endpoint: Endpoint, file: Path, name: str | None, command_id: str | None) -> str:
    """Uploads a pickle or a zip and makes a model of it; nothing in it runs here. Returns the model's id.

    name: what to call it; None: as the file. Raises: NotFound for no such file; InvalidInput; LimitReached;
    AlreadyExists for a name that is taken; DataCorrupt for a file that changed meanwhile; Transient.
    """
    if not file.is_file():
        raise NotFound(f"there is no file {file}; give a .pkl, a .pickle or a .zip")
    size = file.stat().st_size
    if size == 0:
        raise InvalidInput(f"{file} is empty", ("file",))
    given = {"filename": file.name, "sizeBytes": float(size), "sha256": _sha256(file)}
    ticket = endpoint.ask(documents.UPLOAD, input=given)["uploadCreate"]
    raise_user_errors(ticket)
    endpoint.put(_address(ticket["url"], endpoint.url), ticket["headers"] or {}, file)
    wanted = {"name": name or file.stem, "uploadId": ticket["uploadId"], "commandId": command_id}
    made = endpoint.ask(
        documents.MODEL_CREATE,
        patience_s=_CHECKING_S,
        input={key: value for key, value in wanted.items() if value is not None},
    )["modelCreate"]
    raise_user_errors(made)
    created: str = made["model"]["id"]
    return created


def _address(link: str, zoo: str) -> str:
    """Returns a link into the zoo's own bucket by the address at which the zoo was reached: from elsewhere, loopback is
    another computer."""
    parts = urlsplit(link)
    if not parts.path.startswith("/bucket/") or not is_loopback(parts.hostname or ""):
        return link
    return f"{zoo}{parts.path}?{parts.query}"


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
