"""The application: the web client beside the API, also when it is not there."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from ainimal_zookeeper.server.app import application, site


async def get(path: str, web: Path, *links: str) -> httpx.Response:
    app = application(routes=(), client=True, bound="127.0.0.1", allowed_origins=(), web=web, links=links)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        return await client.get(path, headers={"Accept-Encoding": "br, gzip"})


@pytest.fixture
def web(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>zoo</title>")
    (tmp_path / "assets" / "main-1a2b.js").write_text("export {}")
    return tmp_path


async def test_client_is_served_with_its_cache_rules(web: Path) -> None:
    """The page is asked for each time, hashed files never again, and every path of the client is its page."""
    page = await get("/", web)
    assert page.headers["cache-control"] == "no-cache"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert (
        "script-src" in page.headers["content-security-policy"]
        or "default-src 'self'" in (page.headers["content-security-policy"])
    )
    assert (await get("/instances/ins_1", web)).text == page.text
    script = await get("/assets/main-1a2b.js", web)
    assert "immutable" in script.headers["cache-control"]
    assert (await get("/assets/absent.js", web)).status_code == 404


async def test_a_page_may_send_files_to_where_links_lead(web: Path) -> None:
    """To the zoo and the bucket that is elsewhere, and to nobody else."""
    assert "connect-src 'self';" in (await get("/", web)).headers["content-security-policy"]
    policy = (await get("/", web, "http://127.0.0.1:4443")).headers["content-security-policy"]
    assert "connect-src 'self' http://127.0.0.1:4443;" in policy


async def test_page_says_how_to_build_the_client(tmp_path: Path) -> None:
    """A zoo without a built client is no riddle."""
    page = await get("/", tmp_path)
    assert page.status_code == 200
    assert "make client" in page.text
    assert site(client=False) is not None
