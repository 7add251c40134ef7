"""Compilation: what a configuration comes to, as plain values for the host and documents for the functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict, cast

from ainimal_zookeeper.domain.documents import ConfigurationDoc, EnvironmentDoc, Mode, ModelDoc
from ainimal_zookeeper.domain.references import variables_in
from ainimal_zookeeper.ports.secrets import Secrets

from .problems import ConfigurationError, Problem


@dataclass(frozen=True, slots=True)
class SideProcessSpec:
    """A process that runs beside the zoo.

    cmd: as it was written; `$NAME` and `${NAME}` are filled in from `environ` when it starts.
    environ: all of its environment, secrets included, and therefore never shown.
    shell: /bin/sh reads `cmd`; otherwise it is split into words and nothing interprets it.
    restart: whether it is started again when it ends.
    """

    name: str
    cmd: str
    cwd: Path
    environ: Mapping[str, str] = field(repr=False)
    url: str | None = None
    shell: bool = False
    restart: bool = True


class LaunchDoc(TypedDict):
    """An instance that the zoo launches at its start, unless one of that name lives."""

    name: str
    modelId: str
    environmentId: str | None
    parameters: dict[str, Any]
    environmentParameters: dict[str, Any]
    mode: Mode
    seed: int | None


@dataclass(frozen=True, slots=True)
class Compilation:
    """The same configuration and the same files compile to equal values, in every clone of them.

    home: the folder of the configuration, where the paths in specifications begin.
    secrets: what the variables stand for that specifications name.
    recompile: compiles again; cheap, and the very same object comes back while no file has changed.
    """

    configuration: ConfigurationDoc
    models: list[ModelDoc] = field(repr=False)
    environments: list[EnvironmentDoc] = field(repr=False)
    launches: list[LaunchDoc] = field(repr=False)
    processes: list[SideProcessSpec]
    host: str
    port: int
    client: bool
    no_auth: bool
    state_dir: Path
    allowed_origins: list[str]
    home: Path
    secrets: Secrets = field(repr=False, compare=False)
    recompile: Callable[[], Compilation] = field(repr=False, compare=False)
    undeployable: Callable[[], tuple[Problem, ...]] = field(repr=False, compare=False, default=tuple)
    profile: str = "embedded"

    def document(self) -> dict[str, Any]:
        """Returns what is deployed: {"configuration", "models", "environments", "launches"}, JSON and ours to change.

        The same for every clone of the same files: it holds no secrets and no path of this machine.
        Raises: ConfigurationError when something of it is only on this machine.
        """
        if problems := self.undeployable():
            raise ConfigurationError(problems)
        everything = {
            "configuration": self.configuration,
            "models": self.models,
            "environments": self.environments,
            "launches": self.launches,
        }
        return cast("dict[str, Any]", json.loads(json.dumps(everything)))

    @property
    def variables(self) -> list[str]:
        """The names of the variables that specifications need where the zoo runs, sorted."""
        specs = [json.loads(offer["specJson"]) for offer in (*self.models, *self.environments)]
        return sorted({name for spec in specs for name in variables_in(spec)})
