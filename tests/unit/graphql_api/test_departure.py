"""SIGTERM reaches the API, and everybody who listened for it before."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from importlib import import_module
from importlib.util import find_spec

import pytest
from graphql_api.departure import Departure

LOOPS = ["asyncio", *(["uvloop"] if find_spec("uvloop") else [])]  # servers take the second where it is installed
WAIT_S = 10.0


@pytest.mark.parametrize("library", LOOPS)
def test_a_host_that_handles_the_signal_on_its_loop_still_does(library: str) -> None:
    """The API hears of it first and the host as ever."""

    async def leave() -> None:
        loop = asyncio.get_running_loop()
        host, api = asyncio.Event(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, host.set)
        departure = Departure(api.set)
        departure.expect()
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(host.wait(), api.wait())
        finally:
            departure.forget()
            loop.remove_signal_handler(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with asyncio.Runner(loop_factory=import_module(library).new_event_loop) as runner:
        runner.run(leave())
    signal.signal(signal.SIGTERM, before)


async def test_the_handler_of_a_server_is_called_and_given_back() -> None:
    """uvicorn's stops it from taking more, which the API's must not prevent."""
    asked: list[int] = []
    api = asyncio.Event()
    before = signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    server = signal.getsignal(signal.SIGTERM)
    departure = Departure(api.set)
    departure.expect()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(WAIT_S):
            await api.wait()
        departure.forget()
        assert asked == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is server
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_it_leaves_signals_alone() -> None:
    """There they belong to whoever started the thread."""
    before = signal.getsignal(signal.SIGTERM)

    async def expect() -> None:
        departure = Departure(lambda: None)
        departure.expect()
        departure.forget()

    thread = threading.Thread(target=lambda: asyncio.run(expect()))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
