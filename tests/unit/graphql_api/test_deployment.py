"""The API as a function of its own: whom it takes for the operator, and which pages it lets in."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from graphql_api.deployment import Deployment
from graphql_api.settings import Settings
from starlette.requests import Request
from starlette.responses import Response

from tests.fakes.certificates import SigningKey
from tests.fakes.google import Project, google

CLIENT = "https://zoo.example"
CLOUD = {
    "ZOO_PROFILE": "gcp",
    "ZOO_SECRET": base64.b64encode(b"s" * 32).decode(),
    "GOOGLE_CLOUD_PROJECT": "a-zoo",
    "ZOO_BUCKET": "a-bucket",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "secret").write_bytes(b"secret")
    return Settings.from_environ({"ZOO_STATE_DIR": str(tmp_path), "ZOO_ALLOWED_ORIGINS": CLIENT})


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey("one")


@pytest.fixture
def cloud(tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A zoo on Google Cloud, of which there is what signing in needs."""
    with google(tmp_path) as (served, environ):
        served.offer(key)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield cloud_settings()


def cloud_settings() -> Settings:
    return Settings.from_environ({**CLOUD, "ZOO_ALLOWED_ORIGINS": f"{CLIENT}/, http://localhost:8080"})


async def ask(
    settings: Settings,
    *,
    method: str = "GET",
    client: str | None = "127.0.0.1",
    host: str = "localhost",
    query: str = "{viewer{anonymous}}",
    headers: Mapping[str, str] | None = None,
) -> Response:
    deployment = Deployment(settings)
    given = [(b"host", host.encode()), *((name.encode(), value.encode()) for name, value in (headers or {}).items())]
    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": "/graphql", "scheme": "http", "headers": given,
        "query_string": urlencode({"query": query}).encode(), "client": None if client is None else (client, 1),
        "server": ("127.0.0.1", 8080),
    }  # fmt: skip
    try:
        return await deployment.handle(Request(scope))
    finally:
        await deployment.close()


def read(response: Response) -> Any:
    return json.loads(bytes(response.body))


@pytest.mark.parametrize(
    ("client", "host", "origin", "anonymous"),
    [
        ("127.0.0.1", "localhost", None, False),
        ("::1", "[::1]:8000", None, False),
        ("127.0.0.1", "localhost", "http://localhost", False),
        ("127.0.0.1", "localhost", "http://127.0.0.1:8080", False),
        ("127.0.0.1", "localhost", CLIENT, False),
        ("192.0.2.1", "localhost", None, True),
        ("127.0.0.1", "rebound.example", None, True),
        ("127.0.0.1", "{rebound}.example:8080", None, True),
        ("127.0.0.1", "rebound.example:99999", None, True),
        ("127.0.0.1", "localhost?.rebound.example", None, True),
        ("127.0.0.1", "", None, True),
        (None, "localhost", None, True),
    ],
)
async def test_only_this_computer_is_the_operator(
    settings: Settings, client: str | None, host: str, origin: str | None, anonymous: bool
) -> None:
    """Other computers are not, and neither is who came by a name that may lead elsewhere."""
    headers = {"origin": origin} if origin else {}
    response = await ask(settings, client=client, host=host, headers=headers)
    assert read(response) == {"data": {"viewer": {"anonymous": anonymous}}}


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://localhost.elsewhere.example"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_a_page_of_another_site_is_refused(settings: Settings, origin: str, method: str) -> None:
    """Also a preflight, and no header lets the page read the refusal."""
    refused = await ask(settings, method=method, headers={"origin": origin, "access-control-request-method": "POST"})
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    assert refused.headers["x-content-type-options"] == "nosniff"


async def test_a_picture_on_another_site_is_refused(settings: Settings) -> None:
    """It carries no Origin, but the browser says where it is."""
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert (await ask(settings, headers=headers)).status_code == 403


@pytest.mark.parametrize("origin", [CLIENT, "http://localhost:8080"])
async def test_the_web_client_of_another_origin_is_served(cloud: Settings, origin: str) -> None:
    """In the cloud the client's pages lie elsewhere than the API: those that are named may ask, with a token."""
    headers = {"origin": origin, "access-control-request-method": "POST"}
    preflight = await ask(cloud, method="OPTIONS", headers=headers)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert {"Authorization", "Content-Type"} <= set(preflight.headers["access-control-allow-headers"].split(", "))
    assert "access-control-allow-credentials" not in preflight.headers  # no cookie is ever looked at
    answer = await ask(cloud, headers={"origin": origin})
    assert read(answer) == {"data": {"viewer": {"anonymous": True}}}
    assert answer.headers["access-control-allow-origin"] == origin
    assert "origin" in answer.headers["vary"].lower()
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_pages_of_the_visitors_computer_are_foreign_to_the_cloud(cloud: Settings) -> None:
    """What is of this machine to a zoo on it is of anybody's to one in the cloud."""
    assert (await ask(cloud, headers={"origin": "http://localhost:9999"})).status_code == 403


@pytest.mark.parametrize(("role", "launches"), [("OPERATOR", True), ("OBSERVER", False), (None, False)])
async def test_a_token_gives_the_rights_of_its_role(
    cloud: Settings, key: SigningKey, role: str | None, launches: bool
) -> None:
    """Whoever signed in is not anonymous, and may do what the role may do."""
    token = Project("a-zoo", key).token(zoo_role=role)
    answer = await ask(cloud, query="{viewer{anonymous can}}", headers={"authorization": f"Bearer {token}"})
    viewer = read(answer)["data"]["viewer"]
    assert viewer["anonymous"] is False
    assert ("LAUNCH" in viewer["can"]) is launches


async def test_nobody_signs_in_while_certificates_cannot_be_read(key: SigningKey) -> None:
    """That is not the token's fault: it is worth another try, and says when."""
    token = Project("a-zoo", key).token()
    answer = await ask(cloud_settings(), headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert read(answer)["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryAfterSeconds": 1.0}


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "*/*"])
@pytest.mark.parametrize(
    "authorization", ["Bearer nonsense", "Bearer ", "Basic b3BlcmF0b3I6c2VjcmV0", "nonsense", "Bearer a.b.c"]
)
async def test_a_wrong_token_is_answered_as_such(cloud: Settings, accept: str, authorization: str) -> None:
    """Whoever brings one is not quietly taken for nobody, is told what to do, and can read that from its origin."""
    headers = {"authorization": authorization, "accept": accept, "origin": CLIENT}
    refused = await ask(cloud, headers=headers)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.headers["access-control-allow-origin"] == CLIENT
    (error,) = read(refused)["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
    assert not {"nonsense", "b3BlcmF0b3I6c2VjcmV0", "a.b.c"} & set(error["message"].split())


async def test_clients_of_event_streams_find_the_refusal_in_an_event(cloud: Settings) -> None:
    """They take any other status than 200 for a broken connection."""
    headers = {"authorization": "Bearer nonsense", "accept": "text/event-stream", "origin": CLIENT}
    refused = await ask(cloud, headers=headers)
    assert refused.status_code == 200
    assert refused.headers["access-control-allow-origin"] == CLIENT
    event, _, _ = bytes(refused.body).partition(b"\n\n")
    assert event.startswith(b"event: next\ndata: ")
    assert json.loads(event.partition(b"data: ")[2])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_of_two_tokens_none_counts(cloud: Settings) -> None:
    """What stands before the function may add one; nobody can say which is meant."""
    deployment = Deployment(cloud)
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer a.b.c"), (b"authorization", b"Bearer d.e.f")]
    scope = {"type": "http", "method": "GET", "path": "/graphql", "scheme": "http", "headers": headers, "client": None}
    assert (await deployment.handle(Request({**scope, "query_string": b""}))).status_code == 401
    await deployment.close()


@pytest.mark.parametrize(
    "origins", ["*", "null", "https://*.example", "zoo.example", "https://zoo.example/path", "https://a@b", "https://"]
)
def test_an_origin_that_no_browser_sends_is_refused_at_the_start(origins: str) -> None:
    """A setting that allows nothing, or everything, is a mistake that shows."""
    with pytest.raises(InvalidInput, match=r"ZOO_ALLOWED_ORIGINS is .*; it must be origins by commas"):
        Settings.from_environ({**CLOUD, "ZOO_ALLOWED_ORIGINS": origins})
