"""`zoo model`: brings a model to a zoo."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .connection import reading
from .groups import Passing, passing
from .output import show_json

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Zookeeper
    from ainimal_zookeeper.client.zookeeper import ModelInfo

_LOOK_S = 0.5


@click.group(cls=Passing)
@passing
def model(**_of_the_verb: Any) -> None:
    """Brings models to a zoo; `zoo models` lists those on offer."""


@model.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", metavar="TEXT", help="What to call it, instead of the file's name.")
@click.option("--timeout", type=float, default=20.0, show_default=True, metavar="SECONDS", help="Wait for the scan.")
@reading
def add(zoo: Zookeeper, as_json: bool, file: Path, name: str | None, timeout: float) -> None:
    """Uploads FILE, a pickle (.pkl, .pickle) or a packed folder (.zip), and puts it on offer.

    Nothing in it runs before somebody launches it. What a look into it finds is shown once there is one.
    """
    made = zoo.add_model(file, name=name)
    made = _scanned(zoo, made, timeout)
    if as_json:
        show_json(made.document)
        return
    click.echo(f"{made.name} ({made.id}) is on offer")
    if made.scan == "WAITING":
        click.echo(f"{made.name}: nobody has looked into it yet; zoo models tells what is found", err=True)
    for finding in made.findings:
        click.echo(f"{made.name}: {finding}", err=True)


def _scanned(zoo: Zookeeper, made: ModelInfo, timeout_s: float) -> ModelInfo:
    deadline = time.monotonic() + timeout_s
    while made.scan == "WAITING" and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
        made = zoo.model(made.id)
    return made
