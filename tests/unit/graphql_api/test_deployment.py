"""The API as a function of its own: its settings, and whom it takes for the operator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from graphql_api.deployment import Deployment
from graphql_api.settings import Settings
from starlette.requests import Request


def test_all_that_is_wrong_in_the_environment_is_said_at_once(tmp_path: Path) -> None:
    """Each variable is named with its value and what to do."""
    with pytest.raises(SystemExit) as refused:
        Settings.from_environment({"ZOO_PROFILE": "moon", "ZOO_STATE_DIR": str(tmp_path)})
    assert "'moon'" in str(refused.value)
    assert "zoo up" in str(refused.value)


def test_the_state_directory_of_a_zoo_is_all_it_takes(tmp_path: Path) -> None:
    """The embedded profile is the default."""
    (tmp_path / "secret").write_bytes(b"secret")
    assert Settings.from_environment({"ZOO_STATE_DIR": str(tmp_path)}) == Settings("embedded", tmp_path)


@pytest.mark.parametrize(
    ("client", "host", "origin", "anonymous"),
    [
        ("127.0.0.1", "localhost", None, False),
        ("::1", "[::1]:8000", None, False),
        ("192.0.2.1", "localhost", None, True),
        ("127.0.0.1", "rebound.example", None, True),
        ("127.0.0.1", "localhost", "https://elsewhere.example", True),
        (None, "localhost", None, True),
    ],
)
async def test_only_this_computer_is_the_operator(
    tmp_path: Path, client: str | None, host: str, origin: str | None, anonymous: bool
) -> None:
    """Neither other computers nor pages of other sites are, also when their name leads here."""
    (tmp_path / "secret").write_bytes(b"secret")
    deployment = Deployment(Settings("embedded", tmp_path))
    headers = [(b"host", host.encode()), *([(b"origin", origin.encode())] if origin else [])]
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": "/graphql", "scheme": "http", "headers": headers,
        "query_string": b"query={viewer{anonymous}}", "client": None if client is None else (client, 1),
    }  # fmt: skip
    response = await deployment.handle(Request(scope))
    assert json.loads(bytes(response.body)) == {"data": {"viewer": {"anonymous": anonymous}}}
    await deployment.close()
