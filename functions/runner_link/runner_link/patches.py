"""Patches: where a runner reads what a rule on one of its signals takes from a recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Collections, InstanceDoc, RecordingDoc, Ref, instance_ref
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound
from ainimal_zookeeper.domain.overrides import terms_of
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.store import DocumentStore

from .claims import check_current
from .requests import Caller


class Patches:
    """Thread-safe."""

    def __init__(self, *, store: DocumentStore, bucket: Bucket) -> None:
        self._store = store
        self._bucket = bucket

    def access(self, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
        """Returns how the recording of the rule `id` is read, of one that stands: whoever set it may see that.

        Raises: InvalidInput for another; NotFound where the recording has been deleted; Conflict as a claim.
        """
        found = self._store.get(instance_ref(caller.instance_id))
        if found is None:
            raise NotFound(f"there is no instance {caller.instance_id}; it was deleted, end its runner")
        document = cast(InstanceDoc, found)
        check_current(document, caller)
        rule = next((each for each in lifecycle.standing_overrides(document) if each["id"] == given.get("id")), None)
        patch = None if rule is None else terms_of(rule).patch
        if patch is None:
            raise InvalidInput(f"no PATCH {str(given.get('id'))[:80]!r} stands; ask what is desired", ("id",))
        recording = self._store.get(Ref(Collections.RECORDINGS, patch.recording_id))
        if recording is None:
            raise NotFound(f"the recording {patch.recording_id} has been deleted; patch from another one")
        share = self._bucket.share(cast(RecordingDoc, recording)["prefix"])
        return {"baseUrl": share.base_url, "headers": dict(share.headers)}
