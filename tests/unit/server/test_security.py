"""The guard: who may talk to a zoo that asks nobody for a password."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest
from ainimal_zookeeper.domain.addresses import host_name, is_loopback
from ainimal_zookeeper.server.app import application, route
from ainimal_zookeeper.server.security import Hosts
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


async def answer(request: Request) -> Response:
    return PlainTextResponse(request.path_params.get("rest") or "here")


async def ask(
    host: str,
    *,
    method: str = "GET",
    path: str = "/graphql",
    bound: str = "127.0.0.1",
    allowed: Sequence[str] = (),
    **headers: str,
) -> httpx.Response:
    app = application(
        routes=[route("/graphql", answer), route("/bucket/", answer)],
        client=False,
        bound=bound,
        allowed_origins=allowed,
    )
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://zoo") as client:
        return await client.request(method, path, headers={"Host": host, **given})


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST", "[::1]:3000", "127.0.0.2"])
async def test_loopback_host_is_served(host: str) -> None:
    """The names of this machine are the zoo's."""
    assert (await ask(host)).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "localhost.evil.example", "10.0.0.1", "[::", ""])
async def test_foreign_host_is_refused(host: str) -> None:
    """A page that points its own name at 127.0.0.1 cannot read the zoo (DNS rebinding)."""
    refused = await ask(host)
    assert refused.status_code == 421
    assert "allowed_origins" in refused.json()["message"]
    assert refused.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost.evil.example", "file://", "http://[", "http://10.0.0.1"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_foreign_origin_is_refused(origin: str, method: str) -> None:
    """A page of another site gets nothing but the refusal, and no permission to read that."""
    refused = await ask("127.0.0.1:3000", method=method, Origin=origin, Access_Control_Request_Method="POST")
    assert refused.status_code == 403
    assert origin in refused.json()["message"]
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    "origin", ["http://localhost:8080", "http://127.0.0.1:5173", "http://[::1]:80", "https://zoo.example"]
)
async def test_allowed_origin_may_read_the_answers(origin: str) -> None:
    """The client served alone on this machine and the origins of the configuration get CORS headers."""
    served = await ask("127.0.0.1:3000", allowed=["https://zoo.example/"], Origin=origin)
    assert served.status_code == 200
    assert served.headers["access-control-allow-origin"] == origin
    assert "origin" in served.headers["vary"].lower()


async def test_own_origin_needs_no_permission() -> None:
    """The zoo's own pages are not foreign to it."""
    served = await ask("127.0.0.1:3000", Origin="http://127.0.0.1:3000")
    assert served.status_code == 200
    assert "access-control-allow-origin" not in served.headers


async def test_preflight_of_an_allowed_origin_is_answered() -> None:
    """A browser may send JSON from an allowed origin, also from a public page to this private address."""
    headers = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Private_Network": "true"}
    served = await ask("127.0.0.1:3000", method="OPTIONS", Origin="http://localhost:8080", **headers)
    assert served.status_code == 204
    assert "POST" in served.headers["access-control-allow-methods"]
    assert "Content-Type" in served.headers["access-control-allow-headers"]
    assert served.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize(("mode", "status"), [("no-cors", 403), ("navigate", 200)])
async def test_images_of_other_sites_are_refused_and_links_are_not(mode: str, status: int) -> None:
    """Requests without an Origin are judged by where the browser says that they come from."""
    served = await ask("127.0.0.1:3000", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode=mode)
    assert served.status_code == status


async def test_every_answer_carries_the_security_headers() -> None:
    """Nothing that the zoo answers may be framed, guessed or scripted."""
    headers = (await ask("localhost")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("bound", "header", "served"),
    [
        ("0.0.0.0", "192.168.1.7:3000", True),
        ("0.0.0.0", "evil.example", False),
        ("zoo.home", "zoo.home:3000", True),
        ("127.0.0.1", "192.168.1.7", False),
        ("127.0.0.1", "proxied.example", True),
    ],
)
def test_names_follow_from_where_the_zoo_listens(bound: str, header: str, served: bool) -> None:
    """Beyond loopback every address is the zoo's, and still no name but its own."""
    assert Hosts(bound, ["https://proxied.example"]).has(header) is served


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("localhost.evil", False),
        ("192.168.0.1", False),
    ],
)
def test_loopback_is_recognised(host: str, expected: bool) -> None:
    """Only what can never leave this machine counts as loopback."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Zoo.example:80", "zoo.example"),
        ("[::1]:8000", "::1"),
        ("{zoo}.example", "{zoo}.example"),
        ("localhost?.example", ""),
        ("me@localhost", ""),
        ("[::1", ""),
        (":80", ""),
        ("", ""),
    ],
)
def test_the_name_in_a_host_header_is_all_of_it(header: str, name: str) -> None:
    """Whatever a browser could send for a name of somebody else's is not taken for another name."""
    assert host_name(header) == name


async def test_paths_below_a_folder_reach_its_handler() -> None:
    """A handler of a folder gets everything below it, and other paths nobody."""
    assert (await ask("localhost", path="/bucket/a/b")).text == "a/b"
    assert (await ask("localhost", path="/other")).status_code == 404
    assert "without its web client" in (await ask("localhost", path="/")).text
