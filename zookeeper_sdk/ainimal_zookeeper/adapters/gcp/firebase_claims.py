"""What an ID token of Firebase claims, and which of its claims no signature can mend.

Everything here is judged before the signature, so that garbage costs no thread, and again on what the signature covers.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, cast, get_args

from ainimal_zookeeper.domain.access import Principal, Role
from ainimal_zookeeper.domain.errors import Unauthenticated

ROLE_CLAIM = "zoo_role"
SKEW_S = 10
"""By how much the clocks of Google and of the zoo may differ."""
MAX_TOKEN = 8192  # Firebase allows claims of 1,000 bytes; its tokens have one or two thousand
ISSUER = "https://securetoken.google.com/"

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_LATEST = int(datetime(9999, 1, 1, tzinfo=timezone.utc).timestamp())
_MAX_SUBJECT = 128


def read(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Returns header and claims, of which nothing is proven. Raises: Unauthenticated."""
    if len(token) > MAX_TOKEN:
        raise Unauthenticated(
            f"the token has {len(token)} characters, more than any ID token of Firebase; sign in, and send that one"
        )
    if _FORM.fullmatch(token) is not None:
        header, claims = (_segment(text) for text in token.split(".")[:2])
        if header is not None and claims is not None:
            return header, claims
    raise Unauthenticated("the token is no ID token of Firebase; sign in, and send what getIdToken() returns")


def check_header(header: Mapping[str, Any]) -> None:
    """Raises: Unauthenticated for a token that is not signed as Google signs them."""
    if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
        raise Unauthenticated("the token is not signed by Google; sign in again")


def check(claims: Mapping[str, Any], project: str, now: datetime) -> datetime:
    """Returns until when the token holds. Raises: Unauthenticated."""
    if claims.get("aud") != project or claims.get("iss") != ISSUER + project:
        raise Unauthenticated(f"the token was not made for the project {project!r}; sign in at this zoo")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT:
        raise Unauthenticated("the token names no user; sign in again")
    firebase = claims.get("firebase", {})
    if not isinstance(firebase, Mapping) or firebase.get("tenant") is not None:
        raise Unauthenticated("the token is of a tenant, of which this zoo has none; sign in to the project itself")
    times = [claims.get(name) for name in ("iat", "auth_time", "exp")]
    if not all(type(each) is int and 0 <= each < _LATEST for each in times):
        raise Unauthenticated("the token does not say when it was made and until when it holds; sign in again")
    made, signed_in, expires = cast(list[int], times)
    here = now.timestamp()
    if max(made, signed_in) > here + SKEW_S:
        raise Unauthenticated(
            f"the token was made {max(made, signed_in) - here:.0f} s in the future; set the clocks, and sign in again"
        )
    if here >= expires + SKEW_S:
        raise Unauthenticated(f"the token expired {here - expires:.0f} s ago; refresh it, or sign in again")
    return datetime.fromtimestamp(expires + SKEW_S, timezone.utc)


def principal(claims: Mapping[str, Any], expires_at: datetime) -> Principal:
    """Returns whom checked claims mean; a role that is not one of the zoo's is none."""
    role = claims.get(ROLE_CLAIM)
    return Principal(claims["sub"], cast(Role, role) if role in get_args(Role) else None, expires_at)


def _segment(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
