"""Verbs for worlds that run on their own; `zoo worlds` lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .connection import complete_environment, complete_world, reading
from .launching import read_assignments, stages
from .output import show_json

if TYPE_CHECKING:
    from ainimal_zookeeper.client import WorldInfo, Zookeeper

_WORLD = click.argument("world", shell_complete=complete_world)


def _say(world: WorldInfo, as_json: bool) -> None:
    if as_json:
        show_json(world.document)
    else:
        click.echo(f"{world.name} ({world.id}) is {world.phase}")


@click.command("launch-world")
@click.argument("environment", shell_complete=complete_environment)
@click.option("--param", "parameters", metavar="K=V", multiple=True, help="One of its parameters; repeatable.")
@click.option("--wait/--no-wait", default=False, show_default=True, help="Whether to wait until it runs.")
@click.option("--timeout", type=float, default=900.0, show_default=True, metavar="SECONDS", help="How long to wait.")
@reading
def launch_world(
    zoo: Zookeeper, as_json: bool, environment: str, parameters: Sequence[str], wait: bool, timeout: float
) -> None:
    """Launches a world of the kind ENVIRONMENT on its own, for instances to join by `launch --join`."""
    offered = zoo.environment(environment)
    world = zoo.launch_world(offered.id, parameters=read_assignments(parameters, offered.parameters, "--param"))
    if wait:
        with stages(world, "zoo terminate-world") as progress:
            world = zoo.wait_for_world(world.id, timeout_s=timeout, progress=progress)
    _say(world, as_json)


@click.command("reset-world")
@_WORLD
@reading
def reset_world(zoo: Zookeeper, as_json: bool, world: str) -> None:
    """Ends the episode of WORLD for all who are in it, and starts the next."""
    _say(zoo.reset_world(world), as_json)


@click.command("terminate-world")
@_WORLD
@click.option("--wait/--no-wait", default=False, show_default=True, help="Whether to wait until it has ended.")
@reading
def terminate_world(zoo: Zookeeper, as_json: bool, world: str, wait: bool) -> None:
    """Ends WORLD for good; the instances in it lose their world."""
    ended = zoo.terminate_world(world)
    if wait:
        ended = zoo.wait_for_world(ended.id, "TERMINATED")
    _say(ended, as_json)
