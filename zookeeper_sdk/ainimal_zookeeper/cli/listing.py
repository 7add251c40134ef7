"""Verbs that show what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .connection import complete_instance, reading
from .output import show_json, show_json_lines, show_table

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Zookeeper

PHASES = ("PENDING", "STARTING", "RUNNING", "PAUSED", "HIBERNATED", "STOPPING", "TERMINATED", "FAILED", "LOST")


@click.command()
@reading
def models(zoo: Zookeeper, as_json: bool) -> None:
    """Lists the models on offer."""
    rows = zoo.models()
    if as_json:
        show_json([row.document for row in rows])
        return
    show_table(rows, "no models: name some in the configuration (models, model_providers)")
    for row in rows:
        subject = row.name if row.launchable else f"{row.name} cannot be launched"
        for finding in row.findings:
            click.echo(f"{subject}: {finding}", err=True)


@click.command()
@reading
def environments(zoo: Zookeeper, as_json: bool) -> None:
    """Lists the kinds of world on offer."""
    rows = zoo.environments()
    if as_json:
        show_json([row.document for row in rows])
    else:
        show_table(rows, "no environments: name some in the configuration (environments)")


@click.command()
@reading
def worlds(zoo: Zookeeper, as_json: bool) -> None:
    """Lists the worlds that run on their own, which instances join by `launch --join`."""
    rows = zoo.worlds()
    if as_json:
        show_json([row.document for row in rows])
    else:
        show_table(rows, "no world runs on its own; launch one: zoo launch-world ENVIRONMENT")


@click.command()
@click.option("--phase", type=click.Choice(PHASES, case_sensitive=False), help="Only those in this phase.")
@click.option("--search", metavar="WORD", help="Only those with this word in the name or the tags.")
@reading
def instances(zoo: Zookeeper, as_json: bool, phase: str | None, search: str | None) -> None:
    """Lists the instances, the newest first."""
    rows = zoo.instances(phase=phase, search=search)
    if as_json:
        show_json([row.info.document for row in rows])
    else:
        show_table(rows, "no instances; launch one: zoo launch MODEL")


@click.command()
@click.argument("instance", shell_complete=complete_instance)
@click.option("-f", "--follow", is_flag=True, help="Go on with the lines to come, until the instance has ended.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Only so many of the last lines.")
@reading
def logs(zoo: Zookeeper, as_json: bool, instance: str, follow: bool, lines: int | None) -> None:
    """Shows the console lines of INSTANCE."""
    wanted = zoo.instance(instance).logs(follow=follow, last=lines)
    if as_json:
        show_json_lines({"at": line.at, "stream": line.stream, "text": line.text} for line in wanted)
        return
    for line in wanted:
        click.secho(line.text, fg="red" if line.stream == "stderr" else None, dim=line.stream == "zoo" or None)
