"""Transcript: the console lines that one stream has not told yet."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from .console import TAIL_LINES, Chunk, Line
from .mark import Mark
from .projection import Shown

PENDING_LINES = 2_000
EVENT_BYTES = 500_000
_TOLD = 64  # lines that are not stored yet, by which a cursor remembers them
_SEEN = 5_000  # as many as a runner can write between two reports


class Transcript:
    """Tells each line once, whether the link or the store brings it first, in one stream or in several.

    What the store has is complete and in order: a mark is the newest chunk of which all was told, and those lines
    after it that the link brought.

    since: the marks that the viewer has in those consoles that are followed. news: called when a line waits.
    """

    def __init__(self, since: Mapping[str, Mark[int]], news: Callable[[], None]) -> None:
        self._since = since
        self._news = news
        self._pages: dict[str, _Page] = {}
        self._pending: deque[tuple[_Page, Line | Chunk]] = deque()

    def begin(self, instance_id: str, chunks: Sequence[Chunk], heard: Sequence[Line]) -> None:
        """Follows a console from here on: `chunks` as far as they are kept. A viewer without a mark gets their tail."""
        mark = self._since.get(instance_id)
        page = self._pages[instance_id] = _Page(mark or Mark(0))
        if mark is None:
            lines = [*(line for chunk in chunks for line in chunk.lines), *heard]
            known = lines[: max(len(lines) - TAIL_LINES, 0)]
        else:
            known = [line for chunk in chunks if chunk.order <= page.order for line in chunk.lines]
        for line in known:
            page.see(line)
        for chunk in chunks:
            self.stored(instance_id, chunk)
        self.heard(instance_id, heard)

    def heard(self, instance_id: str, lines: Sequence[Line]) -> None:
        page = self._pages.get(instance_id)
        if page is not None:
            self._add(page, lines)

    def stored(self, instance_id: str, chunk: Chunk) -> None:
        page = self._pages.get(instance_id)
        if page is not None and chunk.order > page.order:
            page.order = chunk.order
            self._add(page, chunk.lines)
            self._pending.append((page, chunk))

    @property
    def waiting(self) -> bool:
        return any(isinstance(each, Line) for _, each in self._pending)

    @property
    def next_bytes(self) -> int:
        """How much the lines of the next event take."""
        taken = 0
        for _, each in self._pending:
            if isinstance(each, Line):
                if taken and taken + each.size > EVENT_BYTES:
                    break
                taken += each.size
        return taken

    def take(self) -> list[Shown]:
        """Returns the lines of the next event, oldest first; what has no room waits for the one after."""
        told: list[Shown] = []
        room = EVENT_BYTES
        while self._pending:
            _, each = self._pending[0]
            if isinstance(each, Line):
                room -= each.size
                if told and room < 0:
                    self._news()
                    break
                told.append(each.shown)
            self._pass()
        return told

    @property
    def marks(self) -> dict[str, Mark[int]]:
        """The places after what was taken."""
        return {**self._since, **{name: page.mark for name, page in self._pages.items()}}

    def _add(self, page: _Page, lines: Sequence[Line]) -> None:
        fresh = [line for line in lines if page.see(line)]
        self._pending.extend((page, line) for line in fresh)
        while len(self._pending) > PENDING_LINES:
            self._pass()
        if fresh:
            self._news()

    def _pass(self) -> None:
        page, each = self._pending.popleft()
        page.tell(each)


class _Page:
    """One console. order: the newest chunk that came; floor: the newest of which all was told."""

    def __init__(self, mark: Mark[int]) -> None:
        self.order = self._floor = mark.floor
        self._told: OrderedDict[str, None] = OrderedDict.fromkeys(sorted(mark.told))
        self._seen: OrderedDict[str, None] = OrderedDict(self._told)

    def see(self, line: Line) -> bool:
        """Tells whether it is a new one."""
        if line.print in self._seen:
            return False
        self._seen[line.print] = None
        if len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        return True

    def tell(self, told: Line | Chunk) -> None:
        if isinstance(told, Line):
            self._told[told.print] = None
            if len(self._told) > _SEEN:
                self._told.popitem(last=False)
            return
        self._floor = told.order
        for line in told.lines:
            self._told.pop(line.print, None)

    @property
    def mark(self) -> Mark[int]:
        return Mark(self._floor, frozenset(islice(reversed(self._told), _TOLD)))
