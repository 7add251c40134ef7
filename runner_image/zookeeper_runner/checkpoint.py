"""Checkpoint: what a model has become, kept in the bucket for the attempt that comes next, and loaded by it.

Most attempts neither load nor save: what takes only then is imported then.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ainimal_zookeeper.domain.documents import CheckpointPoint
from ainimal_zookeeper.domain.errors import (
    AInimalFault,
    DataCorrupt,
    InvalidTransition,
    LimitReached,
    Rejected,
    Transient,
)
from ainimal_zookeeper.models.agent import Agent

from .fault import fault_of
from .link import Link
from .session import Counters

_CHUNK = 1 << 20
_fetched: dict[str, Path] = {}  # what was made for each folder of `fetch`


def lacking(agent: Agent) -> str | None:
    """Returns why the agent cannot be saved and started again; None when it can."""
    if agent.can.save is None:
        return "the model has no save"
    if agent.can.load is None and not agent.takes_save_path:
        return "the model has no load, and its constructor takes no save_path"
    return None


@dataclass(frozen=True, slots=True)
class Written:
    """What `save` wrote, in `folder` of `place`, and where the attempt was then."""

    place: tempfile.TemporaryDirectory[str]
    folder: Path
    step: int
    episode: int


def write(agent: Agent, counters: Counters) -> Written:
    """Lets the agent save itself into a new folder. Step thread only; all that it costs is `save` and that folder.

    Raises: AInimalFault when `save` raises; Rejected without one; Transient when there is no room.
    """
    if agent.can.save is None:
        raise InvalidTransition("the model has no save")
    try:
        place = tempfile.TemporaryDirectory(prefix="ainimal-", ignore_cleanup_errors=True)
        folder = Path(place.name) / "saved"
        folder.mkdir()
    except OSError as error:
        raise Transient(f"there is no room to save to: {error}") from error
    try:
        agent.can.save(str(folder))
    except BaseException as error:
        place.cleanup()
        raise fault_of(error, AInimalFault) from error
    return Written(place, folder, counters.step, counters.episode)


def deliver(written: Written, link: Link, name: str, deadline: float) -> CheckpointPoint:
    """Hands what was written to the zoo as the object `name` of this attempt, by `deadline` (of time.monotonic).

    In any thread. What was written is gone afterwards. Raises: ZookeeperError.
    """
    from . import archive, objects

    with written.place as place:
        file = Path(place) / "checkpoint.zip"
        try:
            archive.pack(written.folder, file)
            shutil.rmtree(written.folder, ignore_errors=True)  # so that it takes the disk's room only once
            size, sha256 = file.stat().st_size, _sha256(file)
        except OSError as error:
            raise Transient(f"what save wrote cannot be packed: {error}") from error
        except ValueError as error:
            raise LimitReached(f"what save wrote cannot be packed: {error}") from error
        ticket = objects.patiently_upload(lambda: link.ticket(name, size), file, deadline)
    facts = {"step": written.step, "episode": written.episode, "sizeBytes": size, "sha256": sha256}
    return cast("CheckpointPoint", {"object": ticket["object"], **facts})


def fetch(point: Mapping[str, Any], enter: Callable[[str], None], patience_s: float) -> str:
    """Returns a folder with what `save` wrote; it goes with the process. `point`: the `checkpoint` of a launch.

    Raises: DataCorrupt when it is not, to the bit, what was saved, or is gone; Transient.
    """
    from . import archive, objects

    enter(stage_of(point))
    place = Path(tempfile.mkdtemp(prefix="ainimal-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    folder, file = place / "saved", place / "checkpoint.zip"
    _fetched[str(folder)] = place
    folder.mkdir()
    try:
        objects.patiently_download(
            point["url"],
            point["headers"],
            file,
            sha256=point["sha256"],
            size_bytes=point["sizeBytes"],
            patience_s=patience_s,
        )
        archive.unpack(file, folder)
    except Rejected as error:
        raise DataCorrupt(f"the checkpoint of step {point['step']:,} cannot be had: {error}") from error
    except OSError as error:
        raise Transient(f"the checkpoint of step {point['step']:,} cannot be unpacked: {error}") from error
    file.unlink()
    return str(folder)


def discard(folder: str) -> None:
    """Takes away a folder of `fetch`, and never anything else. Idempotent."""
    place = _fetched.pop(folder, None)
    if place is not None:
        shutil.rmtree(place, ignore_errors=True)


def stage_of(point: Mapping[str, Any]) -> str:
    """Returns what people are told while it loads."""
    return f"loading checkpoint of step {point['step']:,}"


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
