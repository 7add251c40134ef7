"""Patches: what rules take from recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import NotFound
from ainimal_zookeeper.domain.overrides import Patch, Terms
from ainimal_zookeeper.recording import Channel, Recording, StepRecorder
from zookeeper_runner.bell import Bell
from zookeeper_runner.overrides.patches import Patches, values_of

from tests.unit.runner.test_standing import override


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Steps 10 to 19 without 15; the text is absent at 12."""
    channels = [Channel("outputs.a", "float32", (2,), "vector"), Channel("inputs.words", "str", (), "text")]
    recorder = StepRecorder(channels, lambda _segment: None, folder=tmp_path, timeline=1)
    for step in range(10, 20):
        if step != 15:
            recorder.take(step, [np.array([step, -step], np.float32), None if step == 12 else f"word {step}"])
    recorder.close()
    return Recording.open(tmp_path)


def test_values_come_step_by_step_until_the_recording_ends(recording: Recording) -> None:
    """Where a step is missing the value before it stays."""
    value = values_of(recording, Patch("rec_1", None, 13), "outputs.a")
    assert [None if (found := value(at)) is None else found.tolist() for at in range(8)] == [
        *([step, -step] for step in (13, 14, 14, 16, 17, 18, 19)),
        None,
    ]
    words = values_of(recording, Patch("rec_1", None, 11), "inputs.words")
    assert [words(at) for at in range(3)] == ["word 11", "word 11", "word 13"]


def test_what_was_not_recorded_is_told(recording: Recording) -> None:
    """A signal or a step that it does not have."""
    with pytest.raises(NotFound, match=r"outputs\.b is not recorded"):
        values_of(recording, Patch("rec_1", None, 10), "outputs.b")
    with pytest.raises(NotFound, match=r"rec_1 has no outputs\.a from step 20 on"):
        values_of(recording, Patch("rec_1", None, 20), "outputs.a")


class Refusing:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def patch(self, override_id: str) -> Any:
        self.asked.append(override_id)
        raise NotFound("the recording rec_1 has been deleted; patch from another one")


def test_a_recording_that_cannot_be_had_is_asked_for_once() -> None:
    """Nobody waits for it; the bell rings when there is something to say."""
    access, bell = Refusing(), Bell()
    patches = Patches(access, bell)
    rule = override("outputs.a", Terms("PATCH", patch=Patch("rec_1", None, 1)))
    assert patches.values(rule) is None
    assert bell.wait(30)
    with pytest.raises(NotFound, match="has been deleted"):
        patches.values(rule)
    assert access.asked == ["ovr_1"]
