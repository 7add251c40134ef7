"""ID tokens of Firebase: only one with which all is right lets its user in.

The library of Firebase runs as it is, on certificates and accounts of a Google on this machine.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ainimal_zookeeper.adapters.embedded.clock import SystemClock
from ainimal_zookeeper.adapters.gcp.firebase import REVOKED_WITHIN_S, FirebaseIdentity
from ainimal_zookeeper.adapters.gcp.firebase_claims import SKEW_S
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.errors import Transient, Unauthenticated, ZookeeperError
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.identity import Visit
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.certificates import SigningKey
from tests.fakes.clock import FakeClock
from tests.fakes.google import CERTIFICATES, Google, Project, google

PROJECT = "a-zoo"


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    """Two of Google's, and one that says it is the first."""
    return [SigningKey("one"), SigningKey("two"), SigningKey("one")]


@pytest.fixture(scope="module")
def project(keys: list[SigningKey]) -> Project:
    return Project(PROJECT, keys[0])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    with pytest.MonkeyPatch.context() as patch, google(tmp_path_factory.mktemp("google")) as (found, environ):
        patch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)
        for name, value in environ.items():
            patch.setenv(name, value)
        yield found


@pytest.fixture
def there(served: Google, keys: list[SigningKey]) -> Google:
    """Google, as it is before a test changes it."""
    served.away, served.may_ask_about_users = False, True
    served.users = {"ada": {"localId": "ada", "disabled": False, "validSince": "0"}}
    served.offer(*keys[:2])
    served.asked.clear()
    return served


@contextmanager
def identity(clock: Clock | None = None, **options: Any) -> Iterator[FirebaseIdentity]:
    made = FirebaseIdentity(PROJECT, clock=clock or SystemClock(), **options)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def asking(served: Google, keys: list[SigningKey], project: Project) -> Iterator[FirebaseIdentity]:
    """One identity for many examples, which has the certificates."""
    served.away = False
    served.offer(*keys[:2])
    with identity() as found:
        asyncio.run(found.principal(visit(project.token())))
        yield found


def visit(token: str) -> Visit:
    return Visit(client="192.0.2.1", host="zoo.example", authorization=f"Bearer {token}")


def from_here(token: str) -> Visit:
    return Visit(client="127.0.0.1", host="localhost", authorization=f"Bearer {token}")


async def refusal(found: FirebaseIdentity, token: str | Visit) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await found.principal(visit(token) if isinstance(token, str) else token)
    return refused.value.message


async def test_a_right_token_names_its_user_and_role(there: Google, project: Project) -> None:
    """And until when it holds: a stream may not outlive it."""
    with identity() as found:
        principal = await found.principal(visit(project.token()))
    assert principal == Principal("ada", "OPERATOR")
    assert not principal.anonymous
    assert principal.expires_at is not None
    left = principal.expires_at - datetime.now(timezone.utc)
    assert timedelta(seconds=3500) < left <= timedelta(seconds=3600 + SKEW_S)


@pytest.mark.parametrize("role", ["KEEPER", "OBSERVER", "OPERATOR"])
async def test_each_role_of_the_zoo_can_be_claimed(there: Google, project: Project, role: str) -> None:
    """By the custom claim, which only whoever administers the project can set."""
    with identity() as found:
        assert (await found.principal(visit(project.token(zoo_role=role)))).role == role


@pytest.mark.parametrize("role", [..., None, "operator", "ROOT", 1, ["OPERATOR"], {"OPERATOR": True}])
async def test_any_other_role_is_none(there: Google, project: Project, role: object) -> None:
    """Whoever has it is known, and may do nothing."""
    with identity() as found:
        principal = await found.principal(visit(project.token(zoo_role=role)))
    assert (principal.user_id, principal.role) == ("ada", None)


async def test_without_a_token_one_is_nobody(there: Google) -> None:
    """And Google is not asked."""
    with identity() as found:
        assert await found.principal(Visit("127.0.0.1", "localhost")) == Principal.nobody()
    assert there.asked == []


async def test_both_keys_of_google_hold_and_the_scheme_is_read_in_any_case(
    there: Google, project: Project, keys: list[SigningKey]
) -> None:
    """Google changes its keys daily, and HTTP knows no case in schemes."""
    with identity() as found:
        token = project.token(key=keys[1])
        assert (await found.principal(Visit(None, "", f"bEARER  {token} "))).user_id == "ada"


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "holds no token"),
        ("nonsense", "no ID token"),
        ("a.b", "no ID token"),
        ("a.b.c.d", "no ID token"),
        ("a.b.c", "no ID token"),
        ("ä.b.c", "no ID token"),
        ("e30.W10.c", "no ID token"),
        ("e30.e30.c\n", "not signed by Google"),
        ("bnVsbA.bnVsbA.", "no ID token"),
        (base64.urlsafe_b64encode(b"[" * 3000).decode() + ".e30.c", "no ID token"),
        ("e30." + "e" * 100_000 + ".c", "more than any"),
        ("." * 10_000_000, "more than any"),
    ],
    ids=lambda value: f"{value[:12]!r}x{len(value)}",
)
async def test_garbage_is_refused_without_asking_google(there: Google, token: str, words: str) -> None:
    """However long or deep it is."""
    with identity() as found:
        assert words in await refusal(found, token)
    assert there.asked == []


async def test_a_token_without_a_signature_of_googles_is_refused(
    there: Google, project: Project, keys: list[SigningKey]
) -> None:
    """None at all, another algorithm, the public key taken for a secret, another's key, and another's signature."""
    hs256 = {"alg": "HS256", "kid": "one", "typ": "JWT"}
    text = project.unsigned(hs256).rpartition(".")[0]
    confused = hmac.digest(keys[0].certificate.encode(), text.encode(), hashlib.sha256)
    right = project.token()
    head, body, signature = right.split(".")
    other = project.token(sub="eve").split(".")[1]
    tokens = [
        project.unsigned(),
        project.unsigned({"alg": "none", "kid": "one"}),
        project.unsigned({"alg": "NONE", "kid": "one"}, b"signature"),
        project.unsigned({"alg": ["RS256"], "kid": "one"}, b"signature"),
        project.unsigned({"alg": "RS256", "kid": "one"}),
        project.unsigned({"alg": "RS256", "kid": "one"}, b"signature"),
        project.unsigned({"alg": "RS256", "kid": {"a": 1}}, b"signature"),
        project.unsigned({"alg": "ES256", "kid": "one"}, b"signature"),
        f"{text}.{base64.urlsafe_b64encode(confused).rstrip(b'=').decode()}",
        project.token(key=keys[2]),
        project.token({"kid": None}),
        project.token(key=SigningKey("three")),
        f"{head}.{other}.{signature}",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}.",
    ]
    with identity() as found:
        for token in tokens:
            assert "Google" in await refusal(found, token)


@pytest.mark.parametrize("seconds", [SKEW_S + 1, 3600, 10**9])
async def test_an_expired_token_is_refused(there: Google, project: Project, seconds: int) -> None:
    """With the next step: refresh it."""
    now = int(datetime.now(timezone.utc).timestamp())
    with identity() as found:
        token = project.token(iat=now - seconds - 3600, auth_time=now - seconds - 3600, exp=now - seconds)
        assert "expired" in await refusal(found, token)


async def test_clocks_may_differ_a_little(there: Google, project: Project) -> None:
    """Some seconds either way let a token in, and no more."""
    now = int(datetime.now(timezone.utc).timestamp())
    with identity() as found:
        assert await found.principal(visit(project.token(iat=now + SKEW_S - 3, auth_time=now + SKEW_S - 3)))
        assert await found.principal(visit(project.token(exp=now - SKEW_S + 3)))
        for name in ("iat", "auth_time"):
            assert "in the future" in await refusal(found, project.token(**{name: now + SKEW_S + 5}))


DEFECTS: dict[str, st.SearchStrategy[Any]] = {
    "aud": st.sampled_from([..., None, "", "another-zoo", "a-zoo ", "A-ZOO", ["a-zoo"], {"a-zoo": 1}]),
    "iss": st.sampled_from(
        [
            ...,
            None,
            "https://securetoken.google.com/",
            "https://accounts.google.com",
            "http://securetoken.google.com/a-zoo",
        ]
    ),
    "sub": st.sampled_from([..., None, "", "a" * 129, 7, ["ada"]]),
    "exp": st.sampled_from([..., None, 0, -1, "9999999999", 1e300, float("nan"), float("inf"), True, 10**400, [1]])
    | st.integers(max_value=1_700_000_000),
    "iat": st.sampled_from([..., None, "0", float("nan"), False, 10**400]) | st.integers(4_000_000_000, 10**12),
    "auth_time": st.sampled_from([..., None, "0", float("nan"), 1.5]) | st.integers(4_000_000_000, 10**12),
    "firebase": st.sampled_from([{"tenant": "another"}, None, "password", []]),
    "key": st.just("another"),
    "kid": st.sampled_from([None, "", "three", "ONE", 1]),
}


@given(defects=st.sets(st.sampled_from(sorted(DEFECTS)), max_size=3), number=st.integers(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_only_a_token_with_which_all_is_right_gives_a_user(
    asking: FirebaseIdentity,
    project: Project,
    keys: list[SigningKey],
    defects: set[str],
    number: int,
    data: st.DataObject,
) -> None:
    """Whatever is wrong with it, alone or with more, nobody is let in, and nothing else comes of it."""
    wrong = {name: data.draw(DEFECTS[name], label=name) for name in sorted(defects)}
    key = keys[2] if wrong.pop("key", None) else None
    header = {"kid": wrong.pop("kid")} if "kid" in wrong else {}
    token = project.token(header, key=key, number=number, **wrong)
    if not defects:
        assert asyncio.run(asking.principal(visit(token))) == Principal("ada", "OPERATOR")
        return
    with pytest.raises(Unauthenticated):
        asyncio.run(asking.principal(visit(token)))


@given(text=st.text(max_size=60) | st.lists(st.binary(max_size=40), min_size=3, max_size=3))
@settings(max_examples=200, deadline=None)
def test_any_text_is_no_token(asking: FirebaseIdentity, text: Any) -> None:
    """Nothing that a stranger may send does more than be refused."""
    token = text if isinstance(text, str) else ".".join(base64.urlsafe_b64encode(part).decode() for part in text)
    with pytest.raises(Unauthenticated):
        asyncio.run(asking.principal(visit(token)))


async def test_certificates_that_cannot_be_read_are_no_fault_of_the_token(there: Google, project: Project) -> None:
    """The same token holds some seconds after Google is back; until then nobody is made to wait for it."""
    clock = FakeClock(datetime.now(timezone.utc))
    with identity(clock) as found:
        there.away = True
        with pytest.raises(Transient, match="Google's certificates cannot be read now"):
            await found.principal(visit(project.token()))
        there.away = False
        with pytest.raises(Transient, match="Google's certificates cannot be read now"):
            await found.principal(visit(project.token()))
        assert there.asked == []
        clock.advance(2.0)
        assert (await found.principal(visit(project.token()))).user_id == "ada"
    for nonsense in (b"<html>", b"\xff"):
        there.certificates = nonsense
        with identity() as found, pytest.raises(Transient, match="Google's certificates"):
            await found.principal(visit(project.token()))


async def test_a_known_token_costs_nothing_until_it_expires(there: Google, project: Project) -> None:
    """Its certificate is not fetched again, nor its signature checked, and then it is refused from memory as well."""
    clock = FakeClock(datetime.now(timezone.utc))
    with identity(clock) as found:
        token = project.token()
        first = await found.principal(visit(token))
        there.asked.clear()
        there.away = True
        assert await found.principal(visit(token)) is first
        clock.advance(3600 + SKEW_S + 1)
        assert "expired" in await refusal(found, token)
        assert there.asked == []


async def test_certificates_are_fetched_once_for_many_tokens(there: Google, project: Project) -> None:
    """As long as Google says that they hold."""
    with identity() as found:
        for number in range(5):
            await found.principal(visit(project.token(number=number)))
    assert there.asked == [CERTIFICATES]


async def test_memory_of_tokens_is_bounded(there: Google, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many users, or one with many tokens, do not fill it."""
    monkeypatch.setattr("ainimal_zookeeper.adapters.gcp.firebase._KNOWN", 3)
    with identity() as found:
        tokens = [project.token(number=number) for number in range(5)]
        principals = [await found.principal(visit(token)) for token in tokens]
        assert await found.principal(visit(tokens[-1])) is principals[-1]
        assert await found.principal(visit(tokens[0])) is not principals[0]


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"localId": "ada", "validSince": "4000000000"}, "revoked"),
        ({"localId": "ada", "disabled": True, "validSince": "0"}, "disabled"),
        (None, "does not exist"),
    ],
)
async def test_where_it_is_asked_for_a_revoked_token_is_refused_within_seconds(
    there: Google, project: Project, user: dict[str, Any] | None, words: str
) -> None:
    """As is that of a user who was disabled or deleted; until then nobody asks again."""
    clock = FakeClock(datetime.now(timezone.utc))
    with identity(clock, check_revoked=True) as found:
        token = project.token()
        assert (await found.principal(visit(token))).user_id == "ada"
        there.users = {} if user is None else {"ada": user}
        asked = len(there.asked)
        clock.advance(REVOKED_WITHIN_S / 2)
        assert await found.principal(visit(token))
        assert len(there.asked) == asked
        clock.advance(REVOKED_WITHIN_S / 2)
        assert words in await refusal(found, token)


async def test_a_zoo_that_may_not_ask_about_users_says_so(there: Google, project: Project) -> None:
    """It lets nobody in meanwhile, and says which right is missing."""
    there.may_ask_about_users = False
    with identity(check_revoked=True) as found, pytest.raises(Transient, match=r"roles/firebaseauth\.viewer"):
        await found.principal(visit(project.token()))


async def test_no_part_of_a_token_is_told_or_logged(
    there: Google, project: Project, keys: list[SigningKey], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither of a right one nor of a wrong one, nor of one that Google cannot be asked about."""
    now = int(datetime.now(timezone.utc).timestamp())
    tokens = [
        project.token(),
        project.token(key=keys[2]),
        project.token(key=SigningKey("three")),
        project.token(aud="another"),
        project.token(exp=now - 100),
        project.unsigned({"alg": "RS256", "kid": "one"}, b"\x00" * 70),
        "c2VjcmV0c2VjcmV0c2VjcmV0.c2VjcmV0c2VjcmV0c2VjcmV0",
    ]
    told, hidden = [], []
    with caplog.at_level(logging.DEBUG):
        for away in (False, True):
            there.away = away
            for token in tokens:
                with identity(check_revoked=True) as found:
                    try:
                        await found.principal(visit(token))
                    except ZookeeperError as error:
                        told += traceback.format_exception(error)
                        hidden.append(error.__context__)
    assert set(hidden) == {None}
    told.append(repr(visit(tokens[0])))
    for token in tokens:
        for part in token.split("."):
            assert len(part) < 20 or part not in caplog.text + "".join(told)


async def test_on_the_emulator_a_token_needs_no_signature_but_all_the_rest(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library lets an expired one in there, and one from the future; the zoo does not."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:1")
    now = int(datetime.now(timezone.utc).timestamp())
    with identity(emulator=True) as found:
        assert await found.principal(from_here(project.unsigned())) == Principal("ada", "OPERATOR")
        assert await found.principal(Visit("127.0.0.1", "localhost")) == Principal.nobody()
        assert "expired" in await refusal(found, from_here(project.unsigned(exp=now - 60)))
        assert "in the future" in await refusal(found, from_here(project.unsigned(iat=now + 60)))
        assert "another" not in await refusal(found, from_here(project.unsigned(aud="another")))
        assert "names no user" in await refusal(found, from_here(project.unsigned(sub="")))


@pytest.mark.parametrize(("client", "host"), [("192.0.2.1", "localhost"), ("127.0.0.1", "rebound.example"), (None, "")])
async def test_tokens_of_the_emulator_count_on_its_own_computer_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch, client: str | None, host: str
) -> None:
    """Nobody signs them: another computer, or a page that came by its own name, can write one that says anything."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:1")
    token = project.unsigned()
    with identity(emulator=True) as found:
        assert await found.principal(from_here(token)) == Principal("ada", "OPERATOR")
        assert "on its own computer" in await refusal(found, Visit(client, host, f"Bearer {token}"))
        assert await found.principal(Visit(client, host)) == Principal.nobody()


@pytest.mark.parametrize("emulator", [True, False])
async def test_an_emulator_that_comes_or_goes_lets_nobody_in(
    there: Google, project: Project, monkeypatch: pytest.MonkeyPatch, emulator: bool
) -> None:
    """The library looks for it by itself; the zoo was told at its start, and holds to that."""
    if not emulator:
        monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:1")
    token = project.token()
    with identity(emulator=emulator) as found, pytest.raises(Transient, match="restart"):
        await found.principal(from_here(token))


def test_the_library_is_imported_with_the_first_token() -> None:
    """A cold start does not wait for it."""
    program = (
        "import asyncio, sys;"
        "from ainimal_zookeeper.adapters.embedded.clock import SystemClock;"
        "from ainimal_zookeeper.adapters.gcp.firebase import FirebaseIdentity;"
        "from ainimal_zookeeper.ports.identity import Visit;"
        "found = FirebaseIdentity('a-zoo', clock=SystemClock());"
        "asyncio.run(found.principal(Visit('192.0.2.1', 'zoo.example')));"
        "print([name for name in sys.modules if name.startswith(('firebase_admin', 'google.auth', 'requests'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
