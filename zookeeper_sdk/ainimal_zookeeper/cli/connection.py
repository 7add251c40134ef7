"""What all verbs that talk to a zoo have in common: where it is, and whether to answer in JSON."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ainimal_zookeeper.client.address import nearest_zoo
from ainimal_zookeeper.domain.documents import FINAL_PHASES

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ainimal_zookeeper.client import Zookeeper

F = TypeVar("F", bound=Callable[..., Any])

_SERVER = click.option(
    "--server",
    metavar="URL",
    envvar="ZOO_SERVER",
    default=nearest_zoo,
    show_default="the zoo of this folder, else http://127.0.0.1:3000",
    show_envvar=True,
    help="Where the zoo is.",
)


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens the connection to a zoo; tests give another one as click's `obj`."""

    connect: Callable[[str], Zookeeper]


def connect(server: str) -> Zookeeper:
    """Opens the connection, with the ID token in `ZOO_ID_TOKEN`: as an argument, every user of the machine saw it."""
    from ainimal_zookeeper.client import Zookeeper

    return Zookeeper(server, token=os.environ.get("ZOO_ID_TOKEN") or None)


def connected(verb: F) -> F:
    """Gives a verb the option --server, and an open `zoo` as its first argument."""

    @click.pass_context
    def with_zoo(context: click.Context, /, server: str, **arguments: Any) -> Any:
        connector = context.obj if isinstance(context.obj, Connector) else Connector(connect)
        with connector.connect(server) as zoo:
            return context.invoke(verb, zoo, **arguments)

    return cast(F, _SERVER(update_wrapper(with_zoo, verb)))


def reading(verb: F) -> F:
    """`connected`, with the option --json."""
    return connected(click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(verb))


def _complete(rows: Callable[[Zookeeper], list[Any]]) -> Callable[..., list[CompletionItem]]:
    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from ainimal_zookeeper.domain.errors import ZookeeperError

        server = context.params.get("server") or nearest_zoo()
        try:
            with connect(server) as zoo:
                return [
                    CompletionItem(row.name, help=row.id)
                    for row in rows(zoo)
                    if row.name.lower().startswith(incomplete.lower())
                ]
        except ZookeeperError:
            return []  # a shell that completes has no place for messages

    return complete


complete_model = _complete(lambda zoo: zoo.models())
complete_environment = _complete(lambda zoo: zoo.environments())
complete_world = _complete(lambda zoo: [row for row in zoo.worlds() if row.phase not in FINAL_PHASES])
complete_instance = _complete(lambda zoo: [row for row in zoo.instances() if not row.ended])
