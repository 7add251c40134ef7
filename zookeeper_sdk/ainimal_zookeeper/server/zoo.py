"""Zoo: what is served, on whichever profile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Protocol

from starlette.routing import BaseRoute

from ainimal_zookeeper.domain.errors import ZookeeperError

Fail = Callable[[ZookeeperError], None]


class Zoo(Protocol):
    """A whole zoo, but for the server that answers by `routes`. Its functions block, but for `close`."""

    @property
    def profile(self) -> str:
        """Where it runs, as ZOO_PROFILE says it."""
        ...

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """Who answers which path."""
        ...

    @property
    def links(self) -> Sequence[str]:
        """Origins to which the links of its bucket lead, where they are not the zoo's own: pages send files there."""
        ...

    def furnish(self) -> None:
        """Puts the catalogue in place, so that the first request finds it. Raises: DataCorrupt, Transient."""
        ...

    def start(self, fail: Fail) -> None:
        """Settles what an earlier zoo left, then starts everything that runs on its own. Returns soon.

        fail: may be called later, in any thread, with what makes it impossible to go on. Raises: ZookeeperError.
        """
        ...

    def stop(self) -> None:
        """Ends instances and side processes, within a few seconds.

        Runners save and report meanwhile: `routes` must be served until this returns.
        """
        ...

    async def close(self) -> None:
        """Ends open streams and closes what was opened, on the loop that served."""
        ...

    def kill(self) -> None:
        """Ends every process at once."""
        ...


def version() -> str:
    """Returns the version of the installed package; a clone that is not installed has none."""
    try:
        return metadata.version("ainimal-zookeeper")
    except metadata.PackageNotFoundError:
        return "0"
