"""Saving: an instance becomes a checkpoint, however long that takes."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from ainimal_zookeeper.domain.errors import Transient

from . import documents
from .checkpoint import Checkpoint, read_checkpoint
from .endpoint import Endpoint
from .refusals import raise_user_errors

ANSWERED_S = 60.0  # the zoo answers after 30 s at the latest, that it is still at it


def ask_to_save(endpoint: Endpoint, instance_id: str, tag: str | None, command_id: str | None) -> Checkpoint:
    """Asks once. Raises: why there is no checkpoint; Transient while it is still being made."""
    wanted = {"instanceId": instance_id, "tag": tag, "commandId": command_id}
    given = {key: value for key, value in wanted.items() if value is not None}
    answer = endpoint.ask(documents.CHECKPOINT_SAVE, patience_s=ANSWERED_S, input=given)
    raise_user_errors(answer["checkpointSave"])
    return read_checkpoint(endpoint, answer["checkpointSave"]["checkpoint"])


def save_to_the_end(
    endpoint: Endpoint, instance_id: str, tag: str | None, *, timeout_s: float, sleep: Callable[[float], None]
) -> Checkpoint:
    """Asks until there is a checkpoint. `timeout_s`: after how much waiting between the answers it gives up.

    Raises: why there is none; Transient when it takes longer.
    """
    command_id, waited_s = f"save-{uuid.uuid4().hex}", 0.0
    while True:
        try:
            return ask_to_save(endpoint, instance_id, tag, command_id)
        except Transient as error:
            pause_s = error.retry_after_s
            if waited_s >= timeout_s:
                raise
        sleep(pause_s)
        waited_s += pause_s
