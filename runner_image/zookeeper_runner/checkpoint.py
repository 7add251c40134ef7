"""Checkpoint: what a model has become, kept in the bucket for the attempt that comes next, and loaded by it.

Most attempts neither load nor save: what takes only then is imported then.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ainimal_zookeeper.domain.documents import CheckpointPoint
from ainimal_zookeeper.domain.errors import AInimalFault, DataCorrupt, Rejected, Transient
from ainimal_zookeeper.models.agent import Agent

from .fault import fault_of
from .link import Link
from .session import Counters

_CHUNK = 1 << 20


def lacking(agent: Agent) -> str | None:
    """Returns why the agent cannot be saved and started again; None when it can."""
    if agent.can.save is None:
        return "the model has no save"
    if agent.can.load is None and not agent.takes_save_path:
        return "the model has no load, and its constructor takes no save_path"
    return None


def save(agent: Agent, link: Link, counters: Counters, patience_s: float) -> CheckpointPoint:
    """Lets the agent save itself and hands the bytes to the zoo, within about `patience_s`. Step thread only.

    Raises: AInimalFault when `save` raises; OSError, ValueError for what it wrote; what `Link` and `objects` raise.
    """
    from . import archive, objects

    deadline = time.monotonic() + patience_s
    step, episode = counters.step, counters.episode
    if agent.can.save is None:
        raise AInimalFault("the model has no save")
    with tempfile.TemporaryDirectory(prefix="ainimal-", ignore_cleanup_errors=True) as place:
        folder, file = Path(place) / "saved", Path(place) / "checkpoint.zip"
        folder.mkdir()
        try:
            agent.can.save(str(folder))
        except BaseException as error:
            raise fault_of(error, AInimalFault) from error
        archive.pack(folder, file)
        size, sha256 = file.stat().st_size, _sha256(file)
        ticket = link.ticket(f"checkpoints/step-{step}.zip", size)
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise Transient(f"it took until now to save it; no time is left to send {size:,} bytes")
        objects.upload(ticket["url"], ticket["headers"], file, left_s)
    return {"object": ticket["object"], "step": step, "episode": episode, "sizeBytes": size, "sha256": sha256}


def fetch(point: Mapping[str, Any], enter: Callable[[str], None], patience_s: float) -> str:
    """Returns a folder with what `save` wrote; it goes with the process. `point`: the `checkpoint` of a launch.

    Raises: DataCorrupt when it is not, to the bit, what was saved, or is gone; Transient.
    """
    from . import archive, objects

    enter(stage_of(point))
    place = Path(tempfile.mkdtemp(prefix="ainimal-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    folder, file = place / "saved", place / "checkpoint.zip"
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


def stage_of(point: Mapping[str, Any]) -> str:
    """Returns what people are told while it loads."""
    return f"loading checkpoint of step {point['step']:,}"


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
