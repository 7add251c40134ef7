"""`zoo launch`: from names and `key=value` to a running instance."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ainimal_zookeeper.domain.errors import InvalidInput

from .connection import complete_environment, complete_model, complete_world, reading
from .exit_status import INTERRUPTED
from .output import console, show_json

if TYPE_CHECKING:
    from ainimal_zookeeper.client import InstanceInfo, ModelInfo, WorldInfo, Zookeeper

MODES = ("both", "training", "inference", "none")


@click.command()
@click.argument("model", shell_complete=complete_model)
@click.option("--env", metavar="NAME", shell_complete=complete_environment, help="Gives it a world of its own.")
@click.option("--join", metavar="WORLD", shell_complete=complete_world, help="Lets it join a running world.")
@click.option("--param", "parameters", metavar="K=V", multiple=True, help="A parameter of the model; repeatable.")
@click.option(
    "--env-param", "environment_parameters", metavar="K=V", multiple=True, help="One of the environment; repeatable."
)
@click.option("--mode", type=click.Choice(MODES), help="What it does at first.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Makes the run repeatable.")
@click.option("--paused", is_flag=True, help="Starts it, and holds it before its first step.")
@click.option("--checkpoint", metavar="CHECKPOINT", help="What it starts from, by id or tag; see zoo checkpoint ls.")
@click.option("--name", metavar="TEXT", help="What to call it.")
@click.option("--tag", "tags", metavar="TEXT", multiple=True, help="A word to find it by; repeatable.")
@click.option("--wait/--no-wait", default=False, show_default=True, help="Whether to wait until it runs.")
@click.option("--timeout", type=float, default=900.0, show_default=True, metavar="SECONDS", help="How long to wait.")
@reading
def launch(
    zoo: Zookeeper,
    as_json: bool,
    model: str,
    env: str | None,
    join: str | None,
    parameters: Sequence[str],
    environment_parameters: Sequence[str],
    mode: str | None,
    seed: int | None,
    paused: bool,
    checkpoint: str | None,
    name: str | None,
    tags: Sequence[str],
    wait: bool,
    timeout: float,
) -> None:
    """Launches MODEL."""
    offered = zoo.model(model)
    _warn(offered)
    world = zoo.environment(env) if env else None
    instance = zoo.launch(
        offered.id,
        world.id if world else None,
        join=join,
        parameters=read_assignments(parameters, offered.parameters, "--param"),
        environment_parameters=read_assignments(
            environment_parameters, world.parameters if world else (), "--env-param"
        ),
        name=name,
        mode=mode,
        seed=seed,
        paused=paused,
        checkpoint=checkpoint,
        tags=tuple(tags),
        wait=False,
    )
    if wait:
        with stages(instance.info, "zoo terminate") as progress:
            instance.wait(("RUNNING", "PAUSED"), timeout_s=timeout, progress=progress)
    if as_json:
        show_json(instance.info.document)
    else:
        click.echo(f"{instance.name} ({instance.id}) is {instance.phase}")


def _warn(model: ModelInfo) -> None:
    """Says what is in the file of a model before anything of it runs."""
    if model.scan == "WAITING":
        click.echo(f"{model.name}: nobody has looked into its file yet", err=True)
    for finding in model.findings if model.scan not in {None, "CLEAN"} else ():
        click.echo(f"{model.name}: {finding}", err=True)


@contextmanager
def stages(first: InstanceInfo | WorldInfo, ending: str) -> Iterator[Callable[[InstanceInfo | WorldInfo], None]]:
    """Yields what a wait calls to show the stage on standard error: in place at a terminal, else by lines.

    Ctrl-C ends the wait and nothing else: it is told so, and how to end what goes on (`ending`, a verb).
    """
    try:
        with _shown(first) as progress:
            yield progress
    except KeyboardInterrupt:
        click.echo(f"\n{first.name} ({first.id}) goes on; to end it: {ending} {first.id}", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


@contextmanager
def _shown(first: InstanceInfo | WorldInfo) -> Iterator[Callable[[InstanceInfo | WorldInfo], None]]:
    screen = console(stderr=True)
    if screen.is_terminal:
        with screen.status(_stage(first)) as status:
            yield lambda info: status.update(_stage(info))
        return
    said: list[str] = []

    def say(info: InstanceInfo | WorldInfo) -> None:
        if said[-1:] != [_stage(info)]:
            said.append(_stage(info))
            click.echo(said[-1], err=True)

    say(first)
    yield say


def _stage(info: InstanceInfo | WorldInfo) -> str:
    return f"{info.name}: {info.stage or info.phase}"


def read_assignments(texts: Sequence[str], parameters: Sequence[Mapping[str, Any]], option: str) -> dict[str, Any]:
    """Reads `name=value` texts: as text for a parameter of type str, else as JSON where it is JSON.

    Raises: InvalidInput for a text without `=`.
    """
    types = {parameter["name"]: parameter["type"] for parameter in parameters}
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InvalidInput(f"{option} {text!r} has no value; write {option} name=value", ("parameters",))
        values[name] = value if types.get(name) == "str" else _json_or_text(value)
    return values


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)
