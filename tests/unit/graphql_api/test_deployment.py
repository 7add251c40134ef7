"""The API as a function of its own: whom it takes for the operator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from graphql_api.deployment import Deployment
from graphql_api.settings import Settings
from starlette.requests import Request


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "secret").write_bytes(b"secret")
    return Settings.from_environ({"ZOO_STATE_DIR": str(tmp_path)})


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
    settings: Settings, client: str | None, host: str, origin: str | None, anonymous: bool
) -> None:
    """Neither other computers nor pages of other sites are, also when their name leads here."""
    deployment = Deployment(settings)
    headers = [(b"host", host.encode()), *([(b"origin", origin.encode())] if origin else [])]
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": "/graphql", "scheme": "http", "headers": headers,
        "query_string": b"query={viewer{anonymous}}", "client": None if client is None else (client, 1),
    }  # fmt: skip
    response = await deployment.handle(Request(scope))
    assert json.loads(bytes(response.body)) == {"data": {"viewer": {"anonymous": anonymous}}}
    await deployment.close()
