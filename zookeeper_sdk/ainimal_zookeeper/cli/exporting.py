"""`zoo record export`: a recording in a format of others, made on this computer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .connection import reading
from .output import show_json

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Zookeeper

_FORMATS = {"foxglove": "MCAP_FOXGLOVE", "rerun": "RERUN", "minari": "MINARI", "npz": "NPZ", "lerobot": "LEROBOT"}


@click.command()
@click.argument("recording")
@click.argument("target", required=False, type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(tuple(_FORMATS)), default="npz", show_default=True)
@click.option("--signal", "signals", multiple=True, metavar="PATTERN", help="What is exported; repeatable. Else all.")
@click.option("--from", "from_step", type=int, metavar="STEP", help="The first step.")
@click.option("--to", "to_step", type=int, metavar="STEP", help="The last step.")
@reading
def export(
    zoo: Zookeeper,
    as_json: bool,
    recording: str,
    target: Path | None,
    format_: str,
    signals: Sequence[str],
    from_step: int | None,
    to_step: int | None,
) -> None:
    """Writes RECORDING, of the zoo or a folder that has one, to TARGET in a format that others read.

    foxglove (plain MCAP), rerun and npz are files, minari is a folder; all but npz need a library, which is named where
    it is missing. Without TARGET it is called as the recording is.
    """
    written = zoo.export_recording(
        recording,
        _FORMATS[format_],
        target,
        signals=list(signals) or None,
        from_step=from_step,
        to_step=to_step,
    )
    if as_json:
        show_json({"file": str(written)})
    else:
        click.echo(str(written))
