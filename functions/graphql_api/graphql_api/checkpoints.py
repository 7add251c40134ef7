"""Checkpoints: what people ask for that is saved, restored, and taken away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.access import Principal, decide
from ainimal_zookeeper.domain.documents import (
    CheckpointDoc,
    Collections,
    Document,
    InstanceDoc,
    ModelDoc,
    Ref,
    RestoreRequest,
    SaveAnswer,
    SaveRequest,
    instance_ref,
)
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound, PermissionDenied, ZookeeperError
from ainimal_zookeeper.domain.events import EventKind, event
from ainimal_zookeeper.domain.queries import CHECKPOINTS_BY_INSTANCE, Page
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Queue
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from . import idempotency, starting
from .commands import allowed

_log = logging.getLogger(__name__)

_MAX_TAG = 200
_LOOKED_THROUGH = 100  # newest checkpoints of an instance, for the one that an earlier command made

Input = Mapping[str, Any]


class Checkpoints:
    """Thread-safe; its functions block. `bucket` opens the bucket when it is first needed.

    All raise NotFound for what is not there or not to be seen, PermissionDenied, InvalidTransition, and Transient.
    """

    def __init__(
        self, *, store: DocumentStore, queue: Queue, bucket: Callable[[], Bucket], clock: Clock, ids: Ids
    ) -> None:
        self._store = store
        self._queue = queue
        self._bucket = bucket
        self._clock = clock
        self._ids = ids

    def save(self, principal: Principal, input: Input) -> tuple[InstanceDoc, str]:
        """Asks for a checkpoint. `input` is a `CheckpointSaveInput`. Returns the row, and the id of the request.

        Raises: InvalidInput for what can be no tag; Conflict for a command id that was used for something else.
        """
        tag, instance_id = _tag(input.get("tag")), input["instanceId"]
        save_id, event_id = self._ids.new("sav"), self._ids.new("evt")

        def change(transaction: Transaction) -> tuple[InstanceDoc, str]:
            now = self._clock.now()
            ref, command = instance_ref(instance_id), idempotency.ref_of(input)
            transaction.get_many([ref] if command is None else [ref, command])
            row = allowed(principal, transaction.get(ref), instance_id, "CONTROL")
            before = idempotency.made_before(transaction, input, principal, "sav_")
            if before is not None:
                return row, before
            request: SaveRequest = {"id": save_id, "tag": tag, "authorId": principal.user_id}
            after = lifecycle.save(row, request)
            transaction.put(ref, cast(Document, after))
            step = row["status"]["stats"]["step"]
            message = "asked to save a checkpoint" + (f" under the tag {tag}" if tag is not None else "")
            self._tell(transaction, event_id, instance_id, "CHECKPOINT", message, now, principal, step)
            idempotency.remember(transaction, input, principal, save_id, now)
            return after, save_id

        return self._store.transact(change)

    def earlier(self, instance_id: str, save_id: str) -> SaveAnswer | None:
        """Returns what became of a request before the newest, as far as that is known."""
        query = CHECKPOINTS_BY_INSTANCE.bind(instance_id=instance_id)
        found = self._store.query(query, Page(_LOOKED_THROUGH)).documents
        made = next((each["id"] for each in found if each["saveId"] == save_id), None)
        return None if made is None else {"id": save_id, "checkpointId": made, "failure": None}

    def restore(self, principal: Principal, input: Input) -> tuple[InstanceDoc, str | None]:
        """Lets an instance go on from a checkpoint. `input` is a `CheckpointRestoreInput`.

        Returns the row, and the id of the request to its process; None where the next attempt starts from it instead.

        Raises: InvalidInput, saying what differs, for a checkpoint of another model; Conflict for an expected
        generation that has passed.
        """
        instance_id = input["instanceId"]
        restore_id, event_ids = self._ids.new("res"), [self._ids.new("evt"), self._ids.new("evt")]

        def change(transaction: Transaction) -> InstanceDoc:
            now = self._clock.now()
            ref = instance_ref(instance_id)
            row = allowed(principal, transaction.get(ref), instance_id, "CONTROL")
            lifecycle.check_generation(row, input.get("expectedGeneration"))
            checkpoint = starting.find(transaction, input["checkpointId"], principal)
            warning = self._check_fits(transaction, row, checkpoint)
            request: RestoreRequest = {
                "id": restore_id,
                "tag": checkpoint["tag"],
                "authorId": principal.user_id,
                "point": starting.point_of(checkpoint),
            }
            after = lifecycle.restore(row, request, now)
            transaction.put(ref, cast(Document, after))
            starting.keep(transaction, checkpoint)
            step, attempt = checkpoint["step"], after["attempt"]
            kind: EventKind = "CHECKPOINT"
            message = f"asked to go back to step {step:,}, the checkpoint {checkpoint['tag']}"
            if attempt != row["attempt"]:
                kind = "RESTORED"
                message = f"attempt {attempt} starts from step {step:,}, the checkpoint {checkpoint['tag']}"
            self._tell(transaction, event_ids[0], instance_id, kind, message, now, principal, step)
            if warning is not None:
                later = now + timedelta(microseconds=1)
                self._tell(transaction, event_ids[1], instance_id, "WARNING", warning, later, principal, step)
            return after

        row = self._store.transact(change)
        if lifecycle.pending_restore(row) is not None:
            return row, restore_id
        message = {"kind": row["kind"], "instanceId": row["id"], "attempt": row["attempt"], "commandId": None}
        try:
            self._queue.publish(LAUNCH_TOPIC, message)
        except ZookeeperError:
            # The row is what counts: the reconciler publishes again what stays PENDING.
            _log.warning("a launch was not published", exc_info=True, extra={"instance_id": row["id"]})
        return row, None

    def delete(self, principal: Principal, id: str) -> None:
        """Takes a checkpoint away, with its tag and its bytes."""
        from ainimal_zookeeper.checkpoints.discarding import Discards

        event_id = self._ids.new("evt")

        def allow(checkpoint: CheckpointDoc) -> list[tuple[Ref, Document]]:
            resource = starting.resource_of(checkpoint)
            if not decide(principal, "OBSERVE", resource):
                raise starting.missing(id)
            if not decide(principal, "DELETE", resource):
                raise PermissionDenied(f"you may not delete the checkpoint {checkpoint['tag']}; ask its owner")
            message = f"the checkpoint {checkpoint['tag']} of step {checkpoint['step']:,} was deleted"
            now, user = self._clock.now(), principal.user_id
            happened = event(event_id, checkpoint["instanceId"], "CHECKPOINT", message, now, user_id=user)
            return [(Ref(Collections.EVENTS, event_id), cast(Document, happened))]

        Discards(store=self._store, bucket=self._bucket(), clock=self._clock).discard(id, allow)

    def _check_fits(self, transaction: Transaction, row: InstanceDoc, checkpoint: CheckpointDoc) -> str | None:
        """Returns what people should know of the difference. Raises: InvalidInput where it does not fit; NotFound."""
        if row["origin"] == "ATTACHED":
            starting.check_script(checkpoint, row)
            return None
        return starting.check_fits(checkpoint, self._model(transaction, row, checkpoint))

    @staticmethod
    def _model(transaction: Transaction, row: InstanceDoc, checkpoint: CheckpointDoc) -> ModelDoc:
        """Returns the model of a row as it is on offer now."""
        model = row["model"]
        found = None if model is None else transaction.get(Ref(Collections.MODELS, model["id"]))
        if found is None:
            name = checkpoint["modelName"] if model is None else model["name"]
            raise NotFound(f"the model {name} is no longer in the configuration; put it back to start it again")
        return cast(ModelDoc, found)

    @staticmethod
    def _tell(
        transaction: Transaction,
        event_id: str,
        instance_id: str,
        kind: EventKind,
        message: str,
        now: datetime,
        principal: Principal,
        step: int,
    ) -> None:
        happened = event(event_id, instance_id, kind, message, now, user_id=principal.user_id, step=step)
        transaction.put(Ref(Collections.EVENTS, event_id), cast(Document, happened))


def _tag(given: str | None) -> str | None:
    """Returns a tag to ask for. Raises: InvalidInput that says which rule is broken."""
    if given is None:
        return None
    if len(given) > _MAX_TAG:
        raise InvalidInput(f"tag has {len(given)} characters; at most {_MAX_TAG} will do", ("input", "tag"))
    from ainimal_zookeeper.checkpoints import check_tag

    try:
        check_tag(given)
    except InvalidInput as error:
        raise InvalidInput(error.message, ("input", "tag")) from None
    return given
