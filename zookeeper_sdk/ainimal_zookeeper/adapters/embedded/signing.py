"""Links to objects of the embedded bucket, and shares of its prefixes: an HMAC over all that one allows."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, unquote, urlencode

from ainimal_zookeeper.domain.errors import PermissionDenied
from ainimal_zookeeper.ports.bucket import Share, SignedUrl

SHARED = "Share "  # begins the Authorization header of whoever reads below a prefix


@dataclass(frozen=True, slots=True)
class Access:
    """What a link allows: to read `name`, or, when `size_bytes` is given, to create it with that many bytes."""

    name: str
    size_bytes: int | None = None


def signed_url(base_url: str, secret: bytes, access: Access, now: datetime, expires_s: float) -> SignedUrl:
    """Returns a link below `base_url` that allows `access` until `expires_s` after `now`."""
    expires_at = now + timedelta(seconds=expires_s)
    expires = str(int(expires_at.timestamp()))
    query = {"expires": expires, "signature": _signature(secret, access, expires)}
    if access.size_bytes is not None:
        query["size"] = str(access.size_bytes)
    return SignedUrl(f"{base_url.rstrip('/')}/{quote(access.name)}?{urlencode(query)}", expires_at)


def allowed(secret: bytes, method: str, name: str, query: Mapping[str, str], now: datetime) -> Access:
    """Returns what the request of a link allows; `name` is its path below the base URL, decoded.

    Raises: PermissionDenied when the link is not ours, is for something else, or has expired.
    """
    size = query.get("size")
    expires = query.get("expires", "")
    try:
        access = Access(name, None if size is None else int(size))
        expires_at = datetime.fromtimestamp(int(expires), timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise PermissionDenied(f"the link to {name} is incomplete; ask for a new one") from None
    if not hmac.compare_digest(query.get("signature", "").encode(), _signature(secret, access, expires).encode()):
        raise PermissionDenied(f"the link to {name} is not one of this zoo's; ask for a new one")
    if method not in ({"GET", "HEAD"} if access.size_bytes is None else {"PUT"}):
        raise PermissionDenied(f"the link to {name} does not allow {method}")
    if now >= expires_at:
        raise PermissionDenied(f"the link to {name} expired at {expires_at:%Y-%m-%d %H:%M:%S} UTC; ask for a new one")
    return access


def shared(base_url: str, secret: bytes, prefix: str, now: datetime, lifetime_s: float) -> Share:
    """Returns what it takes to read below `prefix` until `lifetime_s` after `now`."""
    expires_at = now + timedelta(seconds=lifetime_s)
    expires = str(int(expires_at.timestamp()))
    token = f"{SHARED}{expires}.{_share_signature(secret, prefix, expires)}.{quote(prefix)}"
    return Share(f"{base_url.rstrip('/')}/{quote(prefix)}", expires_at, {"Authorization": token})


def readable(secret: bytes, method: str, name: str, header: str, now: datetime) -> Access:
    """Returns what a request with the header of a share allows. Raises: PermissionDenied as `allowed`."""
    expires, _, rest = header.removeprefix(SHARED).partition(".")
    signature, _, quoted = rest.partition(".")
    prefix = unquote(quoted)
    if not hmac.compare_digest(signature.encode(), _share_signature(secret, prefix, expires).encode()):
        raise PermissionDenied("the header is of no share of this zoo's; ask for access anew")
    if method not in {"GET", "HEAD"} or not name.startswith(prefix):
        raise PermissionDenied(f"the share of {prefix} does not allow to {method} {name}")
    if now >= datetime.fromtimestamp(int(expires), timezone.utc):
        raise PermissionDenied(f"the share of {prefix} has expired; ask for access anew")
    return Access(name)


def _share_signature(secret: bytes, prefix: str, expires: str) -> str:
    return hmac.new(secret, f"bucket|share|{expires}|{prefix}".encode("utf-8", "replace"), "sha256").hexdigest()


def _signature(secret: bytes, access: Access, expires: str) -> str:
    right = "read" if access.size_bytes is None else f"create {access.size_bytes}"
    return hmac.new(secret, f"bucket|{right}|{expires}|{access.name}".encode(), "sha256").hexdigest()
