"""`zoo`: the command line of a zoo."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from ainimal_zookeeper.domain.errors import UserCodeFault, ZookeeperError

from .exit_status import exit_status
from .groups import Passing, passing

VERBS = {
    "up": "hosting",
    "models": "listing",
    "model": "models",
    "environments": "listing",
    "worlds": "listing",
    "instances": "listing",
    "logs": "listing",
    "launch": "launching",
    "launch-world": "worlds",
    "reset-world": "worlds",
    "terminate-world": "worlds",
    "pause": "steering",
    "resume": "steering",
    "step": "steering",
    "rate": "steering",
    "mode": "steering",
    "reset": "steering",
    "update": "steering",
    "terminate": "steering",
    "delete": "steering",
    "checkpoint": "checkpoints",
    "infer": "steering",
    "watch": "watching",
    "override": "overriding",
    "drive": "driving",
    "record": "recording",
    "replay": "replaying",
    "probe": "probing",
    "stage": "staging",
    "doctor": "doctor",
}
"""Each verb and its module, which is imported when the verb is used: `zoo` answers at once."""


class Verbs(Passing):
    """Verbs by name."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module = import_module(f"{__package__}.{VERBS[name]}")
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except ZookeeperError as error:
            if isinstance(error, UserCodeFault) and error.traceback:
                click.echo(error.traceback.rstrip(), err=True)
            click.secho(f"Error: {error.message}", err=True, fg="red")
            context.exit(exit_status(error))


def _version() -> str:
    try:
        return version("ainimal-zookeeper")
    except PackageNotFoundError:
        return "of a clone that is not installed"


@click.command(cls=Verbs, context_settings={"max_content_width": 110})
@click.version_option(_version(), prog_name="zoo")
@passing
def zoo(**_of_the_verb: Any) -> None:
    """Launches, watches and steers AInimals.

    Models, environments and instances go by id, by name, or by the beginning of either when only one begins so.
    Verbs exit with a status that says what went wrong; NO_COLOR=1 turns colours off.
    """
