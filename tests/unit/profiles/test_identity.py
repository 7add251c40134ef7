"""Who is taken for whom on each profile."""

from __future__ import annotations

from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.embedded.identity import LoopbackIdentity
from ainimal_zookeeper.adapters.gcp.firebase import FirebaseIdentity
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.ports.identity import Visit
from ainimal_zookeeper.profiles import ProfileSettings, open_profile
from ainimal_zookeeper.profiles.settings import EMULATORS
from ainimal_zookeeper.profiles.variables import Variables

HERE = Visit("127.0.0.1", "localhost")


def settings(tmp_path: Path, name: str, **more: str) -> ProfileSettings:
    (tmp_path / "secret").write_bytes(b"s" * 32)
    environ = {"ZOO_PROFILE": name, "ZOO_STATE_DIR": str(tmp_path), "GOOGLE_CLOUD_PROJECT": "a-zoo", "ZOO_BUCKET": "b"}
    if name == "emulators":
        environ |= dict.fromkeys(EMULATORS, "127.0.0.1:1")
    if name == "gcp":
        environ["ZOO_SECRET"] = "c" * 44
    variables = Variables({**environ, **more})
    found = ProfileSettings.read(variables)
    variables.check()
    return found


@pytest.mark.parametrize(
    ("name", "more", "kind", "visitor"),
    [
        ("embedded", {}, LoopbackIdentity, Principal.operator()),
        ("embedded", {"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1"}, LoopbackIdentity, Principal.operator()),
        ("emulators", {}, LoopbackIdentity, Principal.operator()),
        ("emulators", {"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1"}, FirebaseIdentity, Principal.nobody()),
        ("gcp", {}, FirebaseIdentity, Principal.nobody()),
    ],
)
async def test_only_without_accounts_this_computers_visitor_is_the_operator(
    tmp_path: Path, name: str, more: dict[str, str], kind: type, visitor: Principal
) -> None:
    """The emulators keep accounts where one of them is there for it; the cloud always does."""
    profile = open_profile(settings(tmp_path, name, **more))
    assert isinstance(profile.identity, kind)
    assert await profile.identity.principal(HERE) == visitor
    profile.close()


@pytest.mark.parametrize(
    ("client", "host", "operator"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("127.8.8.8", "a.localhost", True),
        ("127.0.0.1", "rebound.example", False),
        ("192.0.2.1", "localhost", False),
        ("localhost.evil.example", "localhost", False),
        ("127.0.0.1", "", False),
        (None, "localhost", False),
    ],
)
async def test_this_computer_is_where_a_request_can_only_come_from(
    client: str | None, host: str, operator: bool
) -> None:
    """By its address and by the name it asked for; what it brings beside changes nothing."""
    for authorization in (None, "Bearer nonsense", "Basic eDp5"):
        found = await LoopbackIdentity().principal(Visit(client, host, authorization))
        assert found == (Principal.operator() if operator else Principal.nobody())


@pytest.mark.parametrize("address", ["http://127.0.0.1:9099", "127.0.0.1", ":9099", "127.0.0.1:port"])
def test_an_emulator_of_accounts_that_cannot_be_reached_so_is_refused_at_the_start(
    tmp_path: Path, address: str
) -> None:
    """Firebase's library would fail at the first token."""
    with pytest.raises(InvalidInput, match=r"FIREBASE_AUTH_EMULATOR_HOST is .*; it must be host:port"):
        settings(tmp_path, "emulators", FIREBASE_AUTH_EMULATOR_HOST=address)


@pytest.mark.parametrize("value", ["yes", "true", "2"])
def test_whether_revocation_is_checked_is_never_guessed(tmp_path: Path, value: str) -> None:
    """A misspelt setting must not leave revoked users in."""
    with pytest.raises(InvalidInput, match=r"ZOO_CHECK_REVOKED is .*; it must be one of: 0, 1"):
        settings(tmp_path, "gcp", ZOO_CHECK_REVOKED=value)
    assert settings(tmp_path, "gcp", ZOO_CHECK_REVOKED="1").check_revoked
    assert not settings(tmp_path, "gcp").check_revoked
