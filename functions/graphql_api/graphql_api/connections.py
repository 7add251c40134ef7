"""Pages of the store as Relay connections, with filters that no query answers by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.queries import BoundQuery, Page

from .records import Records

_MAX_SCANNED = 1_000  # documents looked at for one page; a page that ends there may be short and says what follows

Filter = Callable[[Document], bool]


@dataclass(frozen=True, slots=True)
class Slice:
    """A page before it is shown."""

    documents: list[Document]
    has_next: bool
    end_cursor: str | None

    @property
    def page_info(self) -> dict[str, object]:
        return {"hasNextPage": self.has_next, "endCursor": self.end_cursor}


async def page(records: Records, query: BoundQuery, first: int, after: str | None, keep: Filter | None) -> Slice:
    """Returns the first `first` documents behind `after` that `keep` keeps; None keeps all."""
    if keep is None:
        result = await records.query(query, Page(first, after))
        cursor = result.cursors[-1] if result.cursors else None
        return Slice(list(result.documents), result.has_next, cursor)
    kept: list[Document] = []
    cursor = after
    scanned = 0
    while True:
        result = await records.query(query, Page(max(first, 100), cursor))
        for position, (document, place) in enumerate(zip(result.documents, result.cursors, strict=True)):
            cursor = place
            if keep(document):
                kept.append(document)
                if len(kept) == first:
                    more = result.has_next or position + 1 < len(result.documents)
                    return Slice(kept, more, cursor)
        scanned += len(result.documents)
        if not result.has_next or scanned >= _MAX_SCANNED:
            return Slice(kept, result.has_next, cursor if result.has_next or kept else None)
