"""`zoo replay` and `zoo record export`: what is asked of the zoo, and what a person reads of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.cli.connection import Connector
from ainimal_zookeeper.cli.main import zoo
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.errors import NotFound
from ainimal_zookeeper.domain.recordings import FLAGS
from ainimal_zookeeper.recording import Channel, StepRecorder
from click.testing import CliRunner, Result

from tests.fakes.zoo_api import FakeZoo, checkpoint_row, environment_row, instance_row, model_row, recording_row


def report_row(**changes: Any) -> dict[str, Any]:
    same = {"comparedSteps": 1_000.0, "identical": True, "first": None}
    return {"recordingId": "rec_aa1", "planes": ["INPUTS"], **same, **changes}


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.models = [model_row("Painter")]
    fake.environments = [environment_row("CartPole")]
    fake.recordings = [recording_row("rec_aa1"), recording_row("rec_ab2")]
    fake.checkpoints = [checkpoint_row("better", 900)]
    fake.instances = [instance_row("Replay", phase="TERMINATED", replay=report_row())]
    return fake


def run(fake: FakeZoo, *arguments: str) -> Result:
    connector = Connector(lambda url: Zookeeper(url, transport=fake.transport, sleep=lambda _seconds: None))
    return CliRunner().invoke(zoo, arguments, obj=connector)


def test_a_replay_that_is_the_same_says_so(fake: FakeZoo) -> None:
    """It waits for the end, and the recording goes by the beginning of its id."""
    result = run(fake, "replay", "rec_aa")

    assert result.output.splitlines()[-1] == "Replay (ins_replay): identical over 1,000 steps"
    assert result.exit_code == 0
    assert fake.asked == [("recordingReplay", {"recordingId": "rec_aa1"})]


def test_a_difference_is_told_and_is_a_status(fake: FakeZoo) -> None:
    """By step, signal and size; what was asked besides goes with it."""
    first = {"step": 407.0, "path": "weights.head.bias", "magnitude": 0.5}
    fake.instances[0]["replay"] = report_row(comparedSteps=400.0, identical=False, first=first)

    result = run(
        fake, "replay", "rec_aa1", "--plane", "outputs", "--plane", "weights", "--env", "CartPole", "--checkpoint",
        "better", "--from", "7", "--to", "900",
    )  # fmt: skip

    assert result.output.splitlines()[-1] == "Replay (ins_replay): step 407: weights.head.bias differs by 0.5"
    assert result.exit_code == 1
    (asked,) = fake.asked
    assert asked[1] == {
        "recordingId": "rec_aa1",
        "planes": ["OUTPUTS", "WEIGHTS"],
        "environmentId": "world_cartpole",
        "checkpointId": fake.checkpoints[0]["id"],
        "fromStep": 7,
        "toStep": 900,
    }


def test_no_plane_at_all_may_be_asked_for(fake: FakeZoo) -> None:
    """And nobody needs to wait."""
    result = run(fake, "replay", "rec_aa1", "--plane", "none", "--no-wait")

    assert result.output == "Replay (ins_replay) is TERMINATED\n"
    assert fake.asked[0][1] == {"recordingId": "rec_aa1", "planes": []}


def test_json_has_the_report(fake: FakeZoo) -> None:
    """Beside the instance."""
    said = json.loads(run(fake, "replay", "rec_aa1", "--json").stdout)

    assert said["replay"] == report_row()
    assert said["id"] == "ins_replay"


def test_an_unknown_recording_is_told(fake: FakeZoo) -> None:
    """With the status of what is not found."""
    assert isinstance(run(fake, "replay", "rec_zz").exit_code, int)
    with pytest.raises(NotFound):
        Zookeeper("http://zoo.test", transport=fake.transport).replay("rec_zz")


def test_a_folder_is_exported_where_it_is(fake: FakeZoo, tmp_path: Path) -> None:
    """Without asking the zoo, into a file called as the folder is where none is named."""
    folder = tmp_path / "run"
    folder.mkdir()
    channels = [Channel(FLAGS, "uint8", (), "scalar"), Channel("action", "int64", (), "scalar")]
    recorder = StepRecorder(channels, lambda _: None, folder=folder, timeline=1, tail_s=None)
    for step in range(1, 6):
        recorder.take(step, [0, step])
    recorder.close()

    result = run(fake, "record", "export", str(folder), str(tmp_path / "run.npz"), "--from", "2", "--to", "3")

    assert result.output.strip() == str(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz") as found:
        assert found["action"].tolist() == [2, 3]
    assert fake.asked == []


def test_what_is_not_written_is_refused_with_its_reason(fake: FakeZoo, tmp_path: Path) -> None:
    """As the status of a bad input."""
    result = run(fake, "record", "export", str(tmp_path), "--format", "lerobot")

    assert result.exit_code == 2
    assert "MINARI or NPZ" in result.output
