"""The composition root of the embedded zoo: which adapters, and which function gets what."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from threading import Thread

from graphql_api.api import Api
from job_launcher import Launcher, Reconciler
from runner_link import RunnerLink, RunnerSettings

from ainimal_zookeeper.config import Compilation
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC
from ainimal_zookeeper.profiles.embedded import EmbeddedProfile

from .app import Handler
from .autostart import Autostart
from .catalogue import Catalogue
from .objects import Objects
from .processes import SideProcesses
from .state import StateDirectory
from .ticker import Ticker

GRACE_S = 3.5  # for instances, which save, and side processes; with all the rest a stop stays below 5 s
RECONCILE_S = 1.0
RESCAN_S = 2.0


def version() -> str:
    """Returns the version of the installed package; a clone that is not installed has none."""
    try:
        return metadata.version("ainimal-zookeeper")
    except metadata.PackageNotFoundError:
        return "0"


class Zoo:
    """A whole zoo in this process, but for the server that passes requests on to `handlers`."""

    def __init__(self, compilation: Compilation, state: StateDirectory, url: str) -> None:
        """`url` is where runners on this machine reach the zoo. Raises: DataCorrupt, Transient for a bad store."""
        self._compilation = compilation
        profile = EmbeddedProfile(state.path, url, state.secret, compilation.home)
        clock, ids, secret = profile.clock, profile.ids, profile.secret
        self._store, self._queue, self._compute = profile.store, profile.queue, profile.compute
        self._processes = SideProcesses(compilation.processes, state.logs, clock)
        self._launcher = Launcher(
            store=self._store, compute=self._compute, clock=clock, secret=secret, link_url=f"{url}/runner"
        )
        self._reconciler = Reconciler(store=self._store, queue=self._queue, compute=self._compute, clock=clock, ids=ids)
        self._link = RunnerLink(
            store=self._store,
            bucket=profile.bucket,
            clock=clock,
            ids=ids,
            secret=secret,
            secrets=compilation.secrets,
            settings=RunnerSettings(graceSeconds=GRACE_S),
        )
        self._api = Api(
            store=self._store,
            queue=self._queue,
            dialer=profile.dialer,
            clock=clock,
            ids=ids,
            secret=secret,
            profile=profile.name,
            version=version(),
            processes=self._processes.snapshot,
        )
        self._objects = Objects(profile.bucket)
        self._catalogue = Catalogue(self._store, compilation)
        self._autostart = Autostart(store=self._store, api=self._api)
        self._tickers: list[Ticker] = []

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Who answers which path."""
        return {
            "/graphql": self._api.handle,
            "/healthz": self._api.handle,
            "/runner/": self._link.handle,
            "/bucket/": self._objects.handle,
        }

    def furnish(self) -> None:
        """Puts the catalogue in place, so that the first request finds it."""
        self._catalogue.write()

    def start(self) -> None:
        """Settles what an earlier zoo left, then starts everything that runs on its own. Returns at once."""
        self._reconciler.run_once()
        self._queue.subscribe(LAUNCH_TOPIC, self._launcher.deliver)
        self._tickers = [
            Ticker("reconciler", self._reconciler.run_once, RECONCILE_S),
            Ticker("catalogue", self._catalogue.rescan, RESCAN_S),
        ]
        self._autostart.run(self._compilation)
        self._processes.start()

    def stop(self) -> None:
        """Ends instances and side processes, at most `GRACE_S` seconds late.

        Runners save and report meanwhile: the store stays open, and `handlers` must be served until this returns.
        """
        for ticker in self._tickers:
            ticker.close()
        self._queue.close()
        closing = Thread(target=self._processes.close, args=(GRACE_S,), name="side-processes")
        closing.start()
        self._compute.close(GRACE_S)
        closing.join()

    def kill(self) -> None:
        """Ends every process at once."""
        self._processes.close(0)
        self._compute.close(0)

    async def close(self) -> None:
        """Ends open streams and closes the store."""
        await self._api.close()
        self._store.close()
