"""Streams of viewers whose proof of who they are expires."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest_asyncio
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.domain.access import Principal
from graphql_api.api import Api
from graphql_api.stream import StreamSettings

from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.queue import FakeQueue
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

LIVE = "subscription($i:LiveInput!){live(input:$i){kind cursor}}"


@pytest_asyncio.fixture
async def hurried(store: MemoryStore, clock: FakeClock) -> AsyncIterator[Api]:
    """An API whose streams overlap for a tenth of a second."""
    made = Api(
        store=store,
        queue=FakeQueue(),
        dialer=LoopbackDialer(),
        bucket=MemoryBucket,
        clock=clock,
        ids=SequentialIds(),
        secret=zoo.SECRET,
        streams=StreamSettings(overlap_s=0.1, least_s=0.02),
    )
    yield made
    await made.close()


def viewer(clock: FakeClock, left_s: float) -> Principal:
    return Principal("ada", "OPERATOR", clock.now() + timedelta(seconds=left_s))


async def test_a_stream_makes_room_before_its_token_expires_and_ends_when_it_does(
    hurried: Api, clock: FakeClock
) -> None:
    """So that a client with a fresh token misses nothing, and one without is not told more."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with Visitor(hurried, viewer(clock, 0.5)).watch(LIVE, i={}) as tab:
        assert (await tab.live())["kind"] == "SNAPSHOT"
        rotation = await tab.live()
        assert rotation["kind"] == "ROTATE"
        assert loop.time() - began < 0.5
        async with Visitor(hurried, viewer(clock, 3600.0)).watch(LIVE, i={"since": rotation["cursor"]}) as fresh:
            assert (await fresh.live())["kind"] == "SNAPSHOT"
            assert await tab.event() is None
            assert loop.time() - began >= 0.49
            assert hurried.open_streams == 1


async def test_a_viewer_who_does_not_refresh_comes_back_a_few_times_at_most(hurried: Api, clock: FakeClock) -> None:
    """A token that is about to expire must not make a client open streams without a pause."""
    loop = asyncio.get_running_loop()
    began, start, opened = loop.time(), clock.now(), 0
    token = viewer(clock, 0.4)
    while loop.time() - began < 0.4:
        clock.set(start + timedelta(seconds=loop.time() - began))
        async with Visitor(hurried, token).watch(LIVE, i={}) as tab:
            opened += 1
            while (told := await tab.event()) is not None and told["data"]["live"]["kind"] != "ROTATE":
                pass
    assert 2 <= opened <= 8


async def test_what_proves_a_viewer_is_no_part_of_who_it_is(clock: FakeClock) -> None:
    """Two tokens of one user are one user."""
    assert viewer(clock, 1.0) == replace(viewer(clock, 1.0), expires_at=None)
