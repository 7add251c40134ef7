"""Identity without users: whoever sits at this computer."""

from __future__ import annotations

from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.ports.identity import Visit


class LoopbackIdentity:
    """An `Identity`: whoever comes from this computer is the operator, and others are nobody.

    What is brought proves nothing here and is not looked at.
    """

    async def principal(self, visit: Visit) -> Principal:
        return Principal.operator() if visit.is_local else Principal.nobody()

    def close(self) -> None:
        """There is nothing to let go of."""
