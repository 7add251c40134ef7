"""Links to objects: whoever has one reads or creates exactly what it is for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.server.app import application, route
from ainimal_zookeeper.server.objects import Objects

from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def bucket(tmp_path: Path, clock: FakeClock) -> DirectoryBucket:
    return DirectoryBucket(tmp_path, "http://127.0.0.1/bucket", b"secret", clock)


@pytest.fixture
async def client(bucket: DirectoryBucket) -> AsyncIterator[httpx.AsyncClient]:
    app = application(
        routes=[route("/bucket/", Objects(bucket).handle)], client=False, bound="127.0.0.1", allowed_origins=()
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        yield client


async def test_upload_creates_the_object_once(client: httpx.AsyncClient, bucket: DirectoryBucket) -> None:
    """A link to create works for one object, and never replaces it."""
    url = bucket.sign_put("runs/ins_1/1/a b.bin", 5).url
    created = await client.put(url, content=b"hello", headers={"Content-Type": "text/x-test"})
    assert created.status_code == 201
    assert bucket.get("runs/ins_1/1/a b.bin") == b"hello"
    again = await client.put(url, content=b"other")
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")
    assert bucket.get("runs/ins_1/1/a b.bin") == b"hello"


@pytest.mark.parametrize("content", [b"four", b"longer"])
async def test_upload_of_another_size_leaves_nothing(
    client: httpx.AsyncClient, bucket: DirectoryBucket, content: bytes
) -> None:
    """What is shorter or longer than announced is no object."""
    refused = await client.put(bucket.sign_put("a", 5).url, content=content)
    assert refused.status_code == 400
    assert bucket.info("a") is None


async def test_object_is_read_whole_and_by_ranges(client: httpx.AsyncClient, bucket: DirectoryBucket) -> None:
    """Players seek: a range of bytes is answered with just that."""
    bucket.put("a", b"0123456789", content_type="application/x-test")
    url = bucket.sign_get("a").url
    whole = await client.get(url)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-type"] == "application/x-test"
    assert whole.headers["content-disposition"] == "attachment"
    part = await client.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert (await client.get(url, headers={"Range": "bytes=99-"})).status_code == 416
    assert (await client.head(url)).headers["content-length"] == "10"


async def test_share_is_read_by_ranges_and_from_pages_of_this_machine(
    client: httpx.AsyncClient, bucket: DirectoryBucket
) -> None:
    """A recording is scrubbed by ranges below its prefix, also by a web client that is served alone."""
    bucket.put("runs/a/0.mcap", b"0123456789")
    share = bucket.share("runs/a/")
    part = await client.get(f"{share.base_url}0.mcap", headers={**share.headers, "Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    asked = {"Origin": "http://localhost:1", "Access-Control-Request-Method": "GET"}
    asked["Access-Control-Request-Headers"] = "authorization, range"
    granted = (await client.options(f"{share.base_url}0.mcap", headers=asked)).headers
    assert {"Authorization", "Range"} <= set(granted["access-control-allow-headers"].split(", "))
    headers = {**share.headers, "Range": "bytes=2-4", "Origin": "http://localhost:1"}
    told = (await client.get(f"{share.base_url}0.mcap", headers=headers)).headers
    assert told["access-control-allow-origin"] == "http://localhost:1"
    assert "Content-Range" in told["access-control-expose-headers"]
    assert (await client.get(f"{share.base_url}../b", headers=share.headers)).status_code == 403


async def test_links_allow_nothing_else(client: httpx.AsyncClient, bucket: DirectoryBucket, clock: FakeClock) -> None:
    """Another name, another method, a changed signature and a late request are refused."""
    bucket.put("a", b"x")
    bucket.put("b", b"y")
    url = bucket.sign_get("a").url
    tries = [
        await client.get(url.replace("/a?", "/b?")),
        await client.put(url, content=b"z"),
        await client.delete(url),
        await client.get(url[:-1] + ("0" if url[-1] != "0" else "1")),
        await client.get("http://127.0.0.1/bucket/a"),
    ]
    assert [refused.status_code for refused in tries] == [403] * 5
    clock.advance(901)
    assert (await client.get(url)).status_code == 403
    assert (await client.get(bucket.sign_get("absent").url)).status_code == 404
