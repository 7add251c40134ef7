"""What is wanted to be recorded: begun with a checkpoint where there can be one, and ended in time."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from ainimal_zookeeper.domain.documents import Desired
from ainimal_zookeeper.recording import Recording
from zookeeper_runner.arrows import Arrows
from zookeeper_runner.bell import Bell
from zookeeper_runner.recorder import Recorder
from zookeeper_runner.recorder.recorder import CHECKPOINT_S
from zookeeper_runner.saving import Saver
from zookeeper_runner.signals import Signals

from tests.fakes.recorder import WAIT_S, FakeBucket, session, signal

BOTH = {"training": True, "inference": True}


class FakeSaver:
    """Saves what recordings begin with."""

    def __init__(self) -> None:
        self.lacking: str | None = None
        self.busy = False
        self.saved: list[str] = []

    def save_for_recording(self, recording_id: str) -> bool:
        if not self.busy:
            self.saved.append(recording_id)
        return not self.busy


class Observed:
    """Taps of which only what is observed is there."""

    def __init__(self) -> None:
        self.paths: dict[str, frozenset[str]] = {}

    def observe(self, owner: str, paths: frozenset[str]) -> None:
        self.paths[owner] = paths


class Scene:
    """An instance between two steps, and what stands around its recorder."""

    def __init__(self, folder: Path, taps: Observed | None = None) -> None:
        self.session, self.arrows, self.signals = session(), Arrows(), Signals(Bell())
        cast(Any, self.session).launch = {"flight": {"seconds": 0}}
        cast(Any, self.session).ending = None
        self.signals.catalogue = {path: signal(path) for path in ("inputs.seen", "action", "env.reward")}
        self.saver, self.bucket, self.warnings, self.now = FakeSaver(), FakeBucket(folder), list[str](), 0.0
        self.rules: list[Mapping[str, Any]] = []
        self.bucket.come_back()
        self.recorder = Recorder(
            self.session,
            self.signals,
            self.arrows,
            cast(Saver, self.saver),
            self.bucket,
            taps=lambda: cast(Any, taps),
            overrides=lambda: cast(Any, self.rules),
            warn=self.warnings.append,
            clock=lambda: self.now,
        )

    def want(self, recording: str | None = None, *, signals: list[str] | None = None, **desired: Any) -> None:
        """Tells the recorder what is desired, between two steps."""
        request = None if recording is None else {"id": recording, "signals": signals}
        self.recorder.heed(cast(Desired, {"phase": "RUNNING", "mode": BOTH, "recording": request, **desired}))

    def step(self) -> None:
        self.session.counters.step += 1
        for sink in self.arrows.sinks:
            sink.took({"seen": 0.5}, None, 1, 2.0, False, False)

    def ended(self) -> None:
        self.recorder.finish(WAIT_S)


LEARN = {"training": True, "inference": False}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_each_request_is_met_once_from_its_first_step_to_its_last(scene: Scene) -> None:
    """With what holds and stands then as events; a request that is told again begins nothing."""
    scene.rules.append({"id": "ovr_1", "path": "action"})
    scene.step()
    for _ in range(2):
        scene.want("rec_1")
        scene.step()
    scene.want()
    scene.step()
    scene.want()
    scene.ended()
    assert scene.saver.saved == ["rec_1"]
    read = Recording.open(scene.bucket.manifest())
    assert list(read.read("action", 0, 99)[0]) == [2, 3]
    assert [(event["step"], event["kind"]) for event in read.events] == [(1, "mode"), (1, "override")]
    assert scene.bucket.end == {"sealed": True, "droppedSteps": 0}
    assert scene.arrows.plain
    read.close()


def test_what_people_ask_meanwhile_is_told(scene: Scene) -> None:
    """Pauses, changes of mode, rules: each after the step that was made last."""
    scene.want("rec_1")
    scene.step()
    scene.want("rec_1", phase="PAUSED")
    scene.want("rec_1", phase="PAUSED")
    scene.recorder.overridden("override", {"id": "ovr_1"})
    scene.want("rec_1", mode={"training": False, "inference": True})
    scene.step()
    scene.want()
    scene.ended()
    read = Recording.open(scene.bucket.manifest())
    assert [(event["step"], event["kind"]) for event in read.events] == [
        (0, "mode"),
        (1, "paused"),
        (1, "override"),
        (1, "mode"),
        (1, "resumed"),
        (2, "mode"),
    ]
    read.close()


def test_another_request_ends_the_first(scene: Scene) -> None:
    """Both become whole."""
    scene.want("rec_1")
    scene.step()
    scene.want("rec_2", signals=["env.*"])
    scene.step()
    scene.ended()
    begun = [said["begun"] for said in scene.bucket.told if "begun" in said]
    assert [each["signals"] for each in begun] == [["inputs.seen", "action", "env.reward"], ["env.reward"]]
    assert sum("sealed" in said for said in scene.bucket.told) == 2


def test_it_waits_for_a_state_that_is_on_its_way_but_not_for_long(scene: Scene) -> None:
    """Then it begins without a checkpoint, and says so."""
    scene.saver.busy = True
    scene.want("rec_1")
    assert scene.arrows.sinks == []
    scene.saver.busy = False
    scene.want("rec_1")
    assert scene.saver.saved == ["rec_1"]
    scene.saver.busy = True
    scene.want("rec_2")
    scene.now += CHECKPOINT_S + 0.1
    scene.want("rec_2")
    assert len(scene.arrows.sinks) == 1
    assert "without a checkpoint" in scene.warnings[-1]
    scene.ended()


def test_what_cannot_be_saved_is_recorded_all_the_same(scene: Scene) -> None:
    """Without a checkpoint; the reason is told."""
    scene.saver.lacking = "the model has no load"
    scene.want("rec_1")
    assert len(scene.arrows.sinks) == 1
    assert scene.saver.saved == []
    assert "the model has no load" in scene.warnings[0]
    scene.ended()


def test_request_that_cannot_be_met_is_answered(scene: Scene) -> None:
    """Patterns that name nothing, and seconds that nobody remembers, with the way out."""
    scene.want("rec_1", signals=["nothing.*"])
    scene.want(saveLast={"id": "rec_2", "seconds": 5})
    scene.want(saveLast={"id": "rec_2", "seconds": 5})
    scene.ended()
    failures = sorted(said["failure"]["code"] for said in scene.bucket.told)
    assert failures == ["INVALID_INPUT", "INVALID_TRANSITION"]
    assert any("flight_seconds" in said["failure"]["message"] for said in scene.bucket.told)


def test_recording_that_cannot_begin_observes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would have recorded of the model costs nothing; the reason is told."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    taps = Observed()
    scene = Scene(tmp_path, taps)
    scene.signals.catalogue = {"activations.hidden": signal("activations.hidden")}
    scene.want("rec_1", signals=["activations.*"])
    scene.ended()
    assert not any(taps.paths.values())
    assert "no room to record to" in scene.bucket.end["failure"]["message"]


def test_recording_waits_until_its_signals_are_known(scene: Scene) -> None:
    """Right after the start nobody knows them yet."""
    catalogue, scene.signals.catalogue = scene.signals.catalogue, None
    scene.want("rec_1")
    assert scene.arrows.sinks == []
    scene.signals.catalogue = catalogue
    scene.want("rec_1")
    assert len(scene.arrows.sinks) == 1
    scene.ended()


def test_recording_that_the_zoo_refuses_ends(scene: Scene) -> None:
    """Whoever deletes one that is open, or fences the attempt, does not have it recorded for nobody."""
    from ainimal_zookeeper.domain.errors import NotFound

    scene.bucket.refusal = NotFound("it was deleted")
    scene.want("rec_1")
    scene.step()
    (tape,) = scene.arrows.sinks
    assert cast(Any, tape).wait(WAIT_S)
    scene.want("rec_1")
    assert scene.arrows.sinks == []
    assert "it was deleted" in scene.warnings[-1]


def test_end_of_the_attempt_does_not_wait_for_ever(scene: Scene) -> None:
    """What has not arrived by then is found by the zoo."""
    scene.bucket.leave()
    scene.bucket.back = threading.Event()
    scene.want("rec_1")
    scene.step()
    scene.recorder.finish(0.05)
    assert scene.bucket.told == []
    scene.bucket.come_back()


def test_ending_is_not_waited_for_when_nothing_is_recorded(scene: Scene) -> None:
    """The usual case costs nothing."""
    scene.want()
    scene.recorder.finish(0)
    assert scene.bucket.told == []


def test_learning_without_acting_is_told_once_it_is_over(scene: Scene) -> None:
    """How often train was called since the recording began, wherever it goes on or ends."""
    trained = scene.session.counters
    scene.step()
    scene.want(mode=LEARN)
    trained.trained += 5
    scene.want("rec_1", mode=LEARN)
    trained.trained += 3
    scene.want("rec_1", mode=LEARN)
    trained.trained += 4
    scene.want("rec_1")
    for _ in range(2):
        trained.trained += 1
        scene.step()
        scene.want("rec_1")
    scene.want("rec_1", mode=LEARN)
    trained.trained += 2
    scene.want(mode=LEARN)
    scene.ended()
    read = Recording.open(scene.bucket.manifest())
    told = [(event["step"], event["kind"], event["data"].get("calls")) for event in read.events]
    assert told == [
        (1, "mode", None),
        (1, "learnt", 7),
        (1, "mode", None),
        (3, "mode", None),
        (3, "learnt", 2),
    ]
    read.close()
