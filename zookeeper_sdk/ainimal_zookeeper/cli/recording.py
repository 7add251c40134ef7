"""`zoo record`: keeps what an instance does, and brings it here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .connection import complete_instance, connected, reading
from .exporting import export
from .groups import Passing, passing
from .output import show_json, show_table

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Recording, Zookeeper

_INSTANCE = click.argument("instance", shell_complete=complete_instance)


@click.group(cls=Passing)
@passing
def record(**_of_the_verb: object) -> None:
    """Records what instances do, step by step, and brings recordings here.

    A RECORDING goes by its id, or the beginning of it when only one begins so.
    """


@record.command()
@_INSTANCE
@click.option(
    "--signal",
    "signals",
    multiple=True,
    metavar="PATTERN",
    help="A path, with * for any text; repeatable. Else inputs, outputs, action and reward.",
)
@reading
def start(zoo: Zookeeper, as_json: bool, instance: str, signals: Sequence[str]) -> None:
    """Records INSTANCE from its next step on, until `stop` or its end."""
    found = zoo.instance(instance)
    begun = found.record(list(signals) or None)
    if as_json:
        show_json(begun.document)
    else:
        click.echo(f"{found.name} is recorded as {begun.id} from step {begun.first_step:,} on")


@record.command()
@click.argument("recording", metavar="INSTANCE|RECORDING", shell_complete=complete_instance)
@reading
def stop(zoo: Zookeeper, as_json: bool, recording: str) -> None:
    """Ends what an instance records, or one recording."""
    ended = (
        zoo.recording(recording).stop() if recording.startswith("rec_") else zoo.instance(recording).stop_recording()
    )
    _show(ended, as_json=as_json)


@record.command()
@_INSTANCE
@click.argument("seconds", type=float, default=10.0)
@reading
def last(zoo: Zookeeper, as_json: bool, instance: str, seconds: float) -> None:
    """Keeps what INSTANCE did in the last SECONDS (10), as far as it remembers."""
    _show(zoo.instance(instance).save_last(seconds), as_json=as_json)


@record.command("ls")
@click.option("--instance", metavar="INSTANCE", shell_complete=complete_instance, help="Those of one instance.")
@reading
def list_(zoo: Zookeeper, as_json: bool, instance: str | None) -> None:
    """Lists recordings, the newest first."""
    rows = zoo.recordings() if instance is None else zoo.instance(instance).recordings()
    if as_json:
        show_json([row.document for row in rows])
    else:
        show_table(rows, "no recordings; begin one: zoo record start INSTANCE")


@record.command()
@click.argument("recording")
@connected
def rm(zoo: Zookeeper, recording: str) -> None:
    """Removes RECORDING with all its bytes."""
    found = zoo.recording(recording)
    found.delete()
    click.echo(f"{found.id} is removed")


@record.command()
@click.argument("recording")
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@reading
def fetch(zoo: Zookeeper, as_json: bool, recording: str, directory: Path | None) -> None:
    """Downloads RECORDING into DIRECTORY, else into one that is called as it is.

    `ainimal_zookeeper.recording.Recording.open(DIRECTORY)` reads it there.
    """
    folder = zoo.recording(recording).fetch(directory)
    if as_json:
        show_json({"directory": str(folder)})
    else:
        click.echo(str(folder))


record.add_command(export)


def _show(recording: Recording, *, as_json: bool) -> None:
    if as_json:
        show_json(recording.document)
        return
    steps = f"steps {recording.first_step:,} to {recording.last_step:,}, {recording.size_bytes:,} bytes"
    click.echo(f"{recording.id} of {recording.instance} is {recording.phase}: {steps}")
    if recording.problem is not None:
        click.echo(recording.problem, err=True)
