"""`zoo stage`: builds what is deployed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ainimal_zookeeper.config import load
from ainimal_zookeeper.staging import deployable
from ainimal_zookeeper.staging import stage as stage_functions

from .output import show_json


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="zoo.py, zoo.yaml or zoo.json, or a folder with one; else that of this folder, else the example.",
)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/functions"),
    show_default=True,
    help="Where to put the folders and the archives.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def stage(config: Path | None, target: Path, as_json: bool) -> None:
    """Builds the folder and the archive of each function, ready to be deployed to Google Cloud."""
    staged = stage_functions(deployable(load(config, os.environ).compile(), os.environ), target)
    if as_json:
        show_json([{"folder": str(one.folder), "archive": str(one.archive)} for one in staged])
        return
    for one in staged:
        click.echo(one.archive)
