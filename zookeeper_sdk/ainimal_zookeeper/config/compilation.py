"""Compilation: what a configuration comes to, as plain values for the host and documents for the functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from ainimal_zookeeper.domain.documents import ConfigurationDoc, EnvironmentDoc, Mode, ModelDoc


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
    """The same configuration and the same files compile to equal values.

    recompile: compiles again; cheap, and the very same object comes back while no file has changed.
    """

    configuration: ConfigurationDoc
    models: list[ModelDoc] = field(repr=False)  # their specifications may hold secrets
    environments: list[EnvironmentDoc] = field(repr=False)
    launches: list[LaunchDoc] = field(repr=False)
    processes: list[SideProcessSpec]
    host: str
    port: int
    client: bool
    no_auth: bool
    state_dir: Path
    allowed_origins: list[str]
    recompile: Callable[[], Compilation] = field(repr=False, compare=False)
