"""Checkpoint: what a model has become, kept in the bucket for the attempt that comes next, and loaded by it.

Most attempts neither load nor save: what takes only then is imported then.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ainimal_zookeeper.domain.documents import CheckpointPoint
from ainimal_zookeeper.domain.errors import (
    AInimalFault,
    DataCorrupt,
    EnvFault,
    InvalidTransition,
    LimitReached,
    Rejected,
    Transient,
)
from ainimal_zookeeper.models.agent import Agent

from . import chance
from .fault import fault_of
from .link import Link
from .session import Counters

if TYPE_CHECKING:
    from .payload import Payload
    from .state.taking import Taken

SAVED = "saved"
_ARCHIVE = "state.zip"
_fetched: dict[str, Path] = {}  # by the folder that `fetch` returned, the one that it made for it


class Keeps(Protocol):
    """What acts, as far as there is something of it to keep."""

    def snapshot(self) -> dict[str, Any]:
        """Returns what it would have to be given back, `episodeStep` among it: steps since the episode began."""
        ...


def lacking(agent: Agent) -> str | None:
    """Returns why the agent cannot be saved and started again; None when it can."""
    if agent.can.save is None:
        return "the model has no save, and no object to look into" if agent.subject is None else None
    if agent.can.load is None and not agent.takes_save_path:
        return "the model has no load, and its constructor takes no save_path"
    return None


@dataclass(slots=True)
class Written:
    """A state as the step thread left it: what `save` wrote in `folder` of `place`, or what was taken of the model.

    facts: what the checkpoint says of itself. needs_pickle: whether restoring runs code out of it, once delivered.
    """

    place: tempfile.TemporaryDirectory[str]
    folder: Path | None
    model: Taken | None
    runner: Taken | None
    facts: dict[str, Any]
    step: int
    episode: int
    needs_pickle: bool = False


def write(
    agent: Agent,
    counters: Counters,
    body: Keeps | None = None,
    parameters: Mapping[str, Any] | None = None,
    overrides: Sequence[Mapping[str, Any]] = (),
) -> Written:
    """Lets the agent save itself into a new folder, or copies what it is made of. Step thread only.

    body: what else there is to keep, None for nothing. parameters: what the agent was made with. overrides: rules that
    stand, as `Overrides.lifted` yields them. Raises: AInimalFault
    when `save` raises, EnvFault when the world's `get_state` does; Transient when there is no room.
    """
    from .state.taking import late, made_late, take

    why = lacking(agent) if agent.can.save is None else None
    if why is not None:
        raise InvalidTransition(why)
    facts: dict[str, Any] = {"class": type(agent.subject).__qualname__, "parameters": dict(parameters or {})}
    if overrides:
        facts["overrides"] = list(overrides)
    try:
        place = tempfile.TemporaryDirectory(prefix="ainimal-", ignore_cleanup_errors=True)
        folder = Path(place.name) / SAVED
        folder.mkdir()
    except OSError as error:
        raise Transient(f"there is no room to save to: {error}") from error
    model = None
    try:
        if agent.can.save is not None:
            agent.can.save(str(folder))
        else:
            model = take(agent.subject)
    except BaseException as error:
        place.cleanup()
        raise fault_of(error, AInimalFault) from error
    if model is not None and (names := made_late(model, agent.made)):
        place.cleanup()
        raise InvalidTransition(f"it cannot be saved: {late(names)}")
    runner = None
    if body is not None:
        try:
            kept = body.snapshot()
            facts["episodeStep"] = kept["episodeStep"]
            runner = take({**kept, "sources": chance.states()})
        except BaseException as error:
            place.cleanup()
            raise fault_of(error, EnvFault) from error
    whole = folder if agent.can.save is not None else None
    return Written(place, whole, model, runner, facts, counters.step, counters.episode)


def deliver(written: Written, link: Link, name: str, deadline: float) -> CheckpointPoint:
    """Hands what was written to the zoo as the object `name` of this attempt, by `deadline` (of time.monotonic).

    In any thread. What was written is gone afterwards. Raises: ZookeeperError.
    """
    from . import objects

    with written.place as place:
        file = Path(place) / "checkpoint.zip"
        try:
            size, sha256 = seal(written, file)
            if written.folder is not None:
                shutil.rmtree(written.folder, ignore_errors=True)  # so that it takes the disk's room only once
        except OSError as error:
            raise Transient(f"what was saved cannot be packed: {error}") from error
        except ValueError as error:
            raise LimitReached(f"what was saved cannot be packed: {error}") from error
        ticket = objects.patiently_upload(lambda: link.ticket(name, size), file, deadline)
    facts = {"step": written.step, "episode": written.episode, "sizeBytes": size, "sha256": sha256}
    return cast("CheckpointPoint", {"object": ticket["object"], **facts})


def seal(written: Written, file: Path) -> tuple[int, str]:
    """Writes the archive of what was written; returns its size in bytes and its SHA-256.

    In any thread. Raises: OSError; ValueError when `save` wrote too much.
    """
    from . import archive, payload

    for taken in (written.model, written.runner):
        if taken is not None:
            taken.finish()
    if written.model is not None and written.model.left:
        written.facts["left"] = dict(written.model.left)
    entries = payload.entries_of(written.facts, written.folder, written.model, written.runner)
    written.needs_pickle = payload.needs_pickle(entries)
    return archive.write(entries, file)


def fetch(point: Mapping[str, Any], enter: Callable[[str], None], patience_s: float) -> str:
    """Returns a folder with the checkpoint, which `opened` reads; it goes with the process.

    point: the `checkpoint` of a launch. Raises: DataCorrupt when it is not, to the bit, what was saved, or is gone, or
    is of a format that this version does not know; Transient.
    """
    from . import objects

    enter(stage_of(point))
    folder: Path | None = None
    try:
        folder = _make_folder()
        objects.patiently_download(
            point["url"],
            point["headers"],
            folder / _ARCHIVE,
            sha256=point["sha256"],
            size_bytes=point["sizeBytes"],
            patience_s=patience_s,
        )
        opened(str(folder))
    except BaseException as error:
        if folder is not None:
            discard(str(folder))  # a process that runs may be asked for it again and again
        if isinstance(error, Rejected):
            raise DataCorrupt(f"the checkpoint of step {point['step']:,} cannot be had: {error}") from error
        if isinstance(error, OSError):
            raise Transient(f"the checkpoint of step {point['step']:,} cannot be unpacked: {error}") from error
        raise
    return str(folder)


def _make_folder() -> Path:
    """Returns a new folder for a checkpoint, which goes with `discard` or with the process. Raises: OSError."""
    place = Path(tempfile.mkdtemp(prefix="ainimal-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    folder = place / "checkpoint"
    folder.mkdir()
    _fetched[str(folder)] = place
    return folder


def opened(folder: str) -> Payload:
    """Returns what a folder of `fetch` holds. Raises: DataCorrupt, OSError."""
    from . import payload

    return payload.read(Path(folder) / _ARCHIVE, Path(folder) / SAVED)


def discard(folder: str) -> None:
    """Takes away a folder of `fetch`, and never anything else. Idempotent."""
    place = _fetched.pop(folder, None)
    if place is not None:
        shutil.rmtree(place, ignore_errors=True)


def saved_in(folder: str) -> str | None:
    """Returns the folder with what `save` wrote, in a folder of `fetch`; None where the zoo has copied the model."""
    saved = Path(folder) / SAVED
    return str(saved) if saved.exists() else None


def stage_of(point: Mapping[str, Any]) -> str:
    """Returns what people are told while it loads."""
    return f"loading checkpoint of step {point['step']:,}"
