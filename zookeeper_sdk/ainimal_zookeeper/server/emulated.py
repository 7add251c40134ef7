"""The composition root of the zoo on the emulators: the functions as they are deployed, on programs of this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress

import click
import httpx
from graphql_api.launch import Launches
from starlette.routing import BaseRoute, Route

from ainimal_zookeeper.adapters.gcp.pubsub_topics import Names, make_topic, push_to
from ainimal_zookeeper.adapters.gcp.storage_buckets import make_bucket
from ainimal_zookeeper.config import Compilation
from ainimal_zookeeper.domain.errors import Transient, ZookeeperError
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC
from ainimal_zookeeper.profiles import ProfileSettings, open_profile
from ainimal_zookeeper.profiles.variables import Variables

from . import functions
from .emulators import AUTH, FIRESTORE, PUBSUB, STORAGE, Emulators
from .process_report import ProcessReport
from .processes import SideProcesses
from .routine import Routine
from .state import StateDirectory
from .ticker import Ticker
from .zoo import Fail

PROJECT = "demo-zoo"  # by its beginning, Firebase's tools know that there is no such project
GRACE_S = 5.5  # for instances: the runner link as it is deployed gives them five seconds
_DELIVERIES = 100  # the emulator comes again at once: what fails for a moment must not become a dead letter
_RECONCILE_TIMEOUT_S = 60.0
_LAST_CALL_S = 2.0
_REPORT_S = 0.5
_PROCESSES = "processes.json"

_log = logging.getLogger(__name__)


@contextmanager
def emulated_zoo(
    compilation: Compilation, state: StateDirectory, url: str, environ: MutableMapping[str, str], *, auth: bool
) -> Iterator[EmulatedZoo]:
    """Starts the emulators that `environ` does not name, and ends them on leaving.

    environ: of this process; until then the functions find their settings and the emulators there. auth: whether
    visitors are to sign in, at the emulator of Firebase Auth.
    Raises: NotFound for programs that are missing, Transient for emulators that do not start, InvalidInput for
    variables that are wrong.
    """
    wants_accounts = auth or environ.get(AUTH.variable)
    kinds = (FIRESTORE, PUBSUB, STORAGE, *([AUTH] if wants_accounts else []))
    emulators = Emulators(state.path / "services", kinds, environ, lasting=True)
    if emulators.missing:
        names = ", ".join(kind.service for kind in emulators.missing)
        click.echo(f"Starting emulators: {names}; their logs are in {emulators.folder}", err=True)
    emulators.start()
    try:
        with _set(environ, emulators.variables | _settings(compilation, state, url, environ)):
            zoo = EmulatedZoo(compilation, state, url, _profile_settings(environ), emulators, environ)
            try:
                yield zoo
            finally:
                zoo.let_go()
    finally:
        emulators.end()


@contextmanager
def _set(environ: MutableMapping[str, str], variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: environ.get(name) for name in variables}
    environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del environ[name]
            else:
                environ[name] = value


def _profile_settings(environ: Mapping[str, str]) -> ProfileSettings:
    variables = Variables(environ)
    settings = ProfileSettings.read(variables)
    variables.check()
    return settings


def _settings(compilation: Compilation, state: StateDirectory, url: str, environ: Mapping[str, str]) -> dict[str, str]:
    project, bucket = storage_names(environ)
    return {
        "ZOO_PROFILE": "emulators",
        "GOOGLE_CLOUD_PROJECT": project,
        "ZOO_BUCKET": bucket,
        "ZOO_STATE_DIR": str(state.path),
        "ZOO_HOME": str(compilation.home),
        "ZOO_LINK_URL": f"{url}/runner",
        "ZOO_PROCESSES": str(state.path / _PROCESSES),
        "ZOO_ALLOWED_ORIGINS": ",".join(compilation.allowed_origins),
    }


def storage_names(environ: Mapping[str, str]) -> tuple[str, str]:
    """Returns the project and the bucket of a zoo on the emulators."""
    project = environ.get("GOOGLE_CLOUD_PROJECT") or PROJECT
    return project, environ.get("ZOO_BUCKET") or f"{project}-runs"


class EmulatedZoo:
    """A `Zoo` whose functions are the deployed entry points, each with its own view of the emulators."""

    profile = "emulators"

    def __init__(
        self,
        compilation: Compilation,
        state: StateDirectory,
        url: str,
        settings: ProfileSettings,
        emulators: Emulators,
        environ: Mapping[str, str],
    ) -> None:
        """Reads the functions' settings from the environment of this process, `environ`.

        Raises: InvalidInput, NotFound.
        """
        self.links: Sequence[str] = (environ[STORAGE.variable].rstrip("/"),)
        self._settings = settings
        self._emulators = emulators
        self._url = url
        self._names = Names(settings.project, settings.topic_prefix)
        self._api = functions.load("graphql_api", "graphql")
        link, launcher = functions.load("runner_link", "link"), functions.load("job_launcher", "launch", "reconcile")
        self._launch = functions.Gate(launcher.applications["launch"], self._look)
        self._reconcile = functions.Gate(launcher.applications["reconcile"])
        self.routes: Sequence[BaseRoute] = (
            Route("/graphql", self._api.applications["graphql"]),
            Route("/healthz", self._api.applications["graphql"]),
            Route("/runner/{rest:path}", link.applications["link"]),
            Route("/launches", self._launch),
            Route("/reconcile", self._reconcile),
        )
        self._timer = httpx.Client(timeout=_RECONCILE_TIMEOUT_S, trust_env=False)
        self._own = open_profile(settings)
        processes = SideProcesses(compilation.processes, state.logs, self._own.clock)
        self._report = ProcessReport(processes, state.path / _PROCESSES)
        self._reporting: Ticker | None = None
        store, clock, queue, ids = self._own.store, self._own.clock, self._own.queue, self._own.ids
        self._routine = Routine(
            compilation,
            store=store,
            bucket=self._own.bucket,
            clock=clock,
            environ=environ,
            launches=Launches(store=store, queue=queue, clock=clock, ids=ids),
            processes=processes,
            compute=self._own.compute,
            reconcile=self._reconcile_once,
            grace_s=GRACE_S,
        )

    def furnish(self) -> None:
        make_bucket(self._settings.bucket, self._settings.project)
        self._routine.furnish()

    def start(self, fail: Fail) -> None:
        self._emulators.watch(fail)
        make_topic(self._names, LAUNCH_TOPIC, max_deliveries=_DELIVERIES, push_endpoint=f"{self._url}/launches")
        self._reconcile_once()
        self._report.write()
        self._reporting = Ticker("side processes", self._report.write, _REPORT_S)
        self._routine.start()

    def stop(self) -> None:
        self._routine.rest()
        if self._reporting is not None:
            self._reporting.close()
        if self._emulators.lacks(FIRESTORE):
            self._routine.kill()  # what instances save would be known to nobody
            return
        with suppress(ZookeeperError):  # what cannot be reached pushes nothing either
            push_to(self._names, LAUNCH_TOPIC, None, patience_s=_LAST_CALL_S)
        for gate in (self._launch, self._reconcile):
            gate.close(GRACE_S)
        self._routine.end()
        try:
            self._emulators.save(self._settings.project, self._settings.database)
        except ZookeeperError as error:
            _log.warning("%s; the next start finds what was saved before", error.message)

    async def close(self) -> None:
        await self._api.close()

    def let_go(self) -> None:
        """Closes what this zoo itself has opened; what the other functions have ends with the process."""
        self._timer.close()
        self._own.close()

    def kill(self) -> None:
        self._emulators.kill()
        self._routine.kill()

    def _look(self) -> None:
        self._routine.look()

    def _reconcile_once(self) -> None:
        try:
            answer = self._timer.post(f"{self._url}/reconcile")
        except httpx.TransportError as error:
            raise Transient(f"the reconciler does not answer at {self._url}: {error!r}") from error
        if not answer.is_success:
            raise Transient(f"the reconciler answers {answer.status_code}; it comes again")
