"""Verbs that change what an instance does."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ainimal_zookeeper.domain.errors import InvalidInput

from .connection import complete_instance, connected, reading
from .launching import MODES
from .output import show_json

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Instance, Zookeeper

_FASTEST = 1_000_000  # steps per second
_INSTANCE = click.argument("instance", shell_complete=complete_instance)
_WAIT = click.option(
    "--wait/--no-wait", default=False, show_default=True, help="Whether to wait until it has followed."
)


_SAVE = click.option(
    "--save",
    is_flag=False,
    flag_value="",
    metavar="[TAG]",
    help="Also saves the state that it is held in, as TAG or under a name that is made up.",
)


def _read_save(save: str | None) -> bool | str:
    """Returns what the Python client takes for --save, which may stand alone."""
    return save or save is not None


def _say(instance: Instance, as_json: bool) -> None:
    saved = instance.saved
    if as_json:
        show_json({**instance.info.document, **({} if saved is None else {"checkpoint": saved.document})})
        return
    if saved is not None:
        click.echo(
            f"{instance.name} is saved as {saved.tag} ({saved.id}): step {saved.step}, {saved.size_bytes:,} bytes"
        )
    info = instance.info
    followed = instance.ended or info.observed_generation >= info.generation
    # Statistics come every few seconds, an acknowledgement at once.
    at = max(info.stats.step, info.acknowledged_at_step or 0)
    behind = "" if followed else " (asked; not yet followed)"
    click.echo(f"{info.name} ({info.id}) is {info.phase}, mode {info.mode}, at step {at}{behind}")


def _apply(zoo: Zookeeper, as_json: bool, instance: str, wait: bool, change: Callable[[Instance], Instance]) -> None:
    changed = change(zoo.instance(instance))
    if wait:
        changed.settled()
    _say(changed, as_json)


@click.command()
@_INSTANCE
@_SAVE
@_WAIT
@reading
def pause(zoo: Zookeeper, as_json: bool, instance: str, save: str | None, wait: bool) -> None:
    """Holds INSTANCE at the end of its current step."""
    _apply(zoo, as_json, instance, wait, lambda found: found.pause(save=_read_save(save)))


@click.command()
@_INSTANCE
@_WAIT
@reading
def resume(zoo: Zookeeper, as_json: bool, instance: str, wait: bool) -> None:
    """Lets a paused INSTANCE go on."""
    _apply(zoo, as_json, instance, wait, lambda found: found.resume())


@click.command()
@_INSTANCE
@click.argument("count", type=click.IntRange(min=1), default=1)
@_WAIT
@reading
def step(zoo: Zookeeper, as_json: bool, instance: str, count: int, wait: bool) -> None:
    """Lets a paused INSTANCE make COUNT steps (1)."""
    _apply(zoo, as_json, instance, wait, lambda found: found.step(count))


def _read_rate(_context: click.Context, _parameter: click.Parameter, text: str) -> float | None:
    """Returns a number of steps per second; None for `max`."""
    if text.lower() == "max":
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate <= _FASTEST:
        raise click.BadParameter(
            f"{text!r} is neither a number nor max: give steps per second, above 0 and at most {_FASTEST}, or max"
        )
    return rate


@click.command()
@_INSTANCE
@click.argument("steps_per_second", callback=_read_rate)
@_WAIT
@reading
def rate(zoo: Zookeeper, as_json: bool, instance: str, steps_per_second: float | None, wait: bool) -> None:
    """Sets the speed of INSTANCE in steps per second, or `max`."""
    _apply(zoo, as_json, instance, wait, lambda found: found.rate(steps_per_second))


@click.command()
@_INSTANCE
@click.argument("mode", type=click.Choice(MODES))
@_WAIT
@reading
def mode(zoo: Zookeeper, as_json: bool, instance: str, mode: str, wait: bool) -> None:
    """Sets what INSTANCE does: learn and act, only one of them, or neither."""
    _apply(zoo, as_json, instance, wait, lambda found: found.mode(mode))


@click.command()
@_INSTANCE
@_WAIT
@reading
def reset(zoo: Zookeeper, as_json: bool, instance: str, wait: bool) -> None:
    """Ends the episode of INSTANCE and starts the next."""
    _apply(zoo, as_json, instance, wait, lambda found: found.reset())


@click.command()
@_INSTANCE
@click.option("--name", metavar="TEXT", help="What to call it.")
@click.option("--tag", "tags", metavar="TEXT", multiple=True, help="Replaces its tags; repeatable, '' removes them.")
@click.option("--notes", metavar="TEXT", help="Replaces its notes; '' removes them.")
@reading
def update(
    zoo: Zookeeper, as_json: bool, instance: str, name: str | None, tags: tuple[str, ...], notes: str | None
) -> None:
    """Changes what is written on INSTANCE: its name, tags and notes."""
    given = [tag for tag in tags if tag] if tags else None
    found = zoo.instance(instance).update(name=name, tags=given, notes=notes)
    if as_json:
        show_json(found.info.document)
    else:
        click.echo(f"{found.name} ({found.id}) is updated")


@click.command()
@_INSTANCE
@_SAVE
@click.option("--wait/--no-wait", default=False, show_default=True, help="Whether to wait until it has ended.")
@reading
def terminate(zoo: Zookeeper, as_json: bool, instance: str, save: str | None, wait: bool) -> None:
    """Ends INSTANCE for good; its history and log stay."""
    found = zoo.instance(instance).terminate(save=_read_save(save))
    if wait:
        found.wait("TERMINATED")
    _say(found, as_json)


@click.command()
@_INSTANCE
@connected
def delete(zoo: Zookeeper, instance: str) -> None:
    """Removes an INSTANCE that has ended, with its history and log."""
    found = zoo.instance(instance)
    found.delete()
    click.echo(f"{found.name} ({found.id}) is deleted")


@click.command()
@_INSTANCE
@click.argument("inputs")
@click.option("--conversation", metavar="TEXT", help="Calls with the same one share a recurrent model's state.")
@connected
def infer(zoo: Zookeeper, instance: str, inputs: str, conversation: str | None) -> None:
    """Makes one forward pass of INSTANCE with INPUTS: a JSON object, @FILE, or - for standard input."""
    answer = zoo.instance(instance).infer(_read_inputs(inputs), conversation=conversation)
    show_json(_plain(answer))


def _read_inputs(text: str) -> dict[str, Any]:
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"cannot read {text[1:]}: {error.strerror}", ("inputs",)) from error
    try:
        inputs = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"the inputs are not JSON: {error}; write '{{\"name\": value}}'", ("inputs",)) from error
    if not isinstance(inputs, dict):
        raise InvalidInput("the inputs are no JSON object; write '{\"name\": value}'", ("inputs",))
    return inputs


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value
