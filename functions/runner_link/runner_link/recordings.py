"""Recordings: what a runner says of one that it makes, as its objects arrive in the bucket.

Each object is told once it is there. So what a runner leaves that is killed is known up to then, and the reconciler
makes a manifest of it as `Closing` does here of what is whole.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, cast

from ainimal_zookeeper.closing import Closing
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, RecordingDoc, Ref, instance_ref
from ainimal_zookeeper.domain.entries import check_entry
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput, NotFound, ZookeeperError
from ainimal_zookeeper.domain.paths import is_path
from ainimal_zookeeper.domain.recordings import VERSION
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from .claims import check_current
from .requests import MAX_DOCUMENT_BYTES, Caller

MAX_OBJECTS = 20  # told at once
MAX_SIGNALS = 10_000
MAX_SIGNALS_BYTES = 800_000  # of their paths: they are in one document
MAX_TAILS = 400  # of all segments told at once: they go in the transaction in which these come
MAX_INDEX_BYTES = 64 * 1024 * 1024  # of all entries of one recording: whoever makes its manifest holds them at once

_RECORDING = re.compile(r"rec_[a-z0-9_]{1,64}\Z")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrived:
    """An object of a recording that is in the bucket.

    number, tail: as in `SegmentDoc`. first, last: of its steps, None without any. at: when these were made, in
    microseconds since the epoch. tails: how many tails of its number it takes the place of.
    """

    name: str
    number: int
    tail: int | None
    size_bytes: int
    sha256: str
    index_json: str
    is_segment: bool
    first: int | None
    last: int | None
    first_at: int | None
    last_at: int | None
    tails: int


@dataclass(frozen=True, slots=True)
class Said:
    """What a runner says of a recording. signals, step, timeline: once it has begun. sealed: it has ended."""

    id: str
    signals: tuple[str, ...] | None
    step: int | None
    timeline: int | None
    arrived: tuple[Arrived, ...]
    dropped_steps: int | None
    sealed: bool
    failure: dict[str, str] | None


class Recorded:
    """Takes in what runners say of recordings. Thread-safe."""

    def __init__(self, *, store: DocumentStore, bucket: Bucket, clock: Clock) -> None:
        self._store = store
        self._bucket = bucket
        self._closing = Closing(store=store, bucket=bucket, clock=clock)

    def take(self, caller: Caller, said: Said) -> dict[str, Any]:
        """Returns nothing that a runner needs. Saying the same again changes nothing.

        Raises: Conflict when the caller's attempt has no say any more; NotFound for a recording that was deleted;
        InvalidInput for one of another attempt.
        """

        def change(transaction: Transaction) -> RecordingDoc:
            ref = Ref(Collections.RECORDINGS, said.id)
            row, found = transaction.get_many([instance_ref(caller.instance_id), ref])
            if row is None:
                raise NotFound(f"there is no instance {caller.instance_id}; it was deleted, end its runner")
            check_current(cast(InstanceDoc, row), caller)
            recording = cast("RecordingDoc | None", found)
            if recording is None:
                raise NotFound(f"there is no recording {said.id}; it was deleted, record it no further")
            if (recording["instanceId"], recording["attempt"]) != (caller.instance_id, caller.attempt):
                raise InvalidInput(f"{said.id} is no recording of attempt {caller.attempt}", ("id",))
            if recording["phase"] != "OPEN":
                return recording
            fresh = [_document(said.id, one) for one in said.arrived]
            tails = [_ref(said.id, one.number, tail) for one in said.arrived for tail in range(one.tails)]
            refs = [*(Ref(Collections.SEGMENTS, each["id"]) for each in fresh), *tails]
            there = {each["id"]: each for each in (transaction.get_many(refs) if refs else ()) if each is not None}
            grown = sum(each["sizeBytes"] for each in fresh) - sum(each["sizeBytes"] for each in there.values())
            index_bytes = recording.get("indexBytes", 0) + _index_bytes(fresh) - _index_bytes(there.values())
            if fresh and index_bytes > MAX_INDEX_BYTES:
                raise InvalidInput(
                    f"{said.id} has so many objects that its manifest would take more than {MAX_INDEX_BYTES} bytes; "
                    "stop it and begin another",
                    ("arrived",),
                )
            for each in fresh:
                transaction.put(Ref(Collections.SEGMENTS, each["id"]), each)
            for tail in tails:
                if tail.id in there:
                    transaction.delete(tail)
            after = _with({**recording, "indexBytes": index_bytes}, said, grown)
            transaction.put(ref, cast(Document, after))
            return after

        recording = self._store.transact(change)
        if recording["phase"] == "OPEN":  # else the manifest may name what a late word would take away
            self._clear(recording, said)
        if said.sealed:
            is_nothing = said.failure is not None and not recording["sizeBytes"]
            self._closing.close(said.id, "LOST" if is_nothing else "SEALED", said.failure)
        return {}

    def _clear(self, recording: RecordingDoc, said: Said) -> None:
        """Takes tails away that nobody reads any more; what stays goes with the recording."""
        try:
            for one in said.arrived:
                for tail in range(one.tails):
                    with suppress(NotFound):
                        self._bucket.delete(f"{recording['prefix']}{one.number:06d}.{tail:03d}.mcap")
        except ZookeeperError as error:
            _log.warning("tails of %s could not be taken away: %s", said.id, error)


def read(given: Mapping[str, Any]) -> Said:
    """Returns what is said, of JSON that is trusted in nothing. Raises: InvalidInput."""
    name = given.get("id")
    if not isinstance(name, str) or not _RECORDING.match(name):
        raise InvalidInput(f"{name!r:.100} is the id of no recording", ("id",))
    begun = given.get("begun")
    signals = step = timeline = None
    if begun is not None:
        begun = _object(begun, ("begun",))
        listed = begun.get("signals")
        if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_SIGNALS:
            raise InvalidInput(f"must be a list of 1 to {MAX_SIGNALS} paths", ("begun", "signals"))
        if not all(isinstance(path, str) and is_path(path) for path in listed):
            raise InvalidInput("holds something that is no path of a signal", ("begun", "signals"))
        if sum(len(path) + 3 for path in listed) > MAX_SIGNALS_BYTES:
            raise InvalidInput(f"takes more than {MAX_SIGNALS_BYTES} bytes; record fewer signals", ("begun", "signals"))
        signals = tuple(listed)
        step = _whole(begun.get("step"), ("begun", "step"))
        timeline = _whole(begun.get("timeline"), ("begun", "timeline"))
    arrived = given.get("arrived", [])
    if not isinstance(arrived, list) or len(arrived) > MAX_OBJECTS:
        raise InvalidInput(f"must be a list of at most {MAX_OBJECTS} objects", ("arrived",))
    failure = given.get("failure")
    if failure is not None:
        failure = _object(failure, ("failure",))
        failure = {"code": _text(failure.get("code"), "code")[:64], "message": _text(failure.get("message"), "message")}
    dropped, sealed = given.get("droppedSteps"), given.get("sealed", False)
    if not isinstance(sealed, bool):
        raise InvalidInput(f"is {sealed!r:.100}, not true or false", ("sealed",))
    objects = tuple(_arrived(one, ("arrived", str(number))) for number, one in enumerate(arrived))
    if sum(one.tails for one in objects) > MAX_TAILS:
        raise InvalidInput(f"takes the place of more than {MAX_TAILS} tails; tell fewer objects at once", ("arrived",))
    return Said(
        name,
        signals,
        step,
        timeline,
        objects,
        None if dropped is None else _whole(dropped, ("droppedSteps",)),
        sealed,
        failure,
    )


def _arrived(value: Any, path: tuple[str, ...]) -> Arrived:
    given = _object(value, path)
    index = _object(given.get("index"), (*path, "index"))
    if index.get("version") != VERSION:
        raise InvalidInput(
            f"the recording has version {index.get('version')!r:.40} of the format, and this zoo knows {VERSION}; "
            "install the same version of ainimal-zookeeper on both sides",
            (*path, "index", "version"),
        )
    try:
        check_entry(index)
    except DataCorrupt as error:
        raise InvalidInput(error.message, (*path, "index")) from None
    if not index["sha256"]:
        raise InvalidInput("has no SHA-256; send 64 hexadecimal digits", (*path, "index", "sha256"))
    is_segment = index["kind"] == "segment"
    number = _whole(given.get("number"), (*path, "number"), most=999_999)
    tail = given.get("tail")
    tail = None if tail is None else _whole(tail, (*path, "tail"), most=999_998)
    if is_segment and (index["number"], index.get("tail")) != (number, tail):
        raise InvalidInput("the index is of another segment", (*path, "index", "number"))
    has_steps = is_segment and index["steps"] > 0
    first, last, first_at, last_at = (
        index[key] if has_steps else None for key in ("firstStep", "lastStep", "firstTime", "lastTime")
    )
    try:
        text = json.dumps(index, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"cannot be kept: {error}", (*path, "index")) from None
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidInput(f"is {len(text)} bytes of JSON, more than {MAX_DOCUMENT_BYTES}", (*path, "index"))
    return Arrived(
        index["name"],
        number,
        tail,
        index["sizeBytes"],
        index["sha256"],
        text,
        is_segment,
        first,
        last,
        first_at,
        last_at,
        _whole(given.get("tails", 0), (*path, "tails"), most=MAX_TAILS),
    )


def _with(recording: RecordingDoc, said: Said, size_bytes: int) -> RecordingDoc:
    """Returns the recording with what was said of it."""
    after: RecordingDoc = {**recording, "sizeBytes": max(0, recording["sizeBytes"] + size_bytes)}
    if said.signals is not None and said.step is not None and said.timeline is not None and not recording["signals"]:
        after["signals"], after["timeline"] = list(said.signals), said.timeline
        after["firstStep"] = after["lastStep"] = said.step
    if said.dropped_steps is not None:
        after["droppedSteps"] = max(recording["droppedSteps"], said.dropped_steps)
    for one in said.arrived:
        if one.first is None or one.last is None or one.first_at is None or one.last_at is None:
            continue
        if after["firstAt"] is None:
            after["firstStep"], after["firstAt"] = one.first, _moment(one.first_at)
        after["lastStep"], after["lastAt"] = one.last, _moment(one.last_at)
    return after


def _ref(recording_id: str, number: int, tail: int | None) -> Ref:
    return Ref(Collections.SEGMENTS, f"{recording_id}-{number:06d}" + ("" if tail is None else f"-{tail:03d}"))


def _ref_of(recording_id: str, one: Arrived) -> Ref:
    if one.is_segment:
        return _ref(recording_id, one.number, one.tail)
    return Ref(Collections.SEGMENTS, f"{recording_id}-{one.name}")


def _document(recording_id: str, one: Arrived) -> Document:
    return {
        "id": _ref_of(recording_id, one).id,
        "recordingId": recording_id,
        "order": one.number * 1_000_000 + (0 if one.tail is None else one.tail + 1),
        "number": one.number,
        "tail": one.tail,
        "name": one.name,
        "sizeBytes": one.size_bytes,
        "sha256": one.sha256,
        "indexJson": one.index_json,
    }


def _index_bytes(segments: Iterable[Document]) -> int:
    return sum(len(each["indexJson"]) for each in segments)


def _moment(microseconds: int) -> str:
    return lifecycle.timestamp(datetime.fromtimestamp(microseconds / 1e6, timezone.utc))


def _object(value: Any, path: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"is {value!r:.100}, not an object", path)
    return value


def _whole(value: Any, path: tuple[str, ...], *, most: int = 2**53) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise InvalidInput(f"is {value!r:.100}, not a whole number from 0 to {most}", path)
    return value


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"is {value!r:.100}, not a text", ("failure", key))
    return value[:4_096].encode("utf-8", "replace").decode()
