"""All links to runners of one process, shared by all streams and commands.

A link lives as long as it has users and lingers a little after the last.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import InstanceDoc
from ainimal_zookeeper.domain.errors import InvalidTransition, Transient
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.live import LiveDialer

from .link import Link, LinkSettings
from .topics import Topics


class Links:
    """All links of one process. For one event loop."""

    def __init__(
        self,
        *,
        topics: Topics,
        dialer: LiveDialer,
        clock: Clock,
        secret: bytes,
        settings: LinkSettings,
    ) -> None:
        self._topics = topics
        self._dialer = dialer
        self._clock = clock
        self._secret = secret
        self._settings = settings
        self._links: dict[str, Link] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Task[dict[str, Any]]] = set()
        self._left = False

    def acquire(self, instance_id: str) -> Link:
        """Returns the link of the instance; `release` it when done."""
        link = self._links.get(instance_id)
        if link is None:
            link = self._links[instance_id] = Link(
                instance_id,
                topics=self._topics,
                dialer=self._dialer,
                clock=self._clock,
                secret=self._secret,
                settings=self._settings,
            )
        link.users += 1
        return link

    def release(self, link: Link) -> None:
        link.users -= 1
        if link.users == 0:
            asyncio.get_running_loop().call_later(self._settings.linger_s, self._end_unused, link)

    def tell(self, row: InstanceDoc) -> None:
        """Lets the runner know what `row` asks for, at once and without waiting; without one, it will ask itself."""
        if row["status"]["liveAddress"] is not None and not lifecycle.is_final(row):
            link = self.acquire(row["id"])
            link.desire(row)
            self.release(link)

    async def infer(self, row: InstanceDoc, inputs: Any, conversation: str | None) -> dict[str, Any]:
        """Returns the runner's answer to `inputs`. Raises: Transient; what refuses it."""
        if lifecycle.is_final(row):
            raise InvalidTransition(f"instance {row['id']} is {row['status']['phase']}; launch a new one")
        if row["status"]["liveAddress"] is None:
            raise Transient(f"instance {row['id']} is {row['status']['phase']} and not ready yet; try again", 1.0)
        link = self.acquire(row["id"])
        asking = asyncio.ensure_future(link.infer(inputs, conversation))
        self._asking.add(asking)
        try:
            return await asking
        except asyncio.CancelledError:
            if self._left:
                raise Transient(f"this process leaves before {row['id']} has answered; ask again", 1.0) from None
            raise
        finally:
            self._asking.discard(asking)
            self.release(link)

    def known(self, instance_id: str) -> InstanceDoc | None:
        """Returns the instance as its link has it, without asking the store; None without a link."""
        link = self._links.get(instance_id)
        return None if link is None else link.row

    async def control(self, row: InstanceDoc, lease_id: str, values: Any, sequence: float) -> float | None:
        """Passes on what a driver sends; returns the step in which it took effect, None where that is not known yet.

        Raises: Transient; what refuses it.
        """
        if row["status"]["liveAddress"] is None:
            raise Transient(f"instance {row['id']} is {row['status']['phase']} and not ready yet; try again", 1.0)
        link = self.acquire(row["id"])
        try:
            return await link.control(lease_id, values, sequence)
        finally:
            self.release(link)

    def depart(self) -> None:
        """Gives up, a little later, what runners have not answered by then."""
        asyncio.get_running_loop().call_later(self._settings.leave_s, self._give_up)

    def _give_up(self) -> None:
        self._left = True
        for asking in list(self._asking):
            asking.cancel()

    @property
    def open(self) -> int:
        """How many links there are, lingering ones too."""
        return len(self._links)

    async def close(self) -> None:
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(link.close() for link in links), *self._endings, return_exceptions=True)

    def _end_unused(self, link: Link) -> None:
        if link.users == 0 and self._links.get(link.instance_id) is link:
            del self._links[link.instance_id]
            ending = asyncio.get_running_loop().create_task(link.close())
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)
