"""Comparisons: what differs between what two checkpoints saved, worked out in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.documents import CheckpointDoc
from ainimal_zookeeper.domain.errors import DataCorrupt, LimitReached, NotFound, RateLimited, Transient
from ainimal_zookeeper.ports.bucket import Bucket

from . import stored

if TYPE_CHECKING:
    from ainimal_zookeeper.checkpoints import Difference
    from ainimal_zookeeper.checkpoints.tensors import TensorChange

COMPARE_S = 60.0
_MOST_AT_ONCE = 8  # that wait for their turn, and the one whose turn it is
_WAIT_S = 5.0


class Comparisons:
    """For one event loop; close it there. `bucket` opens the bucket when it is first needed.

    compare_s: how long one may take, from its turn on. One at a time: it is arithmetic in Python, which all else that
    this process does has to wait for now and then.
    """

    def __init__(self, bucket: Callable[[], Bucket], compare_s: float = COMPARE_S) -> None:
        self._bucket = bucket
        self._compare_s = compare_s
        self._thread = ThreadPoolExecutor(1, "graphql-comparison")
        self._closing = threading.Event()
        self._waiting = 0

    async def compare(self, before: CheckpointDoc, after: CheckpointDoc) -> dict[str, Any]:
        """Returns a `CheckpointDiff`.

        Raises: LimitReached for what is too big or takes too long; DataCorrupt for what is not as it was saved;
        RateLimited while too many are asked for; Transient.
        """
        if self._waiting >= _MOST_AT_ONCE:
            raise RateLimited(f"{self._waiting} comparisons of checkpoints wait already; try again later", _WAIT_S)
        abandoned = threading.Event()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._compare, before, after, abandoned
            )
        finally:
            abandoned.set()
            self._waiting -= 1

    def close(self) -> None:
        """Returns at once; one that is under way ends soon."""
        self._closing.set()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _compare(self, before: CheckpointDoc, after: CheckpointDoc, abandoned: threading.Event) -> dict[str, Any]:
        from ainimal_zookeeper.checkpoints import differences
        from ainimal_zookeeper.checkpoints.tensors import compare_tensors

        until = time.monotonic() + self._compare_s

        def go_on() -> None:
            if self._closing.is_set() or abandoned.is_set():
                raise Transient("this process leaves before the checkpoints are compared; ask again")
            if time.monotonic() > until:
                raise LimitReached(
                    f"comparing {before['tag']} with {after['tag']} takes more than {self._compare_s:g} s; clone them "
                    "(zoo checkpoint clone --payload) and compare them with NumPy"
                )

        changes: list[TensorChange] = []
        if before["sha256"] != after["sha256"]:
            changes = compare_tensors(self._tensors(before, go_on), self._tensors(after, go_on), go_on=go_on)
        earlier, later = (stored.parameters(each["parametersJson"], each["id"]) for each in (before, after))
        return {
            "tensors": [_shown(change) for change in changes if change.kind != "same"],
            "parameters": _by_name(differences(earlier, later)),
        }

    def _tensors(self, checkpoint: CheckpointDoc, go_on: Callable[[], None]) -> Mapping[str, Any]:
        from ainimal_zookeeper.checkpoints import contents, regions

        bucket, tag = self._bucket(), checkpoint["tag"]
        try:
            contents.check_size(checkpoint["sizeBytes"])
            archive = regions.open_checked(
                bucket, checkpoint["object"], checkpoint["sizeBytes"], checkpoint["sha256"], go_on
            )
            return contents.tensors_in(archive, go_on)
        except (DataCorrupt, LimitReached) as error:
            raise type(error)(f"the checkpoint {tag} cannot be compared: {error}") from None
        except NotFound as error:
            raise DataCorrupt(f"what the checkpoint {tag} saved is gone: {error}") from None


def _shown(change: TensorChange) -> dict[str, Any]:
    return {
        "path": change.name,
        "change": change.kind,
        "norm": change.norm,
        "relative": change.relative,
        "fromShape": None if change.shape_before is None else list(change.shape_before),
        "toShape": None if change.shape_after is None else list(change.shape_after),
        "fromDtype": change.dtype_before,
        "toDtype": change.dtype_after,
    }


def _by_name(found: tuple[Difference, ...]) -> dict[str, dict[str, Any]]:
    """Returns {name: {from, to}}, with one of them for what is in one checkpoint only."""
    shown = dict[str, dict[str, Any]]()
    for difference in found:
        sides = {}
        if difference.kind != "added":
            sides["from"] = difference.before
        if difference.kind != "removed":
            sides["to"] = difference.after
        shown[".".join(json.dumps(part) if "." in part else part for part in difference.path)] = sides
    return shown
