"""Identity without users: whoever sits at this computer."""

from __future__ import annotations

from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.addresses import is_loopback
from ainimal_zookeeper.ports.identity import Visit


class LoopbackIdentity:
    """An `Identity`: whoever comes from this computer is the operator, and others are nobody.

    A name that leads here counts only where it can lead nowhere else: the page of a site that points its own name at
    127.0.0.1 comes from this computer, too. Pages of other sites that ask for 127.0.0.1 itself must have been refused
    before, by their origin. What is brought proves nothing here and is not looked at.
    """

    async def principal(self, visit: Visit) -> Principal:
        here = visit.client is not None and is_loopback(visit.client) and is_loopback(visit.host)
        return Principal.operator() if here else Principal.nobody()

    def close(self) -> None:
        """There is nothing to let go of."""
