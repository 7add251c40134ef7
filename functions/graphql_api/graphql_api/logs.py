"""Console lines by the page, out of the chunks in which they are stored."""

from __future__ import annotations

from typing import Any

from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.queries import Page

from .records import Records

_CHUNKS = 20
_MAX_TAIL_CHUNKS = 500


def line(instance_id: str, stored: dict[str, str]) -> dict[str, Any]:
    """Returns a `LogLine`."""
    return {"instanceId": instance_id, "at": stored["at"], "stream": stored["stream"], "text": stored["text"]}


async def page(records: Records, instance_id: str, first: int, after: str | None) -> dict[str, Any]:
    """Returns a `LogConnection`, oldest line first.

    A cursor is the store's cursor in front of a chunk and how many lines of that chunk were shown.
    Raises: InvalidInput for a cursor that is none.
    """
    skip, before = _read_cursor(after)
    query = queries.LOGS.bind(instance_id=instance_id)
    lines: list[dict[str, Any]] = []
    cursor = after
    while True:
        result = await records.query(query, Page(_CHUNKS, before))
        for chunk, place in zip(result.documents, result.cursors, strict=True):
            stored = chunk["lines"][skip:]
            taken = stored[: first - len(lines)]
            lines += [line(instance_id, each) for each in taken]
            if taken:
                cursor = f"{skip + len(taken)}.{before or ''}"
            if len(taken) < len(stored):
                return _connection(lines, cursor, more=True)
            skip, before = 0, place
            if len(lines) == first:
                behind = await records.query(query, Page(1, before))
                return _connection(lines, cursor, more=bool(behind.documents))
        if not result.has_next:
            return _connection(lines, cursor, more=False)


async def newer(records: Records, instance_id: str, than: int, count: int) -> list[Document]:
    """Returns chunks after the one of order `than`, oldest first.

    Of more than about `count` lines only the newest come.
    """
    query = queries.LOGS_TAIL.bind(instance_id=instance_id)
    chunks: list[Document] = []
    held = 0
    cursor: str | None = None
    while len(chunks) < _MAX_TAIL_CHUNKS:
        result = await records.query(query, Page(_CHUNKS if cursor or not than else 1, cursor))
        for chunk in result.documents:
            if chunk["order"] <= than or held >= count:
                return chunks[::-1]
            chunks.append(chunk)
            held += len(chunk["lines"])
        if not result.has_next:
            break
        cursor = result.cursors[-1]
    return chunks[::-1]


def _connection(lines: list[dict[str, Any]], cursor: str | None, *, more: bool) -> dict[str, Any]:
    return {"nodes": lines, "pageInfo": {"hasNextPage": more, "endCursor": cursor}}


def _read_cursor(after: str | None) -> tuple[int, str | None]:
    if after is None:
        return 0, None
    skipped, dot, before = after.partition(".")
    if not dot or not skipped.isdecimal():
        raise InvalidInput(f"cursor {after!r} is none of a log's; take one from a page", ("after",))
    return int(skipped), before or None
