"""Callers: only the service account that the zoo was told of gets in, by a token that Google signed for it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ainimal_zookeeper.adapters.gcp.oidc import Certificates, GoogleCallers
from ainimal_zookeeper.domain.errors import PermissionDenied, Transient, Unauthenticated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.certificates import ACCOUNT, AUDIENCE, CertificateEndpoint, SigningKey, serving_certificates
from tests.unit.job_launcher.pusher import Pusher, wanted


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey("key-1")


@pytest.fixture(scope="module")
def other_key() -> SigningKey:
    return SigningKey("key-2")


@pytest.fixture
def endpoint(key: SigningKey) -> Iterator[CertificateEndpoint]:
    with serving_certificates() as endpoint:
        endpoint.offer(key)
        yield endpoint


@pytest.fixture
def callers(endpoint: CertificateEndpoint) -> GoogleCallers:
    return GoogleCallers(AUDIENCE, ACCOUNT, Certificates(endpoint.url))


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_the_service_account_is_admitted(callers: GoogleCallers, key: SigningKey) -> None:
    """Both spellings of Google's name are Google's; the scheme is not told apart by case."""
    callers.admit(f"Bearer {key.token()}")
    callers.admit(f"bearer {key.token(iss='accounts.google.com')}")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example"},
        {"aud": ["https://launcher.example"]},
        {"aud": ...},
        {"iss": "https://evil.example"},
        {"iss": "https://securetoken.google.com/a-zoo"},
        {"iss": ...},
        {"exp": int(time.time()) - 60},
        {"exp": ...},
        {"exp": "tomorrow"},
        {"exp": None},
        {"iat": int(time.time()) + 3600, "exp": int(time.time()) + 7200},
        {"iat": ...},
        {"nbf": int(time.time()) + 3600},
        {"nbf": "now"},
    ],
    ids=str,
)
def test_a_token_for_something_else_proves_nothing(
    callers: GoogleCallers, key: SigningKey, claims: dict[str, Any]
) -> None:
    """Another audience or issuer, too old, not yet valid, or without saying so: no one is known by it."""
    with pytest.raises(Unauthenticated):
        callers.admit(f"Bearer {key.token(**claims)}")


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "somebody@a-zoo.iam.gserviceaccount.com"},
        {"email": ACCOUNT.upper()},
        {"email": ...},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": ...},
    ],
    ids=str,
)
def test_anybody_else_is_refused(callers: GoogleCallers, key: SigningKey, claims: dict[str, Any]) -> None:
    """Google signs tokens for all the world; only one verified address of it may call."""
    with pytest.raises(PermissionDenied, match=ACCOUNT):
        callers.admit(f"Bearer {key.token(**claims)}")


def test_a_forged_signature_is_refused(callers: GoogleCallers, key: SigningKey, other_key: SigningKey) -> None:
    """Another key under a known name, changed claims, and no signature at all."""
    header, claims, signature = key.token().split(".")
    forged = encoded({"aud": AUDIENCE, "email": ACCOUNT, "email_verified": True, "exp": 2**40, "iat": 0})
    impostor = SigningKey(key.key_id)
    for token in (
        impostor.token(),
        f"{header}.{forged}.{signature}",
        f"{header}.{claims}.",
        f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{claims}.",
        f"{encoded({'alg': 'none', 'kid': key.key_id})}.{claims}.{signature}",
        f"{encoded({'alg': 'HS256', 'kid': key.key_id})}.{claims}.{signature}",
        f"{encoded({'alg': 'ES256', 'kid': key.key_id})}.{claims}.{signature}",
        f"{encoded({'alg': 'RS256'})}.{claims}.{signature}",
        f"{encoded({'alg': 'RS256', 'kid': [key.key_id]})}.{claims}.{signature}",
        other_key.token(),
    ):
        with pytest.raises(Unauthenticated):
            callers.admit(f"Bearer {token}")


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer a.b.c", "Bearer ..", "Bearer é.ü.ß", "Bearer a b c"],
)
def test_no_token_is_no_proof(callers: GoogleCallers, endpoint: CertificateEndpoint, authorization: str | None) -> None:
    """What is no token costs nobody a look at certificates."""
    with pytest.raises(Unauthenticated):
        callers.admit(authorization)
    assert endpoint.asked == 0


def test_a_removed_signature_says_what_to_change(callers: GoogleCallers, key: SigningKey) -> None:
    """Cloud Run removes it where its own check of callers is on; that it was there once is no proof."""
    unsigned = key.token().rpartition(".")[0]
    with pytest.raises(Unauthenticated, match="invoker_iam_disabled"):
        callers.admit(f"Bearer {unsigned}.SIGNATURE_REMOVED_BY_GOOGLE")


@pytest.mark.parametrize("part", [[], "text", None, 1, {"alg": {}, "kid": "key-1"}])
def test_a_header_of_another_form_is_no_token(callers: GoogleCallers, part: Any) -> None:
    """The three parts may be anything."""
    with pytest.raises(Unauthenticated):
        callers.admit(f"Bearer {encoded(part)}.{encoded(part)}.AAAA")


def test_a_deep_or_long_token_is_refused(callers: GoogleCallers) -> None:
    """Neither depth nor length breaks anything."""
    deep = base64.urlsafe_b64encode(b"[" * 6000).decode().rstrip("=")
    for token in (f"{deep}.{deep}.AAAA", "a" * 10_000_000, f"{deep[:7000]}.{encoded({})}.AAAA"):
        with pytest.raises(Unauthenticated):
            callers.admit(f"Bearer {token}")


@given(text=st.text())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_is_refused(callers: GoogleCallers, text: str) -> None:
    """Whatever stands behind the word."""
    with pytest.raises(Unauthenticated):
        callers.admit(f"Bearer {text}")


def test_the_token_is_not_told(callers: GoogleCallers, key: SigningKey) -> None:
    """Messages end up in logs; a token is good for an hour."""
    token = key.token(aud="https://elsewhere.example")
    with pytest.raises(Unauthenticated) as refused:
        callers.admit(f"Bearer {token}")
    assert not any(part in refused.value.message for part in token.split("."))


def test_certificates_are_fetched_once(callers: GoogleCallers, endpoint: CertificateEndpoint, key: SigningKey) -> None:
    """They are kept as long as Google allows, whatever is asked."""
    for _ in range(3):
        callers.admit(f"Bearer {key.token()}")
        with pytest.raises(Unauthenticated):
            callers.admit(f"Bearer {SigningKey('unknown').token()}")
    assert endpoint.asked == 1


def test_old_certificates_are_fetched_again(
    callers: GoogleCallers, endpoint: CertificateEndpoint, key: SigningKey, other_key: SigningKey
) -> None:
    """A key that is withdrawn opens nothing any more."""
    endpoint.headers = {"Cache-Control": "max-age=0"}
    callers.admit(f"Bearer {key.token()}")
    endpoint.offer(other_key)
    with pytest.raises(Unauthenticated):
        callers.admit(f"Bearer {key.token()}")
    callers.admit(f"Bearer {other_key.token()}")


def test_a_new_key_is_looked_for(
    callers: GoogleCallers, endpoint: CertificateEndpoint, key: SigningKey, other_key: SigningKey
) -> None:
    """Google changes keys: one that is not among fresh certificates is looked for, now and then."""
    callers.admit(f"Bearer {key.token()}")
    endpoint.offer(key, other_key)
    with pytest.raises(Unauthenticated):
        callers.admit(f"Bearer {other_key.token()}")
    assert endpoint.asked == 1
    restless = GoogleCallers(AUDIENCE, ACCOUNT, Certificates(endpoint.url, pause_s=0))
    endpoint.offer(key)
    restless.admit(f"Bearer {key.token()}")
    endpoint.offer(key, other_key)
    restless.admit(f"Bearer {other_key.token()}")


@pytest.mark.parametrize(("status", "certificates"), [(503, {}), (404, {}), (200, []), (200, {}), (200, "text")])
def test_nobody_is_judged_without_certificates(
    callers: GoogleCallers, endpoint: CertificateEndpoint, key: SigningKey, status: int, certificates: Any
) -> None:
    """While they cannot be had the call is to come again; nobody is let in and nobody refused."""
    endpoint.status, endpoint.certificates = status, certificates
    for _ in range(2):
        with pytest.raises(Transient, match="cannot be fetched"):
            callers.admit(f"Bearer {key.token()}")
    assert endpoint.asked == 1  # one who waits for the other's answer does not ask the same again


def test_an_endpoint_that_is_away_is_borne(key: SigningKey) -> None:
    """Nothing listens there."""
    with serving_certificates() as endpoint:
        url = endpoint.url
    with pytest.raises(Transient, match="cannot be fetched"):
        GoogleCallers(AUDIENCE, ACCOUNT, Certificates(url)).admit(f"Bearer {key.token()}")


@pytest.mark.parametrize(("audience", "account"), [("", ACCOUNT), (AUDIENCE, "")])
def test_nothing_is_checked_by_halves(audience: str, account: str) -> None:
    """An empty setting does not admit everybody."""
    with pytest.raises(ValueError, match="everybody"):
        GoogleCallers(audience, account)


async def test_the_push_endpoint_does_nothing_for_others(
    callers: GoogleCallers, endpoint: CertificateEndpoint, key: SigningKey
) -> None:
    """From the header to the job: who is told what, and that nothing was done for any but the one."""
    pusher = Pusher(callers=callers)

    async def push(token: str) -> int:
        return await pusher.send("/launch", wanted(), {"Authorization": f"Bearer {token}"})

    assert await push(key.token(aud="https://elsewhere.example")) == 401
    assert await push(key.token(email="me@example.com")) == 403
    assert await push("garbage") == 401
    endpoint.status = 503
    away = Pusher(callers=GoogleCallers(AUDIENCE, ACCOUNT, Certificates(endpoint.url)))
    assert await away.send("/launch", wanted(), {"Authorization": f"Bearer {key.token()}"}) == 503
    assert (pusher.compute.launches, away.compute.launches) == (0, 0)
    assert await push(key.token()) == 204
    assert ("ins_1", 1) in pusher.compute.jobs
