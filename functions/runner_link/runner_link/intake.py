"""Intake: a runner's report becomes documents, once, however often it comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from ainimal_zookeeper.domain import ending, events, lifecycle, limits, queries
from ainimal_zookeeper.domain.documents import (
    Collections,
    Document,
    InstanceDoc,
    LogChunkDoc,
    Ref,
    SaveAnswer,
    SeriesDoc,
    instance_ref,
)
from ainimal_zookeeper.domain.errors import Conflict, NotFound
from ainimal_zookeeper.domain.lifecycle import Report
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from . import timelines
from .keeping import Keeping, Kept
from .requests import Caller, Reported
from .saves import NotSaved, Saved
from .turns import Turns

MAX_LOG_LINES = 5_000  # kept of an instance
TRIM_LINES = 500  # how many lines come between two looks for old ones
TRIM_CHUNKS = 100  # how many old chunks one report takes away


class Intake:
    """Takes reports in. Thread-safe.

    Of an instance one state at a time becomes a checkpoint: a runner that has waited for long enough tells of it again,
    and must not let the same be done twice by a machine that is slow as it is.
    """

    def __init__(self, *, store: DocumentStore, clock: Clock, keeping: Keeping) -> None:
        self._store = store
        self._clock = clock
        self._keeping = keeping
        self._turns = Turns()

    def report(self, caller: Caller, said: Reported) -> dict[str, Any]:
        """Returns what the instance should do. A report that was taken in before changes only the heartbeat.

        Raises: Conflict when the caller's attempt has no say any more; NotFound for a deleted instance.
        """
        if not isinstance(said.save, Saved):
            return self._take(caller, said)
        with self._turns.of(caller.instance_id):
            return self._take(caller, said)

    def _take(self, caller: Caller, said: Reported) -> dict[str, Any]:
        now = self._clock.now()
        kept = self._keep(caller, said, now)

        def change(transaction: Transaction) -> InstanceDoc:
            ref = instance_ref(caller.instance_id)
            document = cast("InstanceDoc | None", transaction.get(ref))
            if document is None:
                raise NotFound(f"there is no instance {caller.instance_id}; it was deleted, end its runner")
            if document["attempt"] == caller.attempt and said.sequence <= document["status"]["lastSequence"]:
                if not lifecycle.is_final(document):
                    document = lifecycle.report(document, caller.attempt, {}, now)
                    transaction.put(ref, cast(Document, document))
                return document
            # Answers come first: whoever has ended has none any more, and steps are of the timeline that has begun.
            after, answer = document, _answer(said, kept)
            if answer is not None:
                after = lifecycle.saved(after, answer)
            if said.restored is not None:
                after = lifecycle.restored(after, caller.attempt, said.restored)
            after = lifecycle.report(after, caller.attempt, _with_point(said.report, kept), now)
            after = lifecycle.received(after, said.sequence, len(said.lines))
            begins = _recording(said, kept, transaction)
            writes = _happenings(document, after, said, now, kept)
            writes += _observations(document, after["timeline"], said, transaction)
            if kept is not None and kept.checkpoint is not None:
                writes.append((Ref(Collections.CHECKPOINTS, kept.checkpoint["id"]), cast(Document, kept.checkpoint)))
            if begins is not None:
                writes.append((Ref(Collections.RECORDINGS, begins["id"]), begins))
            if lifecycle.is_final(after):
                writes += ending.writes(after, transaction.get_many(limits.refs(after)), now)
            else:
                writes.append((ref, cast(Document, after)))
            for where, what in writes:
                transaction.put(where, what)
            return after

        try:
            document = self._store.transact(change)
        except (Conflict, NotFound):
            if kept is not None:
                self._keeping.forget(kept)
            raise
        self._trim(document, len(said.lines))
        if kept is not None and kept.checkpoint is not None and not kept.checkpoint["kept"]:
            self._keeping.thin_out(document, kept.most)
        return {"desired": lifecycle.wanted(document), "generation": document["generation"]}

    def _keep(self, caller: Caller, said: Reported, now: datetime) -> Kept | None:
        """Makes a checkpoint of the state that was saved; None where there is none, or no use for it."""
        if not isinstance(said.save, Saved):
            return None
        document = cast("InstanceDoc | None", self._store.get(instance_ref(caller.instance_id)))
        if document is None or said.sequence <= document["status"]["lastSequence"]:
            return None
        lifecycle.report(document, caller.attempt, said.report, now)  # raises what refuses it
        return self._keeping.keep(document, said.report["checkpoint"], said.save)

    def _trim(self, document: InstanceDoc, fresh: int) -> None:
        """Takes log chunks away that hold only lines which are too old, once in a while.

        Afterwards and apart: a report need not know how many lines there were, and what is left this time goes the
        next.
        """
        total = document["status"]["logLines"]
        if total <= MAX_LOG_LINES or (total - fresh) // TRIM_LINES == total // TRIM_LINES:
            return
        oldest = self._store.query(
            queries.LOGS.bind(instance_id=document["id"]), queries.Page(first=TRIM_CHUNKS)
        ).documents
        stale = [
            Ref(Collections.LOGS, chunk["id"])
            for chunk in oldest
            if chunk["firstLine"] + len(chunk["lines"]) <= total - MAX_LOG_LINES
        ]

        def change(transaction: Transaction) -> None:
            for where in stale:
                transaction.delete(where)

        self._store.transact(change)


def _observations(
    document: InstanceDoc, timeline: int, said: Reported, transaction: Transaction
) -> list[tuple[Ref, Document]]:
    """What a runner saw, as documents apart from the instance's row. Reads the model when there is a manifest.

    timeline: the one that the instance is on now; series of one that it has not begun yet come again when it has.
    """
    owner, attempt = document["id"], document["attempt"]
    writes: list[tuple[Ref, Document]] = []
    if said.manifest_json is not None:
        writes.append(
            (Ref(Collections.MANIFESTS, owner), {"id": owner, "attempt": attempt, "manifestJson": said.manifest_json})
        )
        ref = document["model"]
        model = None if ref is None else transaction.get(Ref(Collections.MODELS, ref["id"]))
        # A manifest says what the model looks like at the revision that was launched, not at a later one.
        if ref is not None and model is not None and model["revision"] == ref["revision"]:
            probe = {"id": ref["id"], "revision": ref["revision"], "manifestJson": said.manifest_json}
            writes.append((Ref(Collections.PROBES, ref["id"]), probe))
    if said.series_json is not None and all(number <= timeline for number in said.timelines):
        where = Ref(Collections.SERIES, owner)
        known = transaction.get(where) if timeline > 1 else None
        series_json = said.series_json
        if known is not None:
            series_json = timelines.joined(cast(SeriesDoc, known)["seriesJson"], series_json, said.timelines)
        writes.append((where, {"id": owner, "attempt": attempt, "seriesJson": series_json}))
    if said.thumbnail is not None:
        writes.append((Ref(Collections.THUMBNAILS, owner), {"id": owner, **said.thumbnail}))
    if said.lines:
        chunk: LogChunkDoc = {
            "id": f"log_{owner}-{attempt}-{said.sequence}",
            "instanceId": owner,
            "order": attempt * 1_000_000_000 + said.sequence,
            "firstLine": document["status"]["logLines"],
            "lines": list(said.lines),
        }
        writes.append((Ref(Collections.LOGS, chunk["id"]), cast(Document, chunk)))
    return writes


def _recording(said: Reported, kept: Kept | None, transaction: Transaction) -> Document | None:
    """Returns the recording that begins with the checkpoint, as it is then."""
    if kept is None or kept.checkpoint is None or not isinstance(said.save, Saved) or said.save.recording is None:
        return None
    found = transaction.get(Ref(Collections.RECORDINGS, said.save.recording))
    if found is None or (found["instanceId"], found["attempt"]) != (
        kept.checkpoint["instanceId"],
        kept.checkpoint["attempt"],
    ):
        return None
    return {**found, "checkpointId": kept.checkpoint["id"]}


def _with_point(said: Report, kept: Kept | None) -> Report:
    """Returns what a runner said, with the checkpoint that was made of its state, or without one."""
    if "checkpoint" not in said:
        return said
    if kept is not None and kept.point is not None:
        return {**said, "checkpoint": kept.point}
    return cast(Report, {key: value for key, value in said.items() if key != "checkpoint"})


def _answer(said: Reported, kept: Kept | None) -> SaveAnswer | None:
    """Returns what became of the request to save that the report is about."""
    if isinstance(said.save, NotSaved):
        failure = {"code": said.save.code, "message": said.save.message}
        return {"id": said.save.id, "checkpointId": None, "failure": failure}
    if said.save is None or said.save.id is None or kept is None:
        return None
    checkpoint_id = None if kept.checkpoint is None else kept.checkpoint["id"]
    return {"id": said.save.id, "checkpointId": checkpoint_id, "failure": kept.failure}


def _restores(before: InstanceDoc, after: InstanceDoc) -> list[tuple[events.EventKind, str, int | None]]:
    request = lifecycle.pending_restore(before)
    if request is None or lifecycle.pending_restore(after) is not None:
        return []
    answer, step = after["status"].get("restore"), request["point"]["step"]
    if answer is None or answer["id"] != request["id"]:
        return []
    if answer["failure"] is not None:
        message = f"it has not gone back to the checkpoint {request['tag']}: {answer['failure']['message']}"
        return [("WARNING", message, None)]
    message = f"goes on from step {step:,}, the checkpoint {request['tag']}, on timeline {answer['timeline']}"
    return [("RESTORED", message, step)]


def _overrides(before: InstanceDoc, after: InstanceDoc) -> list[tuple[events.EventKind, str, int | None]]:
    """What people should know of rules that have ended by themselves."""
    told: list[tuple[events.EventKind, str, int | None]] = []
    for rule, answer in lifecycle.overrides_ended(before, after):
        why = f": {answer['message']}" if answer["message"] else ""
        if answer["ended"] == "EXPIRED":
            told.append(
                ("OVERRIDE", f"overrides {rule['path']} ({rule['rule']}) no more{why or ', it has expired'}", None)
            )
        else:
            told.append(("WARNING", f"cannot override {rule['path']} ({rule['rule']}){why}", None))
    return told


def _saves(said: Reported, kept: Kept | None) -> list[tuple[events.EventKind, str, int | None]]:
    if isinstance(said.save, NotSaved):
        return [("WARNING", f"it could not be saved: {said.save.message}", None)]
    if kept is None:
        return []
    step = said.report["checkpoint"]["step"]
    if kept.checkpoint is None:
        message = (kept.failure or {}).get("message")
        return [("WARNING", f"the state of step {step:,} has become no checkpoint: {message}", step)]
    return [("CHECKPOINT", f"the state of step {step:,} is the checkpoint {kept.checkpoint['tag']}", step)]


def _happenings(
    before: InstanceDoc, after: InstanceDoc, said: Reported, now: datetime, kept: Kept | None
) -> list[tuple[Ref, Document]]:
    """What people should know of the step from `before` to `after`; an end is told by `ending`."""
    told = [*((event.kind, event.message, event.step) for event in said.events), *_saves(said, kept)]
    told += _restores(before, after)
    told += _overrides(before, after)
    phase = after["status"]["phase"]
    step = after["status"]["stats"]["step"]
    acknowledged = after["status"]["acknowledgedAtStep"]
    generation = after["status"]["observedGeneration"]
    if phase != before["status"]["phase"]:
        told += _phase_events(before["status"]["phase"], phase, step)
    elif before["status"]["observedGeneration"] not in {0, generation}:
        since = step if acknowledged is None else acknowledged
        told.append(("UPDATED", f"runs as asked (generation {generation}) from step {since} on", since))
    writes: list[tuple[Ref, Document]] = []
    for number, (kind, message, at_step) in enumerate(told):
        event_id = f"evt_{before['id']}-{before['attempt']}-{said.sequence}-{number}"
        # One microsecond apart, so that they sort as they happened.
        at = now + timedelta(microseconds=number)
        happened = events.event(event_id, before["id"], kind, message, at, step=at_step)
        writes.append((Ref(Collections.EVENTS, event_id), cast(Document, happened)))
    return writes


def _phase_events(before: str, phase: str, step: int) -> list[tuple[events.EventKind, str, int | None]]:
    if phase == "RUNNING":
        return [("RESUMED", f"resumed at step {step}", step) if before == "PAUSED" else ("RUNNING", "running", step)]
    if phase == "PAUSED":
        return [("PAUSED", f"paused at step {step}", step)]
    if phase == "STOPPING":
        return [("STOPPING", "stopping", step)]
    return []
