"""Idempotency: a command that comes again, by its id, is answered with what it made the first time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import (
    COMMAND_LIFE_S,
    Collections,
    CommandDoc,
    Document,
    InstanceDoc,
    Ref,
    instance_ref,
)
from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, NotFound
from ainimal_zookeeper.domain.lifecycle import timestamp
from ainimal_zookeeper.ports.store import Transaction

_COMMAND_ID = re.compile(r"[A-Za-z0-9:\-][A-Za-z0-9.:_\-]{0,127}\Z")  # it names a document, in every store


def refs(input: Mapping[str, Any]) -> list[Ref]:
    """Returns what `earlier` reads first, for whoever reads ahead."""
    command_id = input.get("commandId") or ""
    return [Ref(Collections.COMMANDS, command_id)] if _COMMAND_ID.match(command_id) else []


def earlier(
    transaction: Transaction, input: Mapping[str, Any], principal: Principal, collection: str
) -> InstanceDoc | None:
    """Returns what the command made when it came before; None for the first time, and for an input without an id.

    Raises: InvalidInput, Conflict for an id that somebody else has used or that launched something else, NotFound for
    what has been deleted since.
    """
    command_id = input.get("commandId")
    if command_id is None:
        return None
    if not _COMMAND_ID.match(command_id):
        raise InvalidInput(
            f"commandId is {command_id!r:.150}; use 1 to 128 letters, digits and .:-_, beginning with none of ._",
            ("input", "commandId"),
        )
    command = transaction.get(Ref(Collections.COMMANDS, command_id))
    if command is None:
        return None
    ref = instance_ref(command["resourceId"])
    if command["userId"] != principal.user_id or ref.collection != collection:
        raise Conflict(f"command {command_id} was used for something else; make a new id for each command")
    if command.get("digest") not in {None, _digest(input)}:  # commands of older versions have none
        raise Conflict(
            f"command {command_id} launched {ref.id} with another input; make a new id for each command, "
            "or repeat the input as it was"
        )
    found = transaction.get(ref)
    if found is None:
        raise NotFound(f"command {command_id} launched {ref.id}, which has been deleted; make a new id to launch again")
    return cast(InstanceDoc, found)


def remember(
    transaction: Transaction, input: Mapping[str, Any], resource_id: str, principal: Principal, now: datetime
) -> None:
    """Writes down that the command of `input`, if it has an id, made `resource_id`."""
    command_id = input.get("commandId")
    if command_id is None:
        return
    command: CommandDoc = {
        "id": command_id,
        "resourceId": resource_id,
        "at": timestamp(now),
        "userId": principal.user_id,
        "digest": _digest(input),
        "expiresAt": timestamp(now + timedelta(seconds=COMMAND_LIFE_S)),
    }
    transaction.put(Ref(Collections.COMMANDS, command_id), cast(Document, command))


def _digest(input: Mapping[str, Any]) -> str:
    """Returns what tells one input from another: equal whatever the order of keys, and for null as for left out."""
    given = {key: value for key, value in input.items() if value is not None}
    text = json.dumps(given, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
