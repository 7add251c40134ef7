"""The subscription."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from ..context import Fields, Info, of, selected
from ..projection import Shown


def live(_: Any, info: Info, input: Mapping[str, Any]) -> AsyncGenerator[Shown, None]:
    """Returns the stream of root values, each with one event under `live`."""
    context = of(info)
    stream = context.zoo.streams.new(context.principal, context.outlet, input, selected(info))
    return _roots(stream.events())


async def _roots(events: AsyncGenerator[Shown, None]) -> AsyncGenerator[Shown, None]:
    try:
        async for event in events:
            yield {"live": event}
    finally:
        await events.aclose()


SUBSCRIPTIONS: Fields = {"Subscription": {"live": live}}
