"""`zoo override`: rules that stand on signals of an instance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ainimal_zookeeper.domain.errors import InvalidInput, NotFound

from .connection import complete_instance, reading
from .groups import Passing, passing
from .output import show_json, show_table

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Zookeeper

_INSTANCE = click.argument("instance", shell_complete=complete_instance)


@click.group(cls=Passing)
@passing
def override(**_of_the_verb: Any) -> None:
    """Lets rules stand on the signals of an instance, lists them and ends them."""


@override.command("set", context_settings={"ignore_unknown_options": True})  # a value may begin with a minus
@_INSTANCE
@click.argument("path")
@click.argument("value", required=False)
@click.option(
    "--rule",
    type=click.Choice(("set", "clamp", "scale", "blend", "patch")),
    default="set",
    show_default=True,
    help="What it does: VALUE in place, bounds, VALUE as factor, VALUE by --weight, or --recording in place.",
)
@click.option("--low", metavar="VALUE", help="No less than this, for clamp.")
@click.option("--high", metavar="VALUE", help="No more than this, for clamp.")
@click.option("--weight", type=float, metavar="NUMBER", help="How much of VALUE, from 0 to 1, for blend.")
@click.option("--index", metavar="I,J", help="The one element that it is about, e.g. 0,3.")
@click.option("--recording", metavar="ID", help="What is put in place, for patch.")
@click.option("--recording-path", metavar="PATH", help="Another signal of the recording than PATH.")
@click.option("--from-step", type=int, metavar="STEP", help="The step of the recording to begin with.")
@click.option("--allow-non-finite", is_flag=True, help="Lets values be NaN or infinite.")
@click.option("--steps", type=int, metavar="COUNT", help="It expires after so many steps.")
@click.option("--seconds", type=float, metavar="SECONDS", help="It expires after that time.")
@reading
def set_(
    zoo: Zookeeper,
    as_json: bool,
    instance: str,
    path: str,
    value: str | None,
    low: str | None,
    high: str | None,
    index: str | None,
    **more: Any,
) -> None:
    """Lets a rule stand on the signal PATH of INSTANCE, until it expires or is cleared.

    VALUE is a number for all elements, nested lists as JSON, or text.
    """
    given = {"value": _read(value), "low": _read(low), "high": _read(high), "index": _index(index)}
    made = zoo.instance(instance).override(path, **given, **more)
    if as_json:
        show_json(made.document)
    else:
        click.echo(f"{made.path}: {made.terms} ({made.id})")


@override.command()
@_INSTANCE
@click.argument("which", required=False)
@reading
def clear(zoo: Zookeeper, as_json: bool, instance: str, which: str | None) -> None:
    """Ends rules on INSTANCE: the one whose id, or those on whose path WHICH is; without it all of them."""
    found = zoo.instance(instance)
    if which is not None:
        rules = found.overrides()
        if not any(which in {rule.id, rule.path} for rule in rules):
            there = ", ".join(f"{rule.path} ({rule.id})" for rule in rules) or "none stands"
            raise NotFound(f"no rule {which!r} stands on {found.name}; there are: {there}", ("which",))
    found = found.clear_overrides(which)
    left = found.overrides()
    if as_json:
        show_json([row.document for row in left])
    else:
        click.echo(f"{len(left)} rule{'' if len(left) == 1 else 's'} left on {found.name}")


@override.command("ls")
@_INSTANCE
@reading
def list_(zoo: Zookeeper, as_json: bool, instance: str) -> None:
    """Lists the rules that stand on INSTANCE, in the order in which they are applied."""
    rows = zoo.instance(instance).overrides()
    if as_json:
        show_json([row.document for row in rows])
    else:
        show_table(rows, "no rule stands; let one: zoo override set INSTANCE PATH VALUE")


def _read(value: str | None) -> Any:
    """Returns a value as it was typed: JSON, or else text."""
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return value


def _index(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.strip("[]").split(",")]
    except ValueError:
        raise InvalidInput(f"--index is {text!r}; give whole numbers with commas, such as 0,3", ("index",)) from None
