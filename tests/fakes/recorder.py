"""What a recorder stands between, for tests: steps that are made, and a bucket that may be away."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ainimal_zookeeper.domain.documents import SignalDoc
from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.domain.recordings import MANIFEST, manifest_of
from zookeeper_runner.recorder.plan import Sources
from zookeeper_runner.recorder.uploads import Object
from zookeeper_runner.session import Session

WAIT_S = 10.0


class FakeBucket:
    """Keeps what arrives in `folder`, and what is told. While it is `away` nothing arrives, and `tried` is set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.away = False
        self.refusal: Exception | None = None
        self.told: list[Mapping[str, Any]] = []
        self.sent: list[str] = []
        self.back = threading.Event()
        self.tried = threading.Event()

    def send(self, recording_id: str, one: Object) -> None:
        self._answer()
        (self.folder / one.name).write_bytes(one.path.read_bytes())
        self.sent.append(one.name)

    def tell(self, recording_id: str, said: Mapping[str, Any]) -> None:
        self._answer()
        self.told.append(said)

    def leave(self) -> None:
        self.away = True
        self.back.clear()
        self.tried.clear()

    def come_back(self) -> None:
        self.away = False
        self.back.set()

    def sleep(self, _seconds: float) -> None:
        """Stands in for waiting between two tries: until it is back."""
        self.back.wait(WAIT_S)

    @property
    def arrived(self) -> list[Mapping[str, Any]]:
        """What was told of objects, in order."""
        return [each for said in self.told for each in said.get("arrived", ())]

    @property
    def end(self) -> Mapping[str, Any]:
        """What was told at the end."""
        return self.told[-1]

    def manifest(self) -> Path:
        """Writes the manifest of what has arrived as the zoo does, and returns the folder."""
        import json

        manifest = manifest_of([each["index"] for each in self.arrived], recordingId="rec_1")
        (self.folder / MANIFEST).write_text(json.dumps(manifest))
        return self.folder

    def _answer(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        if self.away:
            self.tried.set()
            raise Transient("the bucket is away")


def signal(path: str, kind: str = "VECTOR", shape: list[int | None] | None = None, dtype: str = "float32") -> SignalDoc:
    modality = {"name": path, "kind": kind, "shape": [] if shape is None else shape, "dtype": dtype}
    return cast(SignalDoc, {"path": path, "modality": modality, "observable": True, "overridable": True})


def sources(**changes: Any) -> Sources:
    given: dict[str, Any] = {"render": lambda: None, "tapped": lambda _path: None, "metric": lambda _path: None}
    return Sources(**{**given, **changes})


def session(step: int = 0) -> Session:
    """Stands in for a session of which only the place is looked at."""
    counters = SimpleNamespace(step=step, trained=0)
    return cast(Session, SimpleNamespace(counters=counters, timeline=1))
