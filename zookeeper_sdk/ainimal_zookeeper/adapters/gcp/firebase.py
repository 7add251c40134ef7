"""Identity on Google Cloud: ID tokens of Firebase Auth, also called Identity Platform."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.errors import Transient, Unauthenticated, ZookeeperError
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.identity import Visit

from . import firebase_claims

REVOKED_WITHIN_S = 5.0
"""How long a revoked token or a disabled account may still be let in, where revocation is checked."""

_KNOWN = 1000
_THREADS = 4
_TIMEOUT_S = 10.0
_AWAY_S = 2.0  # how long nobody asks again after a failure: whoever waits for a thread would wait for the same
_MISCONFIGURED_RETRY_S = 5.0

_log = logging.getLogger(__name__)


class FirebaseIdentity:
    """An `Identity`: a token names its user and, by the claim `zoo_role`, a role; without a token one is nobody.

    emulator: whether the tokens are those of the emulator that FIREBASE_AUTH_EMULATOR_HOST names, which signs nothing:
    they count only from this computer.
    check_revoked: asks Firebase whether the token was revoked or its user disabled or deleted.
    Firebase's library is imported with the first token. A token that was found right is remembered by its hash, until
    it expires or is to be asked about again.
    """

    def __init__(self, project: str, *, clock: Clock, emulator: bool = False, check_revoked: bool = False) -> None:
        self._project = project
        self._clock = clock
        self._emulator = emulator
        self._check_revoked = check_revoked
        self._known: OrderedDict[bytes, tuple[datetime, Principal]] = OrderedDict()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="identity")
        self._opening = Lock()
        self._app: Any = None
        self._client: Any = None
        self._failure: tuple[datetime, Transient] | None = None

    async def principal(self, visit: Visit) -> Principal:
        token = visit.token
        if token is None:
            return Principal.nobody()
        if self._emulator and not visit.is_local:
            raise Unauthenticated("tokens of an emulator count on its own computer only; ask for 127.0.0.1 there")
        key = hashlib.sha256(token.encode()).digest()
        known = self._known.get(key)
        if known is not None and self._clock.now() < known[0]:
            return known[1]
        header, claims = firebase_claims.read(token)
        if not self._emulator:
            firebase_claims.check_header(header)
        firebase_claims.check(claims, self._project, self._clock.now())
        proven = await asyncio.get_running_loop().run_in_executor(self._threads, self._prove, token)
        now = self._clock.now()
        expires_at = firebase_claims.check(proven, self._project, now)
        found = firebase_claims.principal(proven, expires_at)
        ask_again = now + timedelta(seconds=REVOKED_WITHIN_S) if self._check_revoked else expires_at
        self._remember(key, min(ask_again, expires_at), found)
        return found

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._opening:
            app, self._app, self._client = self._app, None, None
        if app is not None:
            import firebase_admin

            firebase_admin.delete_app(app)

    def _remember(self, key: bytes, until: datetime, found: Principal) -> None:
        self._known[key] = (until, found)
        self._known.move_to_end(key)
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    def _prove(self, token: str) -> Mapping[str, Any]:
        """Returns the claims that the token's signature covers. Raises: Unauthenticated, Transient."""
        failure = self._failure
        if failure is not None and self._clock.now() < failure[0]:
            raise Transient(failure[1].message, failure[1].retry_after_s)
        try:
            proven: Mapping[str, Any] = self._open().verify_id_token(
                token, check_revoked=self._check_revoked, clock_skew_seconds=firebase_claims.SKEW_S
            )
            return proven
        except Exception as error:  # noqa: BLE001  whatever a token of a stranger does to the library, it lets nobody in
            refusal = _meaning(error)
        if isinstance(refusal, Transient):
            self._failure = self._clock.now() + timedelta(seconds=_AWAY_S), refusal
        # Not within the handler: the library's message may quote the token and must not hang on to this one.
        raise refusal

    def _open(self) -> Any:
        import firebase_admin
        from firebase_admin import auth
        from google.auth.credentials import AnonymousCredentials

        with self._opening:
            if self._client is None:
                # The certificates are public: without questions about users the zoo needs no credentials of its own.
                credential = None if self._check_revoked else AnonymousCredentials()
                options = {"projectId": self._project, "httpTimeout": _TIMEOUT_S}
                self._app = firebase_admin.initialize_app(credential, options, f"zoo-{secrets.token_hex(8)}")
                self._client = auth.Client(self._app)
            if self._client.emulated != self._emulator:
                raise Transient("FIREBASE_AUTH_EMULATOR_HOST was set or removed while the zoo ran; restart the zoo")
            return self._client


def _meaning(error: Exception) -> ZookeeperError:
    """Returns what an error of Firebase's library means, without its words."""
    from firebase_admin import auth, exceptions
    from google.auth.exceptions import DefaultCredentialsError

    if isinstance(error, ZookeeperError):
        return error
    if isinstance(error, auth.RevokedIdTokenError):
        return Unauthenticated("the token was revoked; sign in again")
    if isinstance(error, auth.UserDisabledError):
        return Unauthenticated("the account is disabled; ask an operator of the zoo")
    if isinstance(error, auth.UserNotFoundError):
        return Unauthenticated("the account does not exist any more; sign in with another")
    if isinstance(error, auth.ExpiredIdTokenError):
        return Unauthenticated("the token expired; refresh it, or sign in again")
    if isinstance(error, auth.CertificateFetchError) or isinstance(_cause(error), (json.JSONDecodeError, UnicodeError)):
        return Transient("Google's certificates cannot be read now, so that no token can be checked; try again")
    if isinstance(error, auth.InvalidIdTokenError):
        return Unauthenticated("the token's signature is not Google's; sign in again")
    if isinstance(error, (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, DefaultCredentialsError)):
        return Transient(
            "the zoo's own identity may not ask Firebase about users; grant it roles/firebaseauth.viewer, or unset "
            "ZOO_CHECK_REVOKED",
            _MISCONFIGURED_RETRY_S,
        )
    # Only the kind: messages may quote the token.
    _log.warning("a token could not be checked", extra={"error": type(error).__name__})
    return Transient("Firebase cannot be asked about the token now; try again")


def _cause(error: Exception) -> BaseException | None:
    return getattr(error, "cause", None) or error.__cause__
