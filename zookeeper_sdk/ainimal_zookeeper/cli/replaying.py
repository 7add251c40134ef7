"""`zoo replay`: does once more what a recording holds, and says where it first comes out otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .connection import reading
from .exit_status import UNEXPECTED
from .launching import stages
from .output import show_json

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Zookeeper

_PLANES = ("inputs", "outputs", "activations", "weights", "none")


@click.command()
@click.argument("recording")
@click.option(
    "--plane",
    "planes",
    multiple=True,
    type=click.Choice(_PLANES),
    help="What is taken from the recording; repeatable. Without: inputs, or outputs with --env. none: nothing.",
)
@click.option("--env", metavar="ENVIRONMENT", help="What steps where inputs do not drive; else the one recorded in.")
@click.option("--checkpoint", metavar="CHECKPOINT", help="Another one of its model to start from.")
@click.option("--from", "from_step", type=int, metavar="STEP", help="The first step that is compared.")
@click.option("--to", "to_step", type=int, metavar="STEP", help="The last step.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Whether to wait until all is compared.")
@click.option("--timeout", type=float, default=900.0, show_default=True, metavar="SECONDS", help="How long to wait.")
@reading
def replay(
    zoo: Zookeeper,
    as_json: bool,
    recording: str,
    planes: Sequence[str],
    env: str | None,
    checkpoint: str | None,
    from_step: int | None,
    to_step: int | None,
    wait: bool,
    timeout: float,
) -> None:
    """Replays RECORDING in an instance of its own, and tells the first step and signal that differ.

    Exits with 1 where something differs.
    """
    instance = zoo.replay(
        recording,
        planes=[plane for plane in planes if plane != "none"] if planes else None,
        environment=env,
        checkpoint=checkpoint,
        from_step=from_step,
        to_step=to_step,
    )
    if wait:
        with stages(instance.info, "zoo terminate") as progress:
            instance.wait("TERMINATED", timeout_s=timeout, progress=progress)
    report = instance.replay()
    if as_json:
        show_json({**instance.info.document, "replay": None if report is None else report.document})
    elif report is None or not wait:
        click.echo(f"{instance.name} ({instance.id}) is {instance.phase}")
    else:
        click.echo(f"{instance.name} ({instance.id}): {report}")
    if wait and report is not None and not report.identical:
        raise click.exceptions.Exit(UNEXPECTED)
