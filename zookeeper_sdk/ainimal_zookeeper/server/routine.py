"""Routine: what a zoo does on its own on every profile, from the first launch to the end of the last process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Thread

from graphql_api.launch import Launches

from ainimal_zookeeper.config import Compilation
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.compute import Compute
from ainimal_zookeeper.ports.store import DocumentStore
from ainimal_zookeeper.provenance import Provenance

from .autostart import Autostart
from .catalogue import Catalogue
from .lineages import Lineages
from .processes import SideProcesses
from .scans import Scans
from .ticker import Ticker

RECONCILE_S = 1.0
RESCAN_S = 2.0


class Routine:
    """Keeps the catalogue up to date, the reconciler going, and launches and side processes running.

    reconcile: runs the reconciler once. compute: where instances run. grace_s: for instances, which save, and side
    processes when they end. environ: of this process, for git.
    """

    def __init__(
        self,
        compilation: Compilation,
        *,
        store: DocumentStore,
        bucket: Bucket,
        clock: Clock,
        environ: Mapping[str, str],
        launches: Launches,
        processes: SideProcesses,
        compute: Compute,
        reconcile: Callable[[], None],
        grace_s: float,
    ) -> None:
        self._compilation = compilation
        provenance = Provenance(compilation.home, environ, at_hand=True)
        self._catalogue = Catalogue(store, compilation, provenance)
        self._lineages = Lineages(store=store, bucket=bucket, clock=clock, provenance=provenance)
        self._scans = Scans(store=store, bucket=bucket, home=compilation.home, environ=environ)
        self._autostart = Autostart(store=store, launches=launches)
        self._processes = processes
        self._compute = compute
        self._reconcile = reconcile
        self._grace_s = grace_s
        self._tickers: list[Ticker] = []

    def furnish(self) -> None:
        """Puts the catalogue in place."""
        self._catalogue.write()

    def look(self) -> None:
        """Publishes the models as they are now, so that whoever is about to be started is known by what it loads.

        What is in the way of that is in no launch's way.
        """
        try:
            self._catalogue.rescan()
        except Exception:  # noqa: BLE001  the catalogue's own ticker comes to the same, and says so
            return

    def start(self) -> None:
        """Begins once launches are taken."""
        self._tickers = [
            Ticker("reconciler", self._reconcile, RECONCILE_S),
            Ticker("catalogue", self._catalogue.rescan, RESCAN_S),
            Ticker("scans", self._scans.look, RESCAN_S),
        ]
        self._lineages.start()
        self._autostart.run(self._compilation)
        self._processes.start()

    def rest(self) -> None:
        """Begins nothing more."""
        self._lineages.close()
        self._scans.close()
        for ticker in self._tickers:
            ticker.close()

    def end(self) -> None:
        """Ends instances and side processes, at most `grace_s` seconds late."""
        closing = Thread(target=self._processes.close, args=(self._grace_s,), name="side-processes")
        closing.start()
        self._compute.close(self._grace_s)
        closing.join()

    def kill(self) -> None:
        """Ends all of them at once."""
        self._processes.close(0)
        self._compute.close(0)
