"""Replays: an instance is launched that does once more what a recording holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from ainimal_zookeeper.domain.access import Principal, decide
from ainimal_zookeeper.domain.documents import Collections, InstanceDoc, RecordingDoc, Ref, instance_ref
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound
from ainimal_zookeeper.domain.replays import replay_of
from ainimal_zookeeper.ports.store import DocumentStore

from . import labels
from .launch import Launches
from .recordings import missing, resource_of

Input = Mapping[str, Any]


class Replays:
    """Thread-safe; its functions block."""

    def __init__(self, *, store: DocumentStore, launches: Launches) -> None:
        self._store = store
        self._launches = launches

    def replay(self, principal: Principal, input: Input) -> InstanceDoc:
        """Launches a replay. `input` is a `RecordingReplayInput`.

        Who may observe a recording, launch, and control what it is of may replay it. Raises: NotFound, InvalidInput,
        InvalidTransition while it is open, and what a launch raises.
        """
        recording_id = input["recordingId"]
        recording = cast("RecordingDoc | None", self._store.get(Ref(Collections.RECORDINGS, recording_id)))
        if recording is None or not decide(principal, "OBSERVE", resource_of(recording)):
            raise missing(recording_id)
        source = cast("InstanceDoc | None", self._store.get(instance_ref(recording["instanceId"])))
        if source is None:
            raise NotFound(
                f"the instance {recording['instanceId']}, of which {recording_id} is, has been deleted; its recording "
                "can be read and exported, and not replayed"
            )
        replay = replay_of(recording, source, input)
        checkpoint_id = input.get("checkpointId") or recording["checkpointId"]
        if checkpoint_id is None:
            raise InvalidInput(
                f"recording {recording_id} has no checkpoint of its first step; name one to start from by checkpointId",
                ("input", "checkpointId"),
            )
        of_the_same_kind = replay["environmentId"] is not None and replay["environmentId"] == source["environmentId"]
        launch = {
            "modelId": recording["modelId"],
            "checkpointId": checkpoint_id,
            "environmentId": replay["environmentId"],
            "environmentParameters": json.loads(source["environmentParametersJson"]) if of_the_same_kind else None,
            "name": f"Replay of {source['name']}"[: labels.MAX_NAME],
            "seed": source["seed"],
            "mode": source["desired"]["mode"],
            "commandId": input.get("commandId"),
        }
        return self._launches.instance(principal, launch, replay)
