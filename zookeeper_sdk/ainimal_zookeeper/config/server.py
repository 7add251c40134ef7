"""Server: a whole zoo, written in Python or read from YAML or JSON."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Union

from ainimal_zookeeper.domain.documents import ConfigurationDoc
from ainimal_zookeeper.domain.errors import InvalidInput

from .catalogue import Catalogue, files_of, make_catalogue
from .check import Checker, Section
from .compilation import Compilation, SideProcessSpec
from .deployment import undeployable
from .home import Home
from .keys import ZOO
from .node import Described, Node, caller, node_of
from .offers import (
    DmEnvironment,
    FilePath,
    GymnasiumEnvironment,
    Launch,
    LocalComputeProvider,
    LocalModelProvider,
    PackedModel,
    PythonEnvironment,
    PythonModel,
    SideProcess,
)
from .problems import Place, Problems
from .references import Variables
from .secrets import SecretsBeside
from .values import WRONG

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 3000
DEFAULT_LAUNCH_DEADLINE_S: Final = 900.0
STATE_FOLDER: Final = ".zoo"

_FileState = tuple[str, int, int]


@dataclass
class Reading:
    """A configuration file is being read: `listen` notes its server here instead of serving."""

    variables: Variables
    servers: list[Server] = field(default_factory=list)
    listening: list[Server] = field(default_factory=list)


_reading: ContextVar[Reading | None] = ContextVar("reading", default=None)


@contextmanager
def reading(variables: Variables) -> Iterator[Reading]:
    """Within it, servers take `variables` beside their own, and `listen` returns at once."""
    current = Reading(variables)
    token = _reading.set(current)
    try:
        yield current
    finally:
        _reading.reset(token)


class Server(Described):
    """A zoo: what it offers, how much of it at once, and where it listens.

    Raises: ConfigurationError with everything that is wrong, as soon as it is made.
    """

    SECTION: ClassVar[str] = "the configuration file"
    _settings: Section
    _home: Home
    _default_state: Path
    _variables: Variables
    _secrets: SecretsBeside
    _compiled: Compilation | None
    _compiled_from: tuple[tuple[_FileState, ...], str, int] | None

    def __init__(
        self,
        *,
        name: str | None = None,
        host: str | None = None,
        port: int | None = None,
        https: bool | None = None,
        client: bool | None = None,
        allowed_origins: Sequence[str] | None = None,
        state_dir: FilePath | None = None,
        no_auth: bool | None = None,
        max_envs: int | None = None,
        max_models: int | None = None,
        launch_deadline: float | None = None,
        models: Sequence[PythonModel | PackedModel | Mapping[str, Any]] | None = None,
        model_providers: Sequence[LocalModelProvider | Mapping[str, Any]] | None = None,
        environments: Sequence[PythonEnvironment | GymnasiumEnvironment | DmEnvironment | Mapping[str, Any]]
        | None = None,
        compute_providers: Sequence[LocalComputeProvider | Mapping[str, Any]] | None = None,
        launch: Sequence[Launch | Mapping[str, Any]] | None = None,
        launch_etc: Sequence[Union[SideProcess, Mapping[str, Any], str]] | None = None,
        **unknown: Any,
    ) -> None:
        self._describe(locals(), caller(1))
        place = self._place
        folder = Path.cwd() if place.file is None else place.file.parent
        current = _reading.get()
        variables = (Variables(os.environ) if current is None else current.variables).beside(folder)
        self._settle(node_of(self, place), folder, variables)
        if current is not None:
            current.servers.append(self)

    @classmethod
    def written(cls, node: Node, folder: Path, variables: Variables) -> Server:
        """Returns the server that a YAML or JSON file in `folder` describes. Raises: ConfigurationError."""
        server = cls.__new__(cls)
        server._describe({}, node.place)
        server._settle(node, folder, variables)
        return server

    def __repr__(self) -> str:
        return f"Server({self._settings.get('name')!r}, {self.host}:{self.port})"

    @property
    def host(self) -> str:
        host: str = self._settings.get("host", DEFAULT_HOST)
        return host

    @property
    def port(self) -> int:
        port: int = self._settings.get("port", DEFAULT_PORT)
        return port

    @property
    def folder(self) -> Path:
        """Where the configuration stands; relative paths start here."""
        return self._home.folder

    def keep_state_in(self, folder: Path) -> None:
        """Puts the state there unless the configuration names a `state_dir`."""
        self._default_state = folder

    def listen(
        self,
        port: int | str | None = None,
        host: str | None = None,
        client: bool | None = None,
        profile: Literal["embedded", "emulators"] | None = None,
    ) -> None:
        """Serves the zoo until Ctrl-C; arguments go before what the configuration says. `profile` is where it runs.

        While `zoo` reads the file that calls it, it only notes the arguments: `zoo` serves.
        """
        asked = {"port": None if port is None else _port(port), "host": host, "client": client, "profile": profile}
        self._settings.values.update({key: value for key, value in asked.items() if value is not None})
        current = _reading.get()
        if current is not None:
            current.listening.append(self)
            return
        from ainimal_zookeeper.server import run

        compilation = self.compile()
        run(
            compilation,
            host=compilation.host,
            port=compilation.port,
            client=compilation.client,
            insecure=compilation.no_auth,
            profile=compilation.profile,
        )

    def compile(self) -> Compilation:
        """Returns what the zoo offers now. Cheap while no file has changed, when the very same object comes back."""
        state = self._file_states()
        if self._compiled is None or self._compiled_from != (state, self.host, self.port):
            self._compiled = self._compilation(make_catalogue(self._settings, self._home, Problems()))
            self._compiled_from = (state, self.host, self.port)
        return self._compiled

    # --- how it is made ----------------------------------------------------------------------------------------------

    def _settle(self, node: Node, folder: Path, variables: Variables) -> None:
        """Checks everything. Raises: ConfigurationError."""
        self._home = Home(folder)
        self._default_state = folder / STATE_FOLDER
        self._variables = variables
        self._secrets = SecretsBeside(variables)
        self._compiled = None
        self._compiled_from = None
        problems = Problems(variables.secrets.values())
        checker = Checker(problems, variables, folder)
        settings = checker.section(node, "", ZOO)
        if settings is WRONG:
            problems.raise_if_any()
        self._settings: Section = _flat(settings, problems)
        for process in self._settings.get("launch_etc", []):
            checker.missing_in_command(process)
        if self._settings.get("https"):
            place = self._settings.place_of("https")
            message = "true is not supported by this version; put a proxy that speaks HTTPS in front, or write false"
            problems.add(place, "https", message)
        _refuse_twin_processes(self._settings.get("launch_etc", []), problems)
        make_catalogue(self._settings, self._home, problems)
        problems.raise_if_any()

    def _file_states(self) -> tuple[_FileState, ...]:
        states = []
        for path in files_of(self._settings):
            try:
                state = path.stat()
            except OSError:
                continue
            states.append((str(path), state.st_mtime_ns, state.st_size))
        return tuple(states)

    def _compilation(self, catalogue: Catalogue) -> Compilation:
        settings = self._settings
        computes = [
            {"id": f"compute_local{index or ''}", "name": compute.get("name", "this machine"), "kind": "local",
             "accelerators": [], "python": compute.get("python")}
            for index, compute in enumerate(settings.get("compute_providers") or [Section("", Place())])
        ]  # fmt: skip
        configuration: ConfigurationDoc = {
            "id": "zoo",
            "name": settings.get("name", "zoo"),
            "revision": "",
            "maxModels": settings.get("max_models"),
            "maxEnvironments": settings.get("max_envs"),
            "launchDeadlineSeconds": settings.get("launch_deadline", DEFAULT_LAUNCH_DEADLINE_S),
            "computes": computes,
            "allowedOrigins": settings.get("allowed_origins", []),
        }
        everything = json.dumps(
            [configuration, catalogue.models, catalogue.environments, catalogue.launches], sort_keys=True
        )
        configuration["revision"] = hashlib.sha256(everything.encode()).hexdigest()[:12]
        return Compilation(
            configuration=configuration,
            models=catalogue.models,
            environments=catalogue.environments,
            launches=catalogue.launches,
            processes=self._processes(),
            host=self.host,
            port=self.port,
            client=settings.get("client", True),
            no_auth=settings.get("no_auth", False),
            state_dir=settings.get("state_dir", self._default_state),
            allowed_origins=settings.get("allowed_origins", []),
            home=self.folder,
            secrets=self._secrets,
            recompile=self.compile,
            undeployable=lambda: undeployable(self._settings, self._home, self._variables.secrets),
            profile=settings.get("profile", "embedded"),
        )

    def _processes(self) -> list[SideProcessSpec]:
        specs: list[SideProcessSpec] = []
        for section in self._settings.get("launch_etc", []):
            taken = {spec.name for spec in specs}
            program = Path(section.values["cmd"].split()[0]).name
            count = 2
            name = section.get("name") or program
            while name in taken:
                name = f"{program}-{count}"
                count += 1
            specs.append(
                SideProcessSpec(
                    name=name,
                    cmd=section.values["cmd"],
                    cwd=section.get("cwd", self.folder),
                    environ={**self._variables.all, **section.get("env", {})},
                    url=section.get("url"),
                    shell=section.get("shell", False),
                    restart=section.get("restart", True),
                )
            )
        return specs


def _flat(settings: Section, problems: Problems) -> Section:
    """Returns the settings with those of `server:` among them; a key that stands in both places is reported."""
    inner = settings.values.pop("server", None)
    if inner is None:
        return settings
    for key, place in inner.places.items():
        if key in settings.places:
            problems.add(place, f"server.{key}", f"{key!r} is given at the top as well; keep one of them")
        settings.places[key] = place
    settings.values.update(inner.values)
    return settings


def _port(port: int | str) -> int:
    """Returns what `listen` was given, which may come from a variable, as a number. Raises: InvalidInput."""
    text = str(port)
    if not text.isdecimal() or int(text) > 65535:
        raise InvalidInput(f"listen: the port is {port!r}; it must be a whole number from 0 to 65535", ("port",))
    return int(text)


def _refuse_twin_processes(sections: Sequence[Section], problems: Problems) -> None:
    names: set[str] = set()
    for section in sections:
        name = section.get("name")
        if name is not None and name in names:
            message = f"there are two processes called {name!r}; give one another name"
            problems.add(section.place_of("name"), f"{section.path}.name", message)
        names.add(name)
