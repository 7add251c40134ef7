"""Recordings whose runner is gone: what had arrived can be read, and it is said that there may have been more."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import cast

import pytest
from ainimal_zookeeper.domain import lifecycle, queries
from ainimal_zookeeper.domain.documents import Document, instance_ref
from job_launcher.lost_recordings import LostRecordings

from tests.fakes import recording_documents as recordings
from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore


class Scene:
    """An instance that is being recorded."""

    def __init__(self) -> None:
        self.clock, self.store, self.bucket = FakeClock(), MemoryStore(), MemoryBucket()
        zoo.furnish(self.store)
        claimed = lifecycle.claim(zoo.instance(self.clock.now()), 1, self.clock.now())
        zoo.add(self.store, lifecycle.report(claimed, 1, {"phase": "RUNNING"}, self.clock.now()))
        recordings.add(self.store, self.clock.now(), signals=["action"])
        recordings.segments(
            self.store, recordings.arrived(0, 5, 9), recordings.arrived(1, 10, 12, 0), recordings.arrived(1, 13, 14, 1)
        )

    def end(self) -> None:
        """The runner is gone without a word, and no other follows."""
        lost = lifecycle.lose(zoo.read(self.store), self.clock.now(), "killed")
        zoo.put(self.store, "instances", cast(Document, lost))

    def close(self) -> None:
        LostRecordings(store=self.store, bucket=lambda: self.bucket, clock=self.clock).close()

    def events(self) -> list[str]:
        found = self.store.query(queries.EVENTS.bind(resource_id="ins_1"), queries.Page(10)).documents
        return [event["message"] for event in found]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_is_being_recorded_is_left_alone(scene: Scene) -> None:
    """As long as its attempt is the current one and has not ended."""
    scene.close()
    assert recordings.read(scene.store)["phase"] == "OPEN"


def test_what_had_arrived_gets_a_manifest_once(scene: Scene) -> None:
    """With the tails of the segment that was never whole; however often it is looked for, it is told once."""
    scene.end()
    scene.close()
    scene.close()
    recording = recordings.read(scene.store)
    assert (recording["phase"], recording["firstStep"], recording["lastStep"]) == ("LOST", 5, 14)
    assert recording["sizeBytes"] == 3000
    assert recording["failure"] is not None
    manifest = json.loads(scene.bucket.get("runs/ins_1/1/recordings/rec_1/manifest.json"))
    assert [(one["number"], one["tail"]) for one in manifest["segments"]] == [(0, None), (1, 0), (1, 1)]
    assert (manifest["phase"], manifest["steps"], manifest["recordingId"]) == ("LOST", 10, "rec_1")
    (told,) = [message for message in scene.events() if "rec_1" in message]
    assert "steps 5 to 14" in told


def test_a_later_attempt_does_not_record_on(scene: Scene) -> None:
    """The recording ended with the attempt that made it, though its instance lives."""
    follows = lifecycle.relaunch(zoo.read(scene.store), scene.clock.now(), timeline=True)
    zoo.put(scene.store, "instances", cast(Document, follows))
    scene.close()
    assert recordings.read(scene.store)["phase"] == "LOST"


def test_of_a_deleted_instance_as_well(scene: Scene) -> None:
    """Recordings outlive their instances."""
    scene.store.transact(lambda transaction: transaction.delete(instance_ref("ins_1")))
    scene.close()
    assert recordings.read(scene.store)["phase"] == "LOST"


def test_many_that_are_being_made_hide_none_that_is_lost(scene: Scene) -> None:
    """However many are open: the oldest is looked at as well."""
    recordings.add(scene.store, scene.clock.now() - timedelta(hours=1), "rec_0", attempt=0)
    for number in range(2, 121):
        recordings.add(scene.store, scene.clock.now(), f"rec_{number}")
    scene.close()
    phases = [recordings.read(scene.store, f"rec_{number}")["phase"] for number in range(121)]
    assert phases == ["LOST", *["OPEN"] * 120]


def test_nothing_arrived(scene: Scene) -> None:
    """Then there is nothing to read, and the list says so; other recordings are closed all the same."""
    recordings.add(scene.store, scene.clock.now(), "rec_2")
    scene.end()
    scene.close()
    assert (recordings.read(scene.store, "rec_2")["phase"], recordings.read(scene.store)["phase"]) == ("LOST", "LOST")
    assert scene.bucket.info("runs/ins_1/1/recordings/rec_2/manifest.json") is None
