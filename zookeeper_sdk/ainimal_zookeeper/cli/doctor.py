"""`zoo doctor`: looks at everything that a zoo needs, and says what to do about what is wrong."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import click

from ainimal_zookeeper.domain.errors import ZookeeperError

from .connection import reading
from .exit_status import UNEXPECTED
from .output import show_json, show_table

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Zookeeper

ENOUGH_SPACE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `next_step` says what to do; empty when there is nothing to do."""

    check: str
    level: Literal["ok", "warn", "fail"]
    found: str
    next_step: str = ""


@click.command()
@click.option(
    "--state-dir", type=click.Path(path_type=Path), default=Path(".zoo"), show_default=True,
    help="Where the zoo keeps its state.",
)  # fmt: skip
@click.option("--canary", metavar="MODEL", help="Also launches MODEL, waits until it runs, and removes it again.")
@reading
def doctor(zoo: Zookeeper, as_json: bool, state_dir: Path, canary: str | None) -> None:
    """Checks what the zoo needs; its exit status is 1 when something fails."""
    from ainimal_zookeeper.client.tables import Table

    findings = list(examine(zoo, state_dir, canary))
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        columns: dict[str, Callable[[Finding], str]] = {
            "check": lambda finding: finding.check,
            "result": lambda finding: finding.level,
            "found": lambda finding: finding.found,
            "next step": lambda finding: finding.next_step,
        }
        show_table(Table(findings, columns), "")
    if any(finding.level == "fail" for finding in findings):
        raise SystemExit(UNEXPECTED)


def examine(zoo: Zookeeper, state_dir: Path, canary: str | None) -> Iterator[Finding]:
    """Yields one finding for each check, in the order of what depends on what."""
    yield python_version(sys.version_info[:3])
    yield packages()
    yield web_client()
    yield emulators()
    yield state_folder(state_dir)
    for file in sorted(state_dir.glob("*.sqlite3")):
        yield database(file)
    zoo_there = reachable(zoo)
    yield zoo_there
    if zoo_there.level != "ok":
        yield port(zoo.url)
    if canary is not None:
        yield launch_canary(zoo, canary)


def python_version(version: tuple[int, ...]) -> Finding:
    found = ".".join(map(str, version))
    if version < (3, 10):
        return Finding("python", "fail", found, "install Python 3.11 or newer")
    if version < (3, 11):
        return Finding("python", "warn", found, "for a zoo install Python 3.11 or newer; this runs models and `zoo`")
    return Finding("python", "ok", found)


def packages() -> Finding:
    """Tells which packages that the zoo requires are missing."""
    try:
        required = metadata.requires("ainimal-zookeeper") or []
        version = metadata.version("ainimal-zookeeper")
    except metadata.PackageNotFoundError:
        return Finding("packages", "warn", "ainimal-zookeeper is not installed", "run `make run`, or pip install it")
    missing = []
    for requirement in required:
        if "extra ==" in requirement:
            continue
        name = requirement.split(";")[0].strip()
        for mark in "[<>=!~ ":
            name = name.split(mark)[0]
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "fail", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    return Finding("packages", "ok", f"ainimal-zookeeper {version} and all it requires")


def web_client() -> Finding:
    from ainimal_zookeeper.client.site import BUILT, WebClient

    try:
        WebClient()
    except ZookeeperError:
        node = shutil.which("npm")
        how = "run `make run` in a clone" if node else "install Node 20 or newer, then run `make run` in a clone"
        return Finding("web client", "warn", f"not built ({BUILT})", f"{how}; wheels carry it; `zoo` works without")
    return Finding("web client", "ok", "built")


def emulators() -> Finding:
    """Tells whether `zoo up --profile emulators` has what it needs; nothing else needs it."""
    from ainimal_zookeeper.server.emulators.programs import missing

    lacking = missing(os.environ)
    if lacking:
        return Finding("emulators", "warn", "not all there", f"only for --profile emulators: {'; '.join(lacking)}")
    return Finding("emulators", "ok", "Firestore, Pub/Sub, Cloud Storage")


def state_folder(folder: Path) -> Finding:
    """Tells whether the zoo can keep its state in `folder`, or make it."""
    where = folder.absolute()
    existing = next(path for path in (where, *where.parents) if path.exists())
    if not existing.is_dir():
        return Finding("state folder", "fail", f"{existing} is a file", "move it away, or give another --state-dir")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
        free = shutil.disk_usage(existing).free
    except OSError as error:
        return Finding("state folder", "fail", f"cannot write to {existing}: {error.strerror}", "give another one")
    space = f"{free / (1 << 30):.1f} GiB free"
    if free < ENOUGH_SPACE_BYTES:
        return Finding("state folder", "warn", f"{folder}: {space}", "free some space: recordings need it")
    new = "" if where.exists() else " (not made yet)"
    return Finding("state folder", "ok", f"{folder}{new}: {space}")


def database(file: Path) -> Finding:
    """Tells whether SQLite finds `file` whole, without changing it."""
    name = f"database {file.name}"
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        try:
            problems = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
        finally:
            connection.close()
    except sqlite3.Error as error:
        problems = [str(error)]
    if problems != ["ok"]:
        return Finding(name, "fail", "; ".join(problems), f"stop the zoo, move {file} away, and start it again")
    return Finding(name, "ok", "whole")


def reachable(zoo: Zookeeper) -> Finding:
    try:
        server = zoo.server()
    except ZookeeperError as error:
        return Finding("zoo", "warn", error.message, "start one: zoo up")
    return Finding("zoo", "ok", f"{server['name']} {server['version']} ({server['profile']}) at {zoo.url}")


def port(url: str) -> Finding:
    """Tells whether a zoo could listen where none answers."""
    address = urlsplit(url)
    host, number = address.hostname or "127.0.0.1", address.port or 80
    try:
        family, kind, protocol, _name, target = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(target)
    except OSError as error:
        return Finding("port", "warn", f"{host}:{number}: {error.strerror}", "use another one: zoo up --port 0")
    return Finding("port", "ok", f"{host}:{number} is free")


def launch_canary(zoo: Zookeeper, model: str) -> Finding:
    """Launches `model` and removes it again."""
    began = time.monotonic()
    try:
        instance = zoo.launch(model, name="canary", paused=True, wait=False)
        try:
            instance.wait(("RUNNING", "PAUSED"), timeout_s=120)
            took_s = time.monotonic() - began
        finally:
            if not instance.ended:
                instance.terminate().wait(("TERMINATED", "FAILED", "LOST"), timeout_s=30)
            instance.delete()
    except ZookeeperError as error:
        return Finding("canary", "fail", error.message, f"look at it: zoo launch {model!r} --wait; zoo logs")
    return Finding("canary", "ok", f"{model} was ready {took_s:.1f} s after its launch")
