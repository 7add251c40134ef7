"""Recordings: what an instance did, asked for and fetched from outside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidTransition, NotFound, PermissionDenied, Transient
from ainimal_zookeeper.domain.recordings import MANIFEST, check_manifest

from . import documents
from .endpoint import Endpoint
from .names import pick
from .refusals import raise_user_errors
from .tables import Table

if TYPE_CHECKING:
    from ainimal_zookeeper import recording as reading

ANSWERED_S = 60.0  # the zoo answers after 30 s at the latest

_TRIES = 5  # of an object, while nothing answers


@dataclass(frozen=True, slots=True)
class Recording:
    """What the zoo says of one recording. It stays as it was when it was asked for; `refresh` asks anew."""

    id: str
    phase: str
    """OPEN while it is made; SEALED when it is whole; LOST when its process was gone before."""
    instance_id: str
    instance: str
    """What the instance was called, which may be gone by now."""
    timeline: int
    """Of its first step."""
    signals: tuple[str, ...]
    first_step: int
    last_step: int
    size_bytes: int
    dropped_steps: int
    """Steps that are missing in it."""
    created_at: str
    checkpoint_id: str | None
    """The state before its first step."""
    problem: str | None
    """Why it is less than was asked for."""
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """As the API answered it."""
    _endpoint: Endpoint = field(repr=False, compare=False)

    def refresh(self) -> Recording:
        """Asks the zoo how it is now. Raises: NotFound when it was deleted."""
        return _by_id(self._endpoint, self.id)

    def stop(self) -> Recording:
        """Ends it, and returns it as it is then: SEALED, unless that takes longer than half a minute."""
        wanted = {"recordingId": self.id}
        answer = self._endpoint.ask(documents.RECORDING_STOP, patience_s=ANSWERED_S, input=wanted)["recordingStop"]
        raise_user_errors(answer)
        return read_recording(self._endpoint, answer["recording"])

    def delete(self) -> None:
        """Takes it away with all its bytes. Raises: InvalidTransition while it is OPEN."""
        answer = self._endpoint.ask(documents.RECORDING_DELETE, input={"recordingId": self.id})
        raise_user_errors(answer["recordingDelete"])

    def open(self) -> reading.Recording:
        """Returns what reads it: `recording.open().read("action", 0, 100)`. `close` that when done.

        Nothing is downloaded but what is read. Raises: InvalidTransition while it is OPEN; PermissionDenied.
        """
        from ainimal_zookeeper.recording import Ranges  # NumPy is not needed by who only steers a zoo
        from ainimal_zookeeper.recording import Recording as Reader

        access = self._access()
        return Reader.open(Ranges(access["baseUrl"], access["headers"]))

    def fetch(self, folder: Path | str | None = None) -> Path:
        """Downloads it into `folder`, called as it is when None, and returns that.

        What is there already is not downloaded again. Raises: as `open`; DataCorrupt for bytes that are not as they
        were recorded; Transient when nothing answers.
        """
        from ainimal_zookeeper.recording import Ranges

        target = Path(self.id if folder is None else folder)
        access = self._access()
        source = Ranges(access["baseUrl"], access["headers"])
        try:
            content = _whole(source, MANIFEST)
            manifest = check_manifest(_parsed(content), f"the manifest of {self.id}")
            target.mkdir(parents=True, exist_ok=True)
            for entry in [*manifest["segments"], *manifest["weights"]]:
                _fetch(source, entry, target)
        finally:
            source.close()
        (target / MANIFEST).write_bytes(content)  # last: a folder that has one is whole
        return target

    def _access(self) -> Mapping[str, Any]:
        found = self._endpoint.ask(documents.RECORDING_ACCESS, id=self.id)["recording"]
        if found is None:
            raise NotFound(f"there is no recording {self.id}; it was deleted")
        if found["phase"] == "OPEN":
            raise InvalidTransition(f"the recording {self.id} is still open; stop it, then read it")
        access: Mapping[str, Any] | None = found["access"]
        if access is None:
            raise PermissionDenied(f"you may not read all that is in the recording {self.id}; ask its owner")
        return access


def read_recording(endpoint: Endpoint, document: Mapping[str, Any]) -> Recording:
    """Reads a `Recording` of the API."""
    return Recording(
        id=document["id"],
        phase=document["phase"],
        instance_id=document["instanceId"],
        instance=document["instanceName"],
        timeline=document["timeline"],
        signals=tuple(document["signals"]),
        first_step=int(document["firstStep"]),
        last_step=int(document["lastStep"]),
        size_bytes=int(document["sizeBytes"]),
        dropped_steps=int(document["droppedSteps"]),
        created_at=document["createdAt"],
        checkpoint_id=document["checkpointId"],
        problem=document["problem"],
        document=document,
        _endpoint=endpoint,
    )


def table_of(rows: Iterable[Recording]) -> Table[Recording]:
    return Table(
        list(rows),
        {
            "id": lambda recording: recording.id,
            "instance": lambda recording: recording.instance,
            "phase": lambda recording: recording.phase,
            "from": lambda recording: recording.first_step,
            "to": lambda recording: recording.last_step,
            "timeline": lambda recording: recording.timeline,
            "bytes": lambda recording: recording.size_bytes,
            "dropped": lambda recording: recording.dropped_steps,
            "recorded": lambda recording: recording.created_at,
        },
    )


def recordings_of(endpoint: Endpoint, instance_id: str | None) -> Iterator[Recording]:
    """Yields the recordings of an instance, or all for None, the newest first."""
    for row in endpoint.rows(documents.RECORDINGS, "recordings", instanceId=instance_id):
        yield read_recording(endpoint, row)


def find_recording(endpoint: Endpoint, wanted: str) -> Recording:
    """Returns the one that `wanted` names: by its id, or the beginning of it. Raises: NotFound, InvalidInput."""
    if wanted.startswith("rec_"):
        document = endpoint.ask(documents.RECORDING, id=wanted)["recording"]
        if document is not None:
            return read_recording(endpoint, document)
    rows = list(recordings_of(endpoint, None))
    return pick(rows, wanted, "recording", identity=lambda row: row.id, name=lambda row: row.id)


def start_recording(
    endpoint: Endpoint, instance_id: str, signals: Sequence[str] | None, command_id: str | None
) -> Recording:
    wanted = {"instanceId": instance_id, "signals": signals, "commandId": command_id}
    return _made(endpoint, documents.RECORDING_START, "recordingStart", wanted)


def save_last(endpoint: Endpoint, instance_id: str, seconds: float, command_id: str | None) -> Recording:
    wanted = {"instanceId": instance_id, "seconds": seconds, "commandId": command_id}
    return _made(endpoint, documents.RECORDING_SAVE_LAST, "recordingSaveLast", wanted)


def open_recording_of(endpoint: Endpoint, instance_id: str, name: str) -> Recording:
    """Returns the one that an instance is making. Raises: NotFound; InvalidTransition where there is none."""
    found = endpoint.ask(documents.INSTANCE_RECORDING, id=instance_id)["instance"]
    if found is None:
        raise NotFound(f"instance {name} ({instance_id}) is no longer there")
    if found["recording"] is None:
        raise InvalidTransition(f"instance {name} ({instance_id}) is not being recorded")
    return read_recording(endpoint, found["recording"])


def _made(endpoint: Endpoint, document: str, mutation: str, wanted: Mapping[str, Any]) -> Recording:
    given = {key: list(value) if key == "signals" else value for key, value in wanted.items() if value is not None}
    answer = endpoint.ask(document, patience_s=ANSWERED_S, input=given)[mutation]
    raise_user_errors(answer)
    return read_recording(endpoint, answer["recording"])


def _by_id(endpoint: Endpoint, id: str) -> Recording:
    document = endpoint.ask(documents.RECORDING, id=id)["recording"]
    if document is None:
        raise NotFound(f"there is no recording {id}; it was deleted")
    return read_recording(endpoint, document)


def _fetch(source: reading.Source, entry: Mapping[str, Any], target: Path) -> None:
    name, sha256 = Path(str(entry["name"])).name, entry["sha256"]
    file = target / name
    if file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == sha256:
        return
    content = _whole(source, name)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataCorrupt(f"{name} is damaged: its SHA-256 is {found[:12]}..., and {sha256[:12]}... was recorded")
    part = target / f"{name}.part"
    part.write_bytes(content)
    part.replace(file)


def _whole(source: reading.Source, name: str, tries: int = _TRIES) -> bytes:
    try:
        return source.whole(name)
    except Transient:
        if tries == 1:
            raise
    return _whole(source, name, tries - 1)


def _parsed(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError as error:
        raise DataCorrupt(f"{MANIFEST} is damaged: {error}") from error
