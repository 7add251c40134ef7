"""Rows: the instances and worlds that one stream follows, and what of them its viewer has not been sent yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import cast

from ainimal_zookeeper.domain.access import Principal, decide
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, Ref, instance_ref
from ainimal_zookeeper.domain.lifecycle import is_final
from ainimal_zookeeper.domain.limits import of_world
from ainimal_zookeeper.domain.queries import INSTANCES

from .link import Link
from .links import Links
from .loading import Loader
from .projection import Shown, resource_of
from .selection import Selection
from .topics import Target
from .visibility import visible

LINKED = 32  # of the newest instances, for live statistics

Join = Callable[[Target, Callable[[list[Document]], None]], None]


class FollowedRows:
    """Rows as the store has them, overlaid with what their runners have said since.

    linked: whose links are in use anyway, so that their statistics come however old they are.
    join: follows a target of the store. news: called when a runner has said something new of itself.
    """

    def __init__(
        self,
        *,
        links: Links,
        loader: Loader,
        principal: Principal,
        selection: Selection,
        linked: AbstractSet[str],
        join: Join,
        news: Callable[[], None],
    ) -> None:
        self._all_links = links
        self._loader = loader
        self._principal = principal
        self._selection = selection
        self._linked = linked
        self._join = join
        self._news = news
        self._links: dict[str, Link] = {}
        self._status_listeners: dict[str, Callable[[], None]] = {}
        self._rows: dict[str, InstanceDoc] = {}
        self._named: list[str] = []  # followed by id, whatever the newest are
        self._order: list[str] = []
        self._loaded: dict[str, Shown] = {}
        self._changed: set[str] = set()
        self._overlaid: set[str] = set()
        self._removed: list[str] = []

    def follow_newest(self) -> None:
        self._join(INSTANCES.bind(), self._newest_changed)

    def follow(self, row_id: str) -> None:
        self._named.append(row_id)
        self._order.append(row_id)
        self._join(instance_ref(row_id), partial(self._row_changed, row_id))
        if row_id.startswith("env_") and "connected" in self._selection.get("environmentInstances", {}):
            self._join(Ref(Collections.LIMITS, of_world(row_id)), partial(self._guests_changed, row_id))
        self._link(row_id)

    def remove(self, row_ids: Iterable[str]) -> None:
        """Tells of instances that are gone, or hidden by now, before this stream could follow them."""
        self._removed += row_ids

    def leave(self) -> None:
        """Lets go of the links."""
        for row_id in list(self._links):
            self._unlink(row_id)

    @property
    def waiting(self) -> bool:
        return bool(self._changed or self._overlaid or self._removed)

    async def take(self) -> tuple[list[Shown], list[str]]:
        """Returns the rows to send, of both kinds, and the ids of instances that are gone."""
        changed, overlaid, removed = self._changed, self._overlaid - self._changed, self._removed
        self._changed, self._overlaid, self._removed = set(), set(), []
        rows = [self._current(row_id) for row_id in self._order if row_id in changed]
        await self._load([row for row in rows if row["kind"] == "instance"], "instances")
        await self._load([row for row in rows if row["kind"] == "environment"], "environmentInstances")
        self._refresh([self._current(row_id) for row_id in self._order if row_id in overlaid])
        told = [
            self._loaded[row_id] for row_id in self._order if row_id in changed | overlaid and row_id in self._loaded
        ]
        return told, [row_id for row_id in removed if row_id not in self._rows]

    # --- what comes in -----------------------------------------------------------------------------------------------

    def _newest_changed(self, found: list[Document]) -> None:
        state = [row for row in found if decide(self._principal, "OBSERVE", resource_of(cast(InstanceDoc, row)))]
        ids = [document["id"] for document in state]
        for row_id in set(self._order) - set(ids) - set(self._named):
            self._forget(row_id)
        self._order = [*ids, *self._named]
        for document in state:
            self._note(cast(InstanceDoc, document))
        listening = [row_id for row_id in ids if _listens(self._rows[row_id])]
        linked = [*listening[:LINKED], *(row_id for row_id in listening[LINKED:] if row_id in self._linked)]
        for row_id in set(self._links) - set(linked) - set(self._named):
            self._unlink(row_id)
        for row_id in linked:
            self._link(row_id)

    def _row_changed(self, row_id: str, state: list[Document]) -> None:
        if state:
            self._note(cast(InstanceDoc, state[0]))
        elif row_id in self._rows:
            self._forget(row_id)

    def _guests_changed(self, row_id: str, _: list[Document]) -> None:
        if row_id in self._rows:
            self._changed.add(row_id)

    def _note(self, row: InstanceDoc) -> None:
        if self._rows.get(row["id"]) is not row:
            self._rows[row["id"]] = row
            self._changed.add(row["id"])

    def _forget(self, row_id: str) -> None:
        self._rows.pop(row_id, None)
        shown = self._loaded.pop(row_id, None)
        self._changed.discard(row_id)
        self._overlaid.discard(row_id)
        self._order = [other for other in self._order if other != row_id]
        if shown is not None and not row_id.startswith("env_"):
            self._removed.append(row_id)

    def _link(self, row_id: str) -> None:
        if row_id not in self._links:
            link = self._links[row_id] = self._all_links.acquire(row_id)
            listener = self._status_listeners[row_id] = partial(self._status_came, row_id)
            link.follow_status(listener)

    def _unlink(self, row_id: str) -> None:
        link = self._links.pop(row_id)
        link.unfollow_status(self._status_listeners.pop(row_id))
        self._all_links.release(link)

    def _status_came(self, row_id: str) -> None:
        if row_id in self._rows:
            self._overlaid.add(row_id)
            self._news()

    # --- what goes out -----------------------------------------------------------------------------------------------

    def _current(self, row_id: str) -> InstanceDoc:
        row = self._rows[row_id]
        link = self._links.get(row_id)
        return row if link is None else link.overlaid(row)

    async def _load(self, rows: Sequence[InstanceDoc], key: str) -> None:
        """Loads rows anew with all that is selected around them."""
        if not rows:
            return
        load = self._loader.instances if key == "instances" else self._loader.environment_instances
        for shown in await load([cast(Document, row) for row in rows], self._selection.get(key, {})):
            self._loaded[shown["id"]] = shown

    def _refresh(self, rows: Sequence[InstanceDoc]) -> None:
        """Shows what a runner has said of itself; what lies around the row was loaded with its last change."""
        for row in rows:
            shown = visible(cast(Document, row), self._principal)
            if shown is not None and row["id"] in self._loaded:
                self._loaded[row["id"]] = {**self._loaded[row["id"]], **shown}


def _listens(row: InstanceDoc) -> bool:
    return row["status"]["liveAddress"] is not None and not is_final(row)
