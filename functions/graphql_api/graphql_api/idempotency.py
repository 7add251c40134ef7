"""Idempotency: a command that comes again, by its id, is answered with what it made the first time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import COMMAND_LIFE_S, Collections, CommandDoc, Document, Ref
from ainimal_zookeeper.domain.errors import Conflict, InvalidInput
from ainimal_zookeeper.ports.store import Transaction

Input = Mapping[str, Any]

_COMMAND_ID = re.compile(r"[A-Za-z0-9:\-][A-Za-z0-9.:_\-]{0,127}\Z")  # it names a document, in every store


def ref_of(input: Input) -> Ref | None:
    """Returns where the command of an input is remembered; None without one, or with one that cannot be."""
    command_id = input.get("commandId") or ""
    return Ref(Collections.COMMANDS, command_id) if _COMMAND_ID.match(command_id) else None


def made_before(transaction: Transaction, input: Input, principal: Principal, kind: str) -> str | None:
    """Returns the id of what the command made when it came before; `kind` is what such ids begin with.

    Raises: InvalidInput for what is no command id; Conflict for one that was used for something else.
    """
    command_id = input.get("commandId")
    if command_id is None:
        return None
    ref = ref_of(input)
    if ref is None:
        raise InvalidInput(
            f"commandId is {command_id!r:.150}; use 1 to 128 letters, digits and .:-_, beginning with none of ._",
            ("input", "commandId"),
        )
    command = transaction.get(ref)
    if command is None:
        return None
    made = cast(str, command["resourceId"])
    if command["userId"] != principal.user_id or not made.startswith(kind):
        raise Conflict(f"command {command_id} was used for something else; make a new id for each command")
    if command.get("digest") not in {None, _digest(input)}:  # commands of older versions have none
        raise Conflict(
            f"command {command_id} made {made} of another input; make a new id for each command, or repeat the input "
            "as it was"
        )
    return made


def remember(transaction: Transaction, input: Input, principal: Principal, made: str, now: datetime) -> None:
    """Writes down what the command of an input has made."""
    command_id = input.get("commandId")
    if command_id is None:
        return
    command: CommandDoc = {
        "id": command_id,
        "resourceId": made,
        "at": lifecycle.timestamp(now),
        "userId": principal.user_id,
        "digest": _digest(input),
        "expiresAt": lifecycle.timestamp(now + timedelta(seconds=COMMAND_LIFE_S)),
    }
    transaction.put(Ref(Collections.COMMANDS, command_id), cast(Document, command))


def _digest(input: Input) -> str:
    """Returns what tells one input from another: equal whatever the order of keys, and for null as for left out."""
    given = {key: value for key, value in input.items() if value is not None}
    text = json.dumps(given, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
