"""Signed links as Cloud Storage checks them: fake-gcs-server takes any, and looks at no signed header."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, quote, urlsplit

from google.auth.crypt import RSAVerifier


def refusal(
    method: str, url: str, headers: Mapping[str, str], body: bytes, *, exists: bool, key: object, now: datetime
) -> int | None:
    """Returns the status with which Cloud Storage refuses a V4 link's request; None when it lets it through.

    exists: whether there is an object of the link's name already. key: the signer's public key.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    sent = {name.lower(): value for name, value in headers.items()} | {"host": parts.netloc}
    signature = query.pop("X-Goog-Signature", "")
    signed = query["X-Goog-SignedHeaders"].split(";")
    if not set(signed) <= sent.keys():
        return 403
    # https://cloud.google.com/storage/docs/authentication/canonical-requests
    request = "\n".join(
        (
            method,
            parts.path,
            "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items())),
            *(f"{name}:{sent[name]}" for name in signed),
            "",
            ";".join(signed),
            "UNSIGNED-PAYLOAD",
        )
    )
    scope = query["X-Goog-Credential"].partition("/")[2]
    text = "\n".join(
        (query["X-Goog-Algorithm"], query["X-Goog-Date"], scope, hashlib.sha256(request.encode()).hexdigest())
    )
    if not RSAVerifier(key).verify(text.encode(), bytes.fromhex(signature)):
        return 403
    signed_at = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    if now >= signed_at + timedelta(seconds=int(query["X-Goog-Expires"])):
        return 403
    if method == "PUT":
        least, _, most = sent["x-goog-content-length-range"].partition(",")
        if not int(least) <= len(body) <= int(most):
            return 400
        if sent["x-goog-if-generation-match"] == "0" and exists:
            return 412
    return None
