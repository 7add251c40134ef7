"""Lineages: what checkpoints and the git repositories of their models' sources have to do with each other.

The functions may run where the sources are not, so they only note what there is to do: a checkpoint that is WAITING, a
tag that is WITHDRAWN. The zoo's own process has the sources at hand, and does it: it keeps the history that a lineage
begins with, pushes the tags of checkpoints that somebody asked for, and takes back those of deleted ones. What it
finds undone, it does, whoever was killed before: nobody waits for it, and no save fails by it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import (
    CheckpointDoc,
    Collections,
    Document,
    ModelDoc,
    Push,
    Ref,
    WithdrawalDoc,
    instance_ref,
)
from ainimal_zookeeper.domain.errors import InvalidInput, Transient, ZookeeperError
from ainimal_zookeeper.domain.events import EventKind, event
from ainimal_zookeeper.domain.queries import BoundQuery, Page
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.store import DocumentStore, Transaction, Watch
from ainimal_zookeeper.provenance import Provenance

if TYPE_CHECKING:
    from ainimal_zookeeper.checkpoints import Repository, SourceRepository

_log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5  # git holds its locks for moments
LONGEST_PAUSE_S = 60.0
TOLD_AFTER = 4  # tries that fail in a row before people hear of what may mend itself

_PAGE = 50
_WAITING = queries.CHECKPOINTS_TO_PUSH.bind(push="WAITING")
_WITHDRAWN = queries.WITHDRAWN.bind()


class Lineages:
    """Does what there is to do, in a thread of its own once `start` is called."""

    def __init__(self, *, store: DocumentStore, bucket: Bucket, clock: Clock, provenance: Provenance) -> None:
        self._store = store
        self._bucket = bucket
        self._clock = clock
        self._provenance = provenance
        self._failed: dict[str, int] = {}  # how often in a row, by checkpoint
        self._histories = set[tuple[str, str]]()  # kept, or too big to be
        self._due = threading.Event()
        self._closing = False
        self._watches: list[Watch] = []
        self._thread = threading.Thread(target=self._run, name="lineages", daemon=True)

    def start(self) -> None:
        self._watches = [self._store.watch(query, self._hear) for query in (_WAITING, _WITHDRAWN)]
        self._thread.start()

    def close(self) -> None:
        """Begins nothing more. Returns when nothing runs any more, or hangs: then it ends with the process."""
        self._closing = True
        self._due.set()
        for watch in self._watches:
            watch.close()
        if self._thread.is_alive():
            self._thread.join(timeout=1)

    def attend(self) -> bool:
        """Does what there is to do now. Returns whether something of it is left, to be tried again."""
        waiting = [cast(CheckpointDoc, found) for found in self._all(_WAITING)]
        # Who has taken the tag of a deleted checkpoint came after the note of its withdrawal: so these are read later.
        stuck = {(found["modelId"], found["tag"]) for found in self._all(_WITHDRAWN) if not self._withdraw(found)}
        left = bool(stuck)
        for checkpoint in waiting:
            if self._closing:
                return True
            if (checkpoint["modelId"], checkpoint["tag"]) in stuck or not self._settle(checkpoint):
                left = True
        return left

    # --- inside ------------------------------------------------------------------------------------------------------

    def _hear(self, found: list[Document]) -> None:
        if found:
            self._due.set()

    def _run(self) -> None:
        pause_s: float | None = None
        while True:
            self._due.wait(pause_s)
            if self._closing:
                return
            self._due.clear()
            try:
                left = self.attend()
            except ZookeeperError as error:  # the store or the bucket: what waits, waits
                _log.warning("lineages: %s", error.message)
                left = True
            except Exception:  # noqa: BLE001  whatever it is, what comes later is not to wait for the next start
                _log.exception("lineages: what waits is tried again")
                left = True
            pause_s = None if not left else min(LONGEST_PAUSE_S, 2 * pause_s if pause_s else FIRST_PAUSE_S)

    def _all(self, query: BoundQuery) -> Iterator[Document]:
        after = None
        while True:
            found = self._store.query(query, Page(_PAGE, after))
            yield from found.documents
            if not found.has_next:
                return
            after = found.cursors[-1]

    def _settle(self, checkpoint: CheckpointDoc) -> bool:
        """Returns whether a checkpoint waits no more."""
        tag = checkpoint["tag"]
        model = cast("ModelDoc | None", self._store.get(Ref(Collections.MODELS, checkpoint["modelId"])))
        if model is None:
            return False  # it may come back into the configuration
        try:
            place = self._carry(checkpoint, model)
            if place is not None:
                self._tell(
                    checkpoint, "pushed", f"the tag {tag} was pushed to the git repository {place}", "CHECKPOINT"
                )
        except Transient as error:
            if self._has_failed(checkpoint["id"]):
                self._tell(checkpoint, "late", f"the tag {tag} is not pushed yet, and tried again: {error.message}")
            return False
        except ZookeeperError as error:
            self._finish(checkpoint, "REFUSED", error.message)
        except Exception as error:  # noqa: BLE001  a repository broken in a way of its own must not stop all others
            _log.exception("the tag %s could not be pushed", tag)
            self._finish(checkpoint, "REFUSED", repr(error))
        else:
            self._finish(checkpoint, None if place is None else "PUSHED")
        self._failed.pop(checkpoint["id"], None)
        return True

    def _has_failed(self, checkpoint_id: str) -> bool:
        """Returns whether that is to be told now."""
        self._failed[checkpoint_id] = self._failed.get(checkpoint_id, 0) + 1
        return self._failed[checkpoint_id] == TOLD_AFTER

    def _carry(self, checkpoint: CheckpointDoc, model: ModelDoc) -> Path | None:
        """Keeps the history, and pushes the tag. Returns where to; None where the source is to have none."""
        from ainimal_zookeeper.checkpoints import Repository, push

        source = self._provenance.repository_of(model)
        if source is None:
            raise InvalidInput(f"{model['source']} is in no git repository any more")
        repository = Repository(self._bucket, checkpoint["modelId"])
        self._keep_history(repository, checkpoint, source)
        if checkpoint["kind"] != "ASKED" or json.loads(model["specJson"]).get("push_checkpoints") is False:
            return None
        push(repository, checkpoint["tag"], source)
        return source.path

    def _keep_history(self, repository: Repository, checkpoint: CheckpointDoc, source: SourceRepository) -> None:
        manifest = repository.read(checkpoint["id"]).manifest
        if manifest.grew_from is None and manifest.code.commit is not None:
            known = (checkpoint["modelId"], manifest.code.commit)
            if known not in self._histories:
                repository.keep_history(source, manifest.code.commit)
                self._histories.add(known)

    def _withdraw(self, found: Document) -> bool:
        """Returns whether a tag needs no more to be withdrawn."""
        from ainimal_zookeeper.checkpoints.pushing import withdraw

        withdrawal = cast(WithdrawalDoc, found)
        model = cast("ModelDoc | None", self._store.get(Ref(Collections.MODELS, withdrawal["modelId"])))
        if model is None:
            return False
        try:
            source = self._provenance.repository_of(model)
            if source is not None:
                withdraw(source, withdrawal["tag"], withdrawal["target"])
        except Exception as error:  # noqa: BLE001  a repository broken in a way of its own must not stop all others
            if self._has_failed(withdrawal["id"]):
                _log.warning("the tag %s of a deleted checkpoint stays for now: %s", withdrawal["tag"], error)
            return False
        self._failed.pop(withdrawal["id"], None)
        self._store.transact(lambda transaction: transaction.delete(Ref(Collections.WITHDRAWN, withdrawal["id"])))
        return True

    def _finish(self, checkpoint: CheckpointDoc, push: Push | None, trouble: str | None = None) -> None:
        """Writes down what has become of it. What nobody asked for is nobody's trouble."""
        ref = Ref(Collections.CHECKPOINTS, checkpoint["id"])
        asked = checkpoint["kind"] == "ASKED"

        def change(transaction: Transaction) -> None:
            found = transaction.get(ref)
            if found is None or found.get("push") != "WAITING":
                return  # deleted meanwhile, so that its tag is withdrawn; or settled by another zoo of this store
            del found["push"]
            transaction.put(ref, {**found, "push": push} if push is not None and asked else found)

        if trouble is not None and asked:
            self._tell(checkpoint, "refused", f"the tag {checkpoint['tag']} is not pushed: {trouble}")
        self._store.transact(change)

    def _tell(self, checkpoint: CheckpointDoc, what: str, message: str, kind: EventKind = "WARNING") -> None:
        """Tells it once, however often it comes to this, as long as there is an instance to tell it of."""
        ref = Ref(Collections.EVENTS, f"evt_{checkpoint['id']}-{what}")
        owner = checkpoint["instanceId"]
        happened = event(ref.id, owner, kind, message, self._clock.now(), step=checkpoint["step"])

        def change(transaction: Transaction) -> None:
            told, instance = transaction.get_many([ref, instance_ref(owner)])
            if told is None and instance is not None:
                transaction.put(ref, cast(Document, happened))

        self._store.transact(change)
