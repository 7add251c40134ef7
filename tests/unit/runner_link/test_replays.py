"""What the runner link tells of a recording that is replayed, and takes of how far that has come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.adapters.embedded.clock import SystemClock
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Collections, Document, Ref, ReplayDoc
from ainimal_zookeeper.domain.errors import Conflict, InvalidInput
from runner_link import replayed
from runner_link.claims import Claims, RunnerSettings
from runner_link.requests import Caller

from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.secrets import FakeSecrets
from tests.fakes.store import MemoryStore

REPLAY: ReplayDoc = {
    "recordingId": "rec_1", "planes": ["INPUTS"], "environmentId": None, "fromStep": None, "toStep": 90, "report": None,
}  # fmt: skip
CALLER = Caller("ins_2", 1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryStore:
    """A zoo in which `ins_2` replays a recording of `ins_1`."""
    store = MemoryStore()
    zoo.furnish(store)
    zoo.put(store, Collections.INSTANCES, cast(Document, zoo.instance(clock.now(), "ins_1")))
    row = zoo.instance(clock.now(), "ins_2", origin="REPLAY", environmentId=None, replay=REPLAY)
    zoo.put(store, Collections.INSTANCES, cast(Document, row))
    signals = [{"path": path} for path in ("inputs.camera", "action", "env.reward", "weights.top", "metrics.loss")]
    manifest = {"id": "ins_1", "attempt": 1, "manifestJson": json.dumps({"signals": signals})}
    zoo.put(store, Collections.MANIFESTS, manifest)
    recording = {"id": "rec_1", "instanceId": "ins_1", "prefix": "runs/ins_1/1/recordings/rec_1/"}
    zoo.put(store, Collections.RECORDINGS, recording)
    return store


@pytest.fixture
def claims(store: MemoryStore, clock: FakeClock, tmp_path: Path) -> Claims:
    return Claims(
        store=store,
        bucket=DirectoryBucket(tmp_path, "http://bucket", zoo.SECRET, SystemClock()),
        clock=clock,
        secret=zoo.SECRET,
        secrets=FakeSecrets(),
        settings=RunnerSettings(),
    )


def test_a_claim_brings_the_recording_and_the_signals_of_what_was_recorded(claims: Claims) -> None:
    """Links hold for all its objects; signals within the model are not among them, and nothing is saved by itself."""
    launch = claims.claim(CALLER)

    replay = launch["replay"]
    assert {key: replay[key] for key in ("recordingId", "planes", "fromStep", "toStep")} == {
        "recordingId": "rec_1", "planes": ["INPUTS"], "fromStep": None, "toStep": 90,
    }  # fmt: skip
    assert [signal["path"] for signal in replay["signals"]] == ["inputs.camera", "action", "env.reward"]
    assert replay["baseUrl"].startswith("http://bucket/")
    assert "prefix" not in replay
    assert launch["autosave"] == {"steps": None, "minutes": None}


@pytest.mark.parametrize("collection", [Collections.RECORDINGS, Collections.MANIFESTS])
def test_what_was_deleted_is_not_replayed(claims: Claims, store: MemoryStore, collection: str) -> None:
    """The instance fails with what is missing, and its runner ends."""
    gone = Ref(collection, "rec_1" if collection == Collections.RECORDINGS else "ins_1")
    store.transact(lambda transaction: transaction.delete(gone))

    with pytest.raises(Conflict, match="deleted"):
        claims.claim(CALLER)
    assert zoo.read(store, "ins_2")["status"]["phase"] == "FAILED"


def test_a_report_is_kept_with_what_is_replayed(store: MemoryStore, clock: FakeClock) -> None:
    """Of an instance that replays nothing it is refused."""
    said: Any = {"comparedSteps": 3, "identical": True, "first": None}
    row = lifecycle.claim(zoo.read(store, "ins_2"), 1, clock.now())

    after = lifecycle.report(row, 1, {"phase": "RUNNING", "replay": said}, clock.now())

    assert after["replay"] == {**REPLAY, "report": said}
    other = lifecycle.claim(zoo.read(store, "ins_1"), 1, clock.now())
    with pytest.raises(InvalidInput, match="replays nothing"):
        lifecycle.report(other, 1, {"replay": said}, clock.now())


def test_a_first_difference_is_read() -> None:
    """Infinity is a magnitude, too."""
    first = {"step": 4, "path": "outputs.q", "magnitude": float("inf"), "more": 1}

    report = replayed.report({"comparedSteps": 4, "identical": False, "first": first}, ())

    assert report["first"] == {"step": 4, "path": "outputs.q", "magnitude": float("inf")}


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        {"comparedSteps": -1, "identical": True, "first": None},
        {"comparedSteps": 1.0, "identical": True, "first": None},
        {"comparedSteps": 1, "identical": True, "first": {"step": 1, "path": "action", "magnitude": 0.0}},
        {"comparedSteps": 1, "identical": False, "first": None},
        {"comparedSteps": 1, "identical": False, "first": {"step": 1, "path": "no path", "magnitude": 0.0}},
        {"comparedSteps": 1, "identical": False, "first": {"step": 1, "path": "action", "magnitude": "much"}},
        {"comparedSteps": 1, "identical": False, "first": []},
    ],
)
def test_what_is_no_report_is_refused(said: Any) -> None:
    """Whatever user code beside the runner sends."""
    with pytest.raises(InvalidInput):
        replayed.report(said, ("report", "replay"))
