"""`zoo checkpoint`: saves what an instance has become, and goes back to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ainimal_zookeeper.domain.errors import InvalidInput

from .connection import complete_instance, complete_model, connected, reading
from .groups import Passing, passing
from .output import show_json, show_table
from .reach import reachable_bucket

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Zookeeper

_INSTANCE = click.argument("instance", shell_complete=complete_instance)
_MODEL = click.argument("model", shell_complete=complete_model)


@click.group(cls=Passing)
@passing
def checkpoint(**_of_the_verb: Any) -> None:
    """Saves, restores, lists and compares the states of instances.

    A CHECKPOINT (A, B) goes by its id, its tag, or the beginning of either when only one begins so.
    """


@checkpoint.command()
@_INSTANCE
@click.option("--tag", metavar="TEXT", help="What to call it.")
@reading
def save(zoo: Zookeeper, as_json: bool, instance: str, tag: str | None) -> None:
    """Saves INSTANCE between two steps; it goes on."""
    found = zoo.instance(instance)
    saved = found.save_checkpoint(tag)
    if as_json:
        show_json(saved.document)
    else:
        click.echo(f"{found.name} is saved as {saved.tag} ({saved.id}): step {saved.step}, {saved.size_bytes:,} bytes")


@checkpoint.command()
@_INSTANCE
@click.argument("checkpoint")
@click.option("--wait/--no-wait", default=False, show_default=True, help="Whether to wait until it runs from there.")
@click.option("--timeout", type=float, default=900.0, show_default=True, metavar="SECONDS", help="How long to wait.")
@reading
def restore(zoo: Zookeeper, as_json: bool, instance: str, checkpoint: str, wait: bool, timeout: float) -> None:
    """Lets INSTANCE go on from CHECKPOINT of its model, on a new timeline."""
    restored = zoo.instance(instance).restore(checkpoint)
    if wait:
        restored.wait(("RUNNING", "PAUSED"), timeout_s=timeout)
    if as_json:
        show_json(restored.info.document)
    else:
        info = restored.info
        click.echo(f"{info.name} ({info.id}) is {info.phase} on timeline {info.timeline}")


@checkpoint.command("ls")
@click.argument("model", required=False, shell_complete=complete_model)
@click.option("--instance", metavar="INSTANCE", shell_complete=complete_instance, help="Those of one instance instead.")
@reading
def list_(zoo: Zookeeper, as_json: bool, model: str | None, instance: str | None) -> None:
    """Lists the checkpoints of MODEL, the newest first."""
    if (model is None) == (instance is None):
        raise InvalidInput("give a model, or an instance with --instance", ("model",))
    rows = zoo.instance(instance).checkpoints() if instance is not None else zoo.checkpoints(model or "")
    if as_json:
        show_json([row.document for row in rows])
    else:
        show_table(rows, "no checkpoints; save one: zoo checkpoint save INSTANCE")


@checkpoint.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--model", metavar="MODEL", shell_complete=complete_model, help="Whose tags A and B are.")
@reading
def diff(zoo: Zookeeper, as_json: bool, before: str, after: str, model: str | None) -> None:
    """Shows what leads from checkpoint A to checkpoint B: tensor by tensor, and which parameters differ."""
    found = zoo.checkpoint_diff(before, after, model)
    if as_json:
        show_json(found.document)
        return
    if found.tensors or not found.parameters:
        show_table(found.tensors, "nothing differs")
    if found.tensors and found.parameters:
        click.echo()
    if found.parameters:
        show_table(found.parameters, "")


@checkpoint.command()
@_MODEL
@click.argument("checkpoint")
@connected
def rm(zoo: Zookeeper, model: str, checkpoint: str) -> None:
    """Removes CHECKPOINT of MODEL, with what it saved; what grew from it stays."""
    found = zoo.checkpoint(checkpoint, model)
    found.delete()
    click.echo(f"{found.tag} ({found.id}) is removed")


@checkpoint.command()
@_MODEL
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--payload", is_flag=True, help="Also copies what was saved, where git-lfs finds it.")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the zoo keeps its state, on this machine; else .zoo of this folder.",
)
@reading
def clone(zoo: Zookeeper, as_json: bool, model: str, directory: Path, payload: bool, state_dir: Path | None) -> None:
    """Makes DIRECTORY a git repository of all checkpoints of MODEL, for plain git to read.

    It reads what the zoo has stored, and so runs on the machine of the zoo, in the folder that it was started in.
    """
    from ainimal_zookeeper import checkpoints  # git takes a tenth of a second to load

    with reachable_bucket(zoo, state_dir, os.environ) as bucket:
        made = checkpoints.clone(checkpoints.Repository(bucket, zoo.model(model).id), directory, payload=payload)
    if as_json:
        show_json(
            {
                "directory": str(made.directory),
                "tags": made.tags,
                "newest": made.newest,
                "shallow": list(made.shallow),
                "payloadBytes": made.payload_bytes,
            }
        )
    else:
        tags = "1 checkpoint" if made.tags == 1 else f"{made.tags} checkpoints"
        click.echo(f"{made.directory} has {tags}, {made.newest} in its work tree")
