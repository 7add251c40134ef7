"""Waiting for the answer to a request to save, over a watch that others may hold open already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Document, InstanceDoc
from graphql_api.saves import Saves

from tests.fakes import zoo

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


class FakeTopics:
    """Shows rows when the test says so."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[list[Document]], None]] = []

    def join(self, _target: Any, listener: Callable[[list[Document]], None]) -> None:
        self.listeners.append(listener)

    def leave(self, _target: Any, listener: Callable[[list[Document]], None]) -> None:
        self.listeners.remove(listener)

    def show(self, row: InstanceDoc) -> None:
        for listener in self.listeners:
            listener([cast(Document, row)])


def running() -> InstanceDoc:
    claimed = lifecycle.claim(zoo.instance(NOW), 1, NOW)
    return lifecycle.report(claimed, 1, {"phase": "RUNNING"}, NOW)


async def test_a_row_from_before_the_request_is_no_answer() -> None:
    """It neither has the request nor tells that another has taken its place."""
    before = running()
    asked = lifecycle.save(before, {"id": "sav_1", "tag": None, "authorId": None})
    answered = lifecycle.saved(asked, {"id": "sav_1", "checkpointId": "chk_1", "failure": None})
    again = lifecycle.save(answered, {"id": "sav_2", "tag": None, "authorId": None})
    topics = FakeTopics()
    saves = Saves(
        topics=cast(Any, topics), records=cast(Any, None), checkpoints=cast(Any, None), patience_s=10, leave_s=1
    )

    waiting = asyncio.create_task(saves.outcome(again, "sav_2"))
    await asyncio.sleep(0)
    for row in (before, asked, answered, again):
        topics.show(row)
    await asyncio.sleep(0)
    assert not waiting.done()
    topics.show(lifecycle.saved(again, {"id": "sav_2", "checkpointId": "chk_2", "failure": None}))

    assert await waiting == "chk_2"
    assert topics.listeners == []
