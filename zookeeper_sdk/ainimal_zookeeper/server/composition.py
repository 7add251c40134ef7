"""The composition root of the embedded zoo: which adapters, and which function gets what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphql_api.api import Api
from graphql_api.launch import Launches
from job_launcher import Launcher, Reconciler
from runner_link import RunnerLink, RunnerSettings
from starlette.routing import BaseRoute

from ainimal_zookeeper.config import Compilation
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Delivery, Message
from ainimal_zookeeper.profiles.embedded import EmbeddedProfile

from .app import route
from .objects import Objects
from .processes import SideProcesses
from .routine import Routine
from .state import StateDirectory
from .zoo import Fail, version

GRACE_S = 3.5  # for instances, which save, and side processes; with all the rest a stop stays below 5 s


class EmbeddedZoo:
    """A `Zoo` in this process and files of one folder."""

    profile = "embedded"
    links: Sequence[str] = ()

    def __init__(self, compilation: Compilation, state: StateDirectory, url: str, environ: Mapping[str, str]) -> None:
        """`url` is where runners on this machine reach the zoo, `environ` of this process.

        Raises: DataCorrupt, Transient for a bad store.
        """
        profile = EmbeddedProfile(state.path, url, state.secret, compilation.home)
        clock, ids, secret = profile.clock, profile.ids, profile.secret
        self._store, self._queue, compute = profile.store, profile.queue, profile.compute
        processes = SideProcesses(compilation.processes, state.logs, clock)
        self._launcher = Launcher(
            store=self._store, compute=compute, clock=clock, secret=secret, link_url=f"{url}/runner"
        )
        self._reconciler = Reconciler(
            store=self._store,
            queue=self._queue,
            compute=compute,
            bucket=lambda: profile.bucket,
            clock=clock,
            ids=ids,
        )
        link = RunnerLink(
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
            bucket=lambda: profile.bucket,
            clock=clock,
            ids=ids,
            secret=secret,
            profile=profile.name,
            version=version(),
            processes=processes.snapshot,
            link_url=f"{url}/runner",
        )
        self._routine = Routine(
            compilation,
            store=self._store,
            bucket=profile.bucket,
            clock=clock,
            environ=environ,
            launches=Launches(store=self._store, queue=self._queue, clock=clock, ids=ids),
            processes=processes,
            compute=compute,
            reconcile=self._reconciler.run_once,
            grace_s=GRACE_S,
        )
        self.routes: Sequence[BaseRoute] = (
            route("/graphql", self._api.handle),
            route("/healthz", self._api.handle),
            route("/runner/", link.handle),
            route("/bucket/", Objects(profile.bucket).handle),
        )

    def furnish(self) -> None:
        self._routine.furnish()

    def start(self, fail: Fail) -> None:  # noqa: ARG002  nothing that it stands on is a program of its own
        self._reconciler.run_once()
        self._queue.subscribe(LAUNCH_TOPIC, self._deliver)
        self._routine.start()

    def stop(self) -> None:
        self._routine.rest()
        self._queue.close()
        self._routine.end()

    async def close(self) -> None:
        await self._api.close()
        self._store.close()

    def kill(self) -> None:
        self._routine.kill()

    def _deliver(self, message: Message) -> Delivery:
        self._routine.look()
        return self._launcher.deliver(message)
