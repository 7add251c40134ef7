"""Groups of verbs. What stands before a verb is given to it, where it takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Passing(click.Group):
    """A group whose options `--server` and `--json` are those of the verb that follows, where it has them."""

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(context, arguments)
        return name, command, [*_given_before(context), *rest]  # of an option given twice the last one counts


def passing(group: F) -> F:
    """Gives a group the options that it passes on."""
    with_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON; also after the verb.")(group)
    return click.option("--server", metavar="URL", help="Where the zoo is; also after the verb.")(with_json)


def _given_before(context: click.Context) -> list[str]:
    server = context.params.get("server")
    return [
        *([] if server is None else ["--server", server]),
        *(["--json"] if context.params.get("as_json") else []),
    ]
