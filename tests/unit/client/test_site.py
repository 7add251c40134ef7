"""The served web client."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from ainimal_zookeeper.client.site import WebClient
from ainimal_zookeeper.domain.errors import NotFound
from starlette.applications import Starlette
from starlette.routing import Mount


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as the build leaves it."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>zoo</title>")
    (tmp_path / "assets" / "app-abc.js").write_text("run()")
    (tmp_path / "icon.svg").write_text("<svg/>")
    return tmp_path


def serving(folder: Path) -> httpx.AsyncClient:
    application = Starlette(routes=[Mount("/", WebClient(directory=folder))])
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://zoo.test")


@pytest.fixture
async def browser(built: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(built) as browser:
        yield browser


@pytest.mark.parametrize("path", ["/", "/instances/ins_1", "/models"])
async def test_the_page_answers_every_route(browser: httpx.AsyncClient, path: str) -> None:
    """The page routes by itself, so that a deep link can be opened and reloaded."""
    response = await browser.get(path)

    assert (response.status_code, response.text) == (200, "<title>zoo</title>")
    assert response.headers["cache-control"] == "no-cache"


async def test_a_missing_file_is_missing(browser: httpx.AsyncClient) -> None:
    """A script that is not there is not answered with the page."""
    assert (await browser.get("/assets/app-old.js")).status_code == 404


async def test_hashed_files_are_kept_by_browsers(browser: httpx.AsyncClient) -> None:
    """What carries its hash in the name never changes; the rest is asked for again."""
    assert "immutable" in (await browser.get("/assets/app-abc.js")).headers["cache-control"]
    assert (await browser.get("/icon.svg")).headers["cache-control"] == "no-cache"


async def test_the_page_is_protected(browser: httpx.AsyncClient) -> None:
    """No inline script, no frame around it, no guessed types."""
    headers = (await browser.get("/")).headers

    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt"])
async def test_nothing_outside_is_served(built: Path, path: str) -> None:
    """Paths cannot climb out of the folder."""
    inner = built / "assets"
    (inner / "index.html").write_text("inner")
    (built / "secret.txt").write_text("secret")

    async with serving(inner) as browser:
        assert "secret" not in (await browser.get(path)).text


def test_an_unbuilt_client_says_how_to_build_it(tmp_path: Path) -> None:
    """The message names the missing file and the next step."""
    with pytest.raises(NotFound, match=r"index\.html is missing; in a clone run `make run` once"):
        WebClient(directory=tmp_path)


def test_the_command_refuses_a_port_in_use() -> None:
    """Without a stack trace."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "ainimal_zookeeper.client", "--port", port],
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "try --port 0" in done.stderr or "is not built" in done.stderr
