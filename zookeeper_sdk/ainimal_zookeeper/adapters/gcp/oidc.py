"""Who calls, by the OIDC token that Pub/Sub and Cloud Scheduler send along with each request."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.auth import jwt
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import Request

from ainimal_zookeeper.domain.errors import PermissionDenied, Transient, Unauthenticated

CERTIFICATES_URL = "https://www.googleapis.com/oauth2/v1/certs"

_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
_ALGORITHM = "RS256"
_SKEW_S = 10  # between Google's clock and ours
_REMOVED = ".SIGNATURE_REMOVED_BY_GOOGLE"  # what Cloud Run leaves of a signature that it has checked itself
_LONGEST_TOKEN = 8192  # characters; Google's have about 1,200
_FETCH_S = 5.0
_FRESH_S = 300.0  # how long certificates are used whose answer does not say so
_LONGEST_FRESH_S = 86_400.0
_AWAY_S = 2.0  # how long nobody asks again after a failure: whoever waits for the lock would wait for the same
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])")


class GoogleCallers:
    """`Callers` that admits one service account, by tokens of Google's made for `audience`."""

    def __init__(self, audience: str, account: str, certificates: Certificates | None = None) -> None:
        """`account` is the service account's e-mail address. Raises: ValueError for an empty one, or no audience."""
        if not audience or not account:
            raise ValueError("without an audience and an account everybody would be admitted")
        self._audience = audience
        self._account = account
        self._certificates = certificates or Certificates()

    def admit(self, authorization: str | None) -> None:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
            raise Unauthenticated("the request carries no bearer token; call with an OIDC token of the service account")
        if token.endswith(_REMOVED):
            # Never believed: anybody can write these words where Cloud Run does not look.
            raise Unauthenticated(
                "Cloud Run has removed the token's signature, as it checks callers by itself; turn its check off "
                "for this function (invoker_iam_disabled), which checks them"
            )
        claims = self._claims(token)
        if claims.get("email") != self._account or claims.get("email_verified") is not True:
            raise PermissionDenied(f"the caller is not the service account {self._account}; call with a token of it")

    def _claims(self, token: str) -> Mapping[str, Any]:
        """Returns what a valid token says. Raises: Unauthenticated, Transient."""
        try:
            header = jwt.decode_header(token)
            key_id = header.get("kid")
            if header.get("alg") != _ALGORITHM or not isinstance(key_id, str):
                raise Unauthenticated(f"the token is not signed with {_ALGORITHM} by a key that it names")
            certificates = self._certificates.having(key_id)
            claims: Mapping[str, Any] = jwt.decode(
                token, certs=certificates, audience=self._audience, clock_skew_in_seconds=_SKEW_S
            )
        except (GoogleAuthError, ValueError, TypeError, RecursionError) as error:
            # What the library says quotes the token, which is nobody's business.
            raise Unauthenticated(f"the token is not valid for {self._audience}: {type(error).__name__}") from None
        if claims.get("iss") not in _ISSUERS:
            raise Unauthenticated("the token was not issued by Google")
        not_before = claims.get("nbf", 0)
        if not isinstance(not_before, int | float) or not_before > time.time() + _SKEW_S:
            raise Unauthenticated("the token is not valid yet")
        return claims


@dataclass(frozen=True, slots=True)
class _Fetched:
    certificates: Mapping[str, str]  # by key id, PEM
    at: float
    fresh_s: float


class Certificates:
    """Google's public keys, fetched when they are needed and kept as long as their answer allows. Thread-safe."""

    def __init__(self, url: str = CERTIFICATES_URL, *, pause_s: float = 30.0) -> None:
        """`pause_s` is between two looks for a key that is not among fresh certificates: anybody may name one."""
        self._url = url
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._request: Request | None = None
        self._fetched: _Fetched | None = None
        self._trouble: tuple[float, Transient] | None = None  # since when, and what

    def having(self, key_id: str) -> Mapping[str, str]:
        """Returns the certificates, fetched anew where they are old or lack `key_id`. Raises: Transient."""
        with self._lock:
            fetched = self._fetched
            age_s = 0.0 if fetched is None else time.monotonic() - fetched.at
            if (
                fetched is None
                or age_s > fetched.fresh_s
                or (key_id not in fetched.certificates and age_s > self._pause_s)
            ):
                fetched = self._fetched = self._fetch()
            return fetched.certificates

    def _fetch(self) -> _Fetched:
        if self._trouble is not None and time.monotonic() - self._trouble[0] < _AWAY_S:
            raise Transient(self._trouble[1].message, _AWAY_S)
        try:
            fetched = self._ask()
        except Transient as error:
            self._trouble = (time.monotonic(), error)
            raise
        self._trouble = None
        return fetched

    def _ask(self) -> _Fetched:
        if self._request is None:
            self._request = Request()
        try:
            answer = self._request(self._url, method="GET", timeout=_FETCH_S)
            certificates = json.loads(answer.data) if answer.status == 200 else None
        except (TransportError, OSError, ValueError) as error:
            raise self._away(type(error).__name__) from error
        if not isinstance(certificates, dict) or not certificates:
            raise self._away(f"HTTP status {answer.status}")
        said = _MAX_AGE.search(answer.headers.get("cache-control", ""))
        fresh_s = _FRESH_S if said is None else min(float(said[1]), _LONGEST_FRESH_S)
        return _Fetched(certificates, time.monotonic(), fresh_s)

    def _away(self, why: str) -> Transient:
        return Transient(f"Google's certificates cannot be fetched from {self._url} ({why}); try again", _AWAY_S)
