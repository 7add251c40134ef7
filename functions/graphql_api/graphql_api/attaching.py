"""Attaching: a script that somebody runs becomes an instance, and gets what a runner would get to speak for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ainimal_zookeeper.domain.access import Principal, Resource, decide
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, Ref, instance_ref
from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, InvalidTransition, NotFound, PermissionDenied
from ainimal_zookeeper.domain.events import event
from ainimal_zookeeper.domain.keywords import keywords
from ainimal_zookeeper.domain.queries import INSTANCES_BY_MODEL
from ainimal_zookeeper.domain.tokens import attempt_token
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from . import idempotency, labels
from .launch import MAX_PARAMETERS_BYTES, checked_seed, new_row
from .projection import SERVER_ID


@dataclass(frozen=True, slots=True)
class Attached:
    """The row of a script, and where and with what it speaks to the runner link."""

    row: InstanceDoc
    url: str
    token: str


class Attachments:
    """Thread-safe; its functions block. link_url: where scripts reach the runner link; None: nobody has said."""

    def __init__(
        self, *, store: DocumentStore, clock: Clock, ids: Ids, secret: bytes, link_url: str | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._secret = secret
        self._link_url = link_url

    def attach(self, principal: Principal, input: Mapping[str, Any]) -> Attached:
        """Makes the instance of a script. `input` is an `InstanceAttachInput`.

        It counts against no limit, as it costs the zoo nothing. Raises: PermissionDenied, InvalidInput;
        InvalidTransition where no script can reach the zoo; Conflict for a command id that was used for something else;
        Transient.
        """
        if not decide(principal, "LAUNCH", Resource("server", SERVER_ID)):
            raise PermissionDenied("you may not attach scripts to this zoo; ask its operator")
        if self._link_url is None:
            raise InvalidTransition("this zoo does not say where scripts reach it; set ZOO_LINK_URL for its API")
        script = labels.name(input["script"])
        if script is None:
            raise InvalidInput("script is empty; give the name of the script's file", ("input", "script"))
        name, seed, parameters = labels.name(input.get("name")), checked_seed(input.get("seed")), _parameters(input)
        model_id = model_id_of(script)
        number = 1 + self._store.count(INSTANCES_BY_MODEL.bind(model_id=model_id)) if name is None else 0
        document_id, event_id = self._ids.new("ins"), self._ids.new("evt")

        def change(transaction: Transaction) -> InstanceDoc:
            now = self._clock.now()
            made = idempotency.made_before(transaction, input, principal, "ins_")
            if made is not None:
                return _made(transaction.get(instance_ref(made)), made)
            row = new_row("instance", document_id, principal, now)
            row["origin"] = "ATTACHED"
            row["model"] = {"id": model_id, "name": script, "revision": None}
            row["name"] = name or f"{script} {number}"
            row["keywords"] = keywords(row["name"])
            row["seed"], row["parametersJson"] = seed, parameters
            row["desired"]["mode"] = {"training": True, "inference": True}
            row["status"]["stage"] = "waiting for its script"
            transaction.put(instance_ref(document_id), cast(Document, row))
            happened = event(event_id, document_id, "LAUNCHED", "attached", now, user_id=principal.user_id)
            transaction.put(Ref(Collections.EVENTS, event_id), cast(Document, happened))
            idempotency.remember(transaction, input, principal, document_id, now)
            return row

        row = self._store.transact(change)
        return Attached(row, self._link_url, attempt_token(self._secret, "link", row["id"], row["attempt"]))


def model_id_of(script: str) -> str:
    """Returns what the checkpoints of a script are kept under: the same whenever it runs, and never that of a model."""
    return f"mod_attached{hashlib.sha256(script.encode()).hexdigest()[:16]}"


def _parameters(input: Mapping[str, Any]) -> str:
    given = {} if input.get("parameters") is None else input["parameters"]
    if not isinstance(given, dict):
        raise InvalidInput("parameters must be an object of names and values", ("input", "parameters"))
    text = json.dumps(given)
    if len(text) > MAX_PARAMETERS_BYTES:
        raise InvalidInput(
            f"parameters take {len(text)} bytes; at most {MAX_PARAMETERS_BYTES} are stored, leave some out",
            ("input", "parameters"),
        )
    return text


def _made(found: Document | None, made: str) -> InstanceDoc:
    if found is None:
        raise NotFound(f"the command attached {made}, which has been deleted; make a new id to attach again")
    if found["origin"] != "ATTACHED":  # its token lets whoever has it speak for it
        raise Conflict(f"the command made {made}, which is no script's; make a new id for each command")
    return cast(InstanceDoc, found)
