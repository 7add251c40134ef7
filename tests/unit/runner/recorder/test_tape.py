"""A recording on request: what is read back is what was made, and trouble is told and ends nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.documents import SignalDoc
from ainimal_zookeeper.domain.recordings import DRIVEN, FIRST, FLAGS, OVERRIDDEN, TERMINATED, TRUNCATED
from ainimal_zookeeper.recording import Recording
from zookeeper_runner.arrows import Arrows
from zookeeper_runner.recorder.tape import Tape

from tests.fakes.recorder import WAIT_S, FakeBucket, session, signal, sources


class Recorded:
    """A tape that runs, and what became of it."""

    def __init__(self, tmp_path: Path, signals: list[SignalDoc], **changes: Any) -> None:
        self.session, self.arrows, self.warnings = session(10), Arrows(), list[str]()
        (tmp_path / "bucket").mkdir()
        self.disk = tmp_path / "disk"
        self.disk.mkdir()
        self.bucket = FakeBucket(tmp_path / "bucket")
        self.bucket.come_back()
        self.now = 0.0
        weights = changes.pop("weights", None)
        self.tape = Tape(
            "rec_1",
            signals,
            self.session,
            self.arrows,
            self.bucket,
            sources(**changes),
            weights,
            self.warnings.append,
            lambda: self.now,
            self.disk,
        )
        self.arrows.sinks.append(self.tape)

    def step(self, inputs: Any = None, outputs: Any = None, action: Any = 0, reward: Any = 0.0, **ends: Any) -> None:
        self.session.counters.step += 1
        terminated, truncated = ends.get("terminated", False), ends.get("truncated", False)
        self.tape.took(inputs or {}, outputs, action, reward, terminated, truncated, ends.get("final"))

    def end(self) -> Recording:
        """Stops, and returns what reads it."""
        self.tape.stop()
        assert self.tape.wait(WAIT_S)
        return Recording.open(self.bucket.manifest())


def column(read: Recording, path: str) -> Any:
    return read.read(path, 0, 2**53)[3]


def test_values_of_every_kind_come_back(tmp_path: Path) -> None:
    """To the bit, with the dtypes that they had, whatever their modality promised."""
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    paths = ["inputs.wide", "inputs.deep.inner", "outputs.torque", "action", "env.reward", "inputs.said", "inputs.tree"]
    tape = Recorded(tmp_path, [*map(signal, paths), signal("env.frame", "IMAGE")], render=lambda: picture)
    rng = np.random.default_rng(1)
    made = [rng.random(3) for _ in range(5)]
    for row in made:
        inputs = {"wide": row, "deep": {"inner": np.float16(row[0])}, "said": f"{row[0]}", "tree": {"a": [1, 2]}}
        tape.step(inputs, {"torque": (row[0], row[1])}, np.int64(row[0] * 9), float(row[2]))
    read = tape.end()
    assert np.array_equal(column(read, "inputs.wide"), made)
    assert column(read, "inputs.deep.inner").dtype == np.float16
    assert np.array_equal(column(read, "outputs.torque"), [row[:2] for row in made])
    assert list(column(read, "action")) == [int(row[0] * 9) for row in made]
    assert list(column(read, "env.reward")) == [row[2] for row in made]
    assert column(read, "inputs.said") == [f"{row[0]}" for row in made]
    assert column(read, "inputs.tree") == [{"a": [1, 2]}] * 5
    assert np.array_equal(column(read, "env.frame"), [picture] * 5)
    assert tape.bucket.told[0]["begun"]["step"] == 11
    assert tape.warnings == []
    read.close()


def test_flags_and_events_tell_what_happened(tmp_path: Path) -> None:
    """Ends and beginnings of episodes, who drove, what was overridden, and the way back to a checkpoint."""
    tape = Recorded(tmp_path, [signal("action")])
    tape.tape.event("mode", {"training": False, "inference": True})
    tape.tape.began()
    tape.step()
    tape.arrows.driver, tape.arrows.overridden = "user_1", frozenset({"action"})
    tape.step(terminated=True)
    tape.arrows.driver, tape.arrows.overridden = None, frozenset()
    tape.step(truncated=True)
    tape.session.timeline, tape.session.counters.step = 2, 5
    assert tape.tape.look()
    tape.step()
    read = tape.end()
    assert list(column(read, FLAGS)) == [FIRST, TERMINATED | DRIVEN | OVERRIDDEN, TRUNCATED, 0]
    assert [(each["timeline"], each["step"], each["kind"], each["data"]) for each in read.events] == [
        (1, 10, "mode", {"training": False, "inference": True}),
        (1, 11, "driver", {"driver": "user_1"}),
        (1, 12, "driver", {"driver": None}),
        (2, 5, "restored", {"timeline": 2}),
    ]
    assert list(read.read("action", 0, 99)[0]) == [11, 12, 13, 6]
    read.close()


def test_value_that_is_not_as_the_first_was_is_left_out(tmp_path: Path) -> None:
    """The rest of the step is recorded, and people are told once for each signal."""
    tape = Recorded(tmp_path, [signal("inputs.a"), signal("inputs.b")])
    for a in (np.zeros(2), np.zeros(3), "text", np.ones(2)):
        tape.step({"a": a, "b": 1.0})
    read = tape.end()
    assert list(read.read("inputs.b", 0, 99)[0]) == [11, 12, 13, 14]
    assert list(read.read("inputs.a", 0, 99)[0]) == [11, 14]
    assert len(tape.warnings) == 1
    assert "inputs.a" in tape.warnings[0]
    read.close()


def test_what_an_episode_ended_in_is_kept_with_its_last_step(tmp_path: Path) -> None:
    """Of each input that is recorded; a value that is not as the others were is left out, and told."""
    tape = Recorded(tmp_path, [signal("inputs.place"), signal("inputs.deep.said")])
    for step in range(6):
        final = {"place": np.full(2, step + 0.5, np.float32), "deep": {"said": "over"}, "more": 1}
        if step == 5:
            final["place"] = np.zeros(3, np.float32)
        inputs = {"place": np.full(2, step, np.float32), "deep": {"said": f"{step}"}}
        tape.step(inputs, truncated=step % 3 == 2, final=final if step % 3 == 2 else None)
    read = tape.end()
    assert np.array_equal(column(read, "final_inputs.place"), [[2.5, 2.5]])
    steps, _, _, said = read.read("final_inputs.deep.said", 0, 99)
    assert (list(steps), said) == ([13, 16], ["over", "over"])
    assert len(column(read, "inputs.place")) == 6
    assert len(tape.warnings) == 1
    assert "final_inputs.place" in tape.warnings[0]
    read.close()


def test_what_can_never_be_recorded_is_told_at_the_beginning(tmp_path: Path) -> None:
    """Objects, and what had no value and no certain size."""
    tape = Recorded(tmp_path, [signal("inputs.odd"), signal("outputs.x", shape=[None]), signal("inputs.good")])
    tape.step({"odd": np.array([object()]), "good": 1.0})
    read = tape.end()
    assert [channel.path for channel in read.signals if not channel.path.startswith("zoo.")] == [
        "inputs.good",
        "final_inputs.good",
    ]
    assert len(tape.warnings) == 2
    read.close()


def test_weights_are_copied_at_the_beginning_and_when_it_has_learnt(tmp_path: Path) -> None:
    """Not at each step, and not more often than every ten seconds."""
    weights = {"w": np.zeros(2, np.float32)}
    tape = Recorded(tmp_path, [signal("action"), signal("weights.w")], weights=lambda: weights)
    tape.step()
    for now, trained in ((1.0, 0), (2.0, 1), (12.0, 1), (30.0, 1)):
        tape.now, tape.session.counters.trained = now, trained
        weights["w"] += 1
        tape.tape.look()
        tape.step()
    read = tape.end()
    assert np.array_equal(read.weights(10)["w"], [0, 0])
    assert np.array_equal(read.weights(13)["w"], [3, 3])
    assert len(read.manifest["weights"]) == 2
    read.close()


def test_disk_that_takes_no_more_is_told_and_what_was_sent_stays(tmp_path: Path) -> None:
    """The instance goes on; what became of the recording is said at its end."""
    tape = Recorded(tmp_path, [signal("action")])
    tape.step()
    tape.step()
    shutil.rmtree(tape.disk)
    tape.tape.stop()
    assert tape.tape.wait(WAIT_S)
    assert tape.bucket.end["sealed"] is True
    assert tape.bucket.end["failure"]["code"] == "UNAVAILABLE"
    assert "2 steps" in tape.bucket.end["failure"]["message"]


@pytest.mark.parametrize("steps", [0, 1])
def test_short_recordings_end_as_well(tmp_path: Path, steps: int) -> None:
    """Also one without any step."""
    tape = Recorded(tmp_path, [signal("action")])
    for _ in range(steps):
        tape.step()
    tape.tape.stop()
    assert tape.tape.wait(WAIT_S)
    assert tape.bucket.end == {"sealed": True, "droppedSteps": 0}
    assert tape.arrows.sinks == []
