"""Identity: who sent a request, as far as it can be proven."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.addresses import is_loopback
from ainimal_zookeeper.domain.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request says of whoever sent it."""

    client: str | None
    """The address that it came from."""
    host: str
    """The name or address under which the zoo was asked, without a port."""
    authorization: str | None = field(default=None, repr=False)
    """The header of that name."""

    @property
    def is_local(self) -> bool:
        """Whether it can only come from this computer: a name that may lead elsewhere, too, does not count.

        The page of a site that points its own name at 127.0.0.1 comes from this computer as well. Pages of other sites
        that ask for 127.0.0.1 itself must have been refused before, by their origin.
        """
        return self.client is not None and is_loopback(self.client) and is_loopback(self.host)

    @property
    def token(self) -> str | None:
        """The bearer token; None where nothing was brought. Raises: Unauthenticated for anything else."""
        if self.authorization is None:
            return None
        scheme, _, token = self.authorization.strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            # What was sent instead is not told: it may be a password.
            raise Unauthenticated("the header Authorization holds no token; send 'Authorization: Bearer <ID token>'")
        return token


class Identity(Protocol):
    """Tells who asks. For one event loop; waits for others elsewhere than on it."""

    async def principal(self, visit: Visit) -> Principal:
        """Returns who sent the request; nobody, where nothing was brought that proves more.

        Raises: Unauthenticated for a proof that does not hold, which never counts as none; Transient when it cannot be
        judged now. Neither tells any part of what was brought.
        """
        ...

    def close(self) -> None:
        """Lets go of what was opened."""
        ...
