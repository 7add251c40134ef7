"""Overrides: what people let stand on the signals of an instance, and take away again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle, overrides
from ainimal_zookeeper.domain.access import Principal, decide
from ainimal_zookeeper.domain.documents import (
    Collections,
    Document,
    InstanceDoc,
    OverrideDoc,
    RecordingDoc,
    Ref,
    SignalDoc,
    instance_ref,
)
from ainimal_zookeeper.domain.errors import InvalidInput, InvalidTransition
from ainimal_zookeeper.domain.events import event
from ainimal_zookeeper.domain.overrides import Patch, Terms
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from . import idempotency, recordings, stored
from .commands import allowed

Input = Mapping[str, Any]

_SHOWN = 60  # characters of a value in an event


class Overrides:
    """Thread-safe; its functions block.

    All raise NotFound for what is not there or not to be seen, PermissionDenied, InvalidTransition in a phase that does
    not allow it, InvalidInput, LimitReached, and Transient.
    """

    def __init__(self, *, store: DocumentStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def set(self, principal: Principal, input: Input) -> tuple[InstanceDoc, str]:
        """Lets a rule stand. `input` is an `OverrideSetInput`. Returns the row, and the id of the rule."""
        instance_id, path = input["instanceId"], input["path"]
        override_id, event_id = self._ids.new("ovr"), self._ids.new("evt")
        terms = _terms(input)
        in_steps, in_seconds = input.get("expiresInSteps"), input.get("expiresInSeconds")
        overrides.check_expiry(in_steps, in_seconds)

        def change(transaction: Transaction) -> tuple[InstanceDoc, str]:
            now = self._clock.now()
            row = allowed(principal, transaction.get(instance_ref(instance_id)), instance_id, "CONTROL")
            before = idempotency.made_before(transaction, input, principal, "ovr_")
            if before is not None:
                return row, before
            manifest = transaction.get(Ref(Collections.MANIFESTS, instance_id))
            signal = overrides.signal_at(path, _signals(manifest, row))
            overrides.check(terms, path, signal["modality"])
            if terms.patch is not None:
                found = transaction.get(Ref(Collections.RECORDINGS, terms.patch.recording_id))
                _check_patch(terms.patch, path, found, principal)
            until = None if in_seconds is None else lifecycle.timestamp(now + timedelta(seconds=in_seconds))
            override: OverrideDoc = {
                "id": override_id,
                "order": 0,
                "path": path,
                "rule": terms.rule,
                "valueJson": overrides.value_json(terms),
                "expiresAt": until,
                "expiresInSteps": in_steps,
                "authorId": principal.user_id,
                "authorRole": principal.role or "OBSERVER",
                "setAt": lifecycle.timestamp(now),
            }
            after = lifecycle.set_override(row, override)
            self._put(transaction, after, event_id, f"overrides {path}: {said(override)}", principal)
            idempotency.remember(transaction, input, principal, override_id, now)
            return after, override_id

        return self._store.transact(change)

    def clear(self, principal: Principal, input: Input) -> InstanceDoc:
        """Ends rules. `input` is an `OverrideClearInput`."""
        instance_id, path = input["instanceId"], input.get("path")
        event_id = self._ids.new("evt")

        def change(transaction: Transaction) -> InstanceDoc:
            row = allowed(principal, transaction.get(instance_ref(instance_id)), instance_id, "CONTROL")
            after = lifecycle.clear_overrides(row, input.get("overrideId"), path)
            if after is row:
                return row
            left = {each["id"] for each in lifecycle.standing_overrides(after)}
            gone = [each for each in lifecycle.standing_overrides(row) if each["id"] not in left]
            what = ", ".join(f"{each['path']} ({each['rule']})" for each in gone[:5])
            more = f" and {len(gone) - 5} more" if len(gone) > 5 else ""
            self._put(transaction, after, event_id, f"overrides no more: {what}{more}", principal)
            return after

        return self._store.transact(change)

    def _put(
        self, transaction: Transaction, row: InstanceDoc, event_id: str, message: str, principal: Principal
    ) -> None:
        transaction.put(instance_ref(row["id"]), cast(Document, row))
        step, user = row["status"]["stats"]["step"], principal.user_id
        happened = event(event_id, row["id"], "OVERRIDE", message, self._clock.now(), user_id=user, step=step)
        transaction.put(Ref(Collections.EVENTS, event_id), cast(Document, happened))


def said(override: OverrideDoc) -> str:
    """Returns a rule as people read it: "SET to 0.5 at [1], for 100 steps"."""
    terms, rule = overrides.terms_of(override), override["rule"]
    if rule == "CLAMP":
        bounds = [("from", terms.low), ("to", terms.high)]
        text = " ".join([rule, *(f"{word} {_short(bound)}" for word, bound in bounds if bound is not None)])
    elif rule == "PATCH" and terms.patch is not None:
        text = f"{rule} from step {terms.patch.from_step:,} of {terms.patch.recording_id}"
    elif rule == "BLEND":
        text = f"{rule} with {_short(terms.value)} by {terms.weight:g}"
    else:
        text = f"{rule} {'by' if rule == 'SCALE' else 'to'} {_short(terms.value)}"
    if terms.index is not None:
        text += f" at {list(terms.index)}"
    if override["expiresInSteps"] is not None:
        text += f", for {override['expiresInSteps']:,} steps"
    if override["expiresAt"] is not None:
        text += f", until {override['expiresAt']}"
    return text


def _terms(input: Input) -> Terms:
    """Raises: InvalidInput."""
    patch, index, weight = input.get("patch"), input.get("index"), input.get("weight")
    from_step = None if patch is None else float(patch["fromStep"])
    if from_step is not None and from_step != int(from_step):
        raise InvalidInput(f"fromStep is {from_step:g}; it must be a whole number", ("input", "patch", "fromStep"))
    return Terms(
        rule=input["rule"],
        value=input.get("value"),
        low=input.get("low"),
        high=input.get("high"),
        weight=None if weight is None else float(weight),
        index=tuple(index) if index else None,  # of a single number there is only one
        patch=None if patch is None else Patch(patch["recordingId"], patch.get("path"), int(from_step or 0)),
        allow_non_finite=bool(input.get("allowNonFinite")),
    )


def _signals(manifest: Document | None, row: InstanceDoc) -> list[SignalDoc]:
    """Returns what the instance has. Raises: InvalidTransition before it has said so."""
    if manifest is None and row["kind"] == "instance":
        lifecycle.check_not_final(row)
        raise InvalidTransition(f"instance {row['id']} has not said its signals yet; override them once it runs")
    if manifest is None:
        return []
    return cast("list[SignalDoc]", stored.manifest(manifest["manifestJson"], row["id"]).get("signals") or [])


def _check_patch(patch: Patch, path: str, found: Document | None, principal: Principal) -> None:
    """Raises: NotFound for a recording that the viewer may not see; InvalidInput where it lacks what is asked for."""
    if found is None or not decide(principal, "OBSERVE", recordings.resource_of(cast(RecordingDoc, found))):
        raise recordings.missing(patch.recording_id)
    recording = cast(RecordingDoc, found)
    named = patch.path or path
    if named not in recording["signals"]:
        near = overrides.nearest(named, recording["signals"])
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise InvalidInput(f"the recording {recording['id']} has no {named}{hint}", ("input", "patch", "path"))
    first, last = recording["firstStep"], recording["lastStep"]
    if recording["phase"] == "OPEN":
        raise InvalidTransition(f"{recording['id']} is being recorded; stop it first")
    if not first <= patch.from_step <= last:
        raise InvalidInput(
            f"fromStep is {patch.from_step}; {recording['id']} has the steps {first} to {last}",
            ("input", "patch", "fromStep"),
        )


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a tensor of {value.get('dtype')}{value.get('shape')}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
