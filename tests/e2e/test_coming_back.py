"""Ctrl-C and the next start: who can be saved carries on, who cannot is LOST and says why."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import TINY_ZOO, HostedZoo, furnish, until

LEARNER = """
import json
from pathlib import Path
from ainimal_zookeeper import AInimal


class Learner(AInimal):
    TRAIN_EVERY = 10

    def __init__(self):
        self.knowledge = 0
        self.loaded = None

    @property
    def state(self):
        return {"knowledge": self.knowledge}

    def forward(self, inputs):
        return {"action": int(inputs["observation"][2] > 0)}

    def train(self, traj):
        self.knowledge += 1
        return 1.0 / self.knowledge

    def save(self, path):
        (Path(path) / "knowledge.json").write_text(json.dumps(self.knowledge))
        print("saved", self.knowledge, flush=True)

    def load(self, path):
        self.knowledge = json.loads((Path(path) / "knowledge.json").read_text())
        print("loaded", self.knowledge, flush=True)
"""
QUERY = """query($i: ID!) { instance(id: $i) { phase attempt timeline stage
  stats { step episode } failure { code message }
  logs(first: 100) { nodes { text } } events(first: 100) { nodes { kind message } } } }"""


def row(zoo: HostedZoo, instance_id: str) -> dict[str, Any]:
    found: dict[str, Any] = zoo.ask(QUERY, i=instance_id)["instance"]
    return found


def texts(instance: dict[str, Any]) -> list[str]:
    return [line["text"] for line in instance["logs"]["nodes"]]


def number(instance: dict[str, Any], verb: str) -> int | None:
    """Returns what the model printed last after `verb`."""
    said = [text.split()[1] for text in texts(instance) if text.startswith(f"{verb} ")]
    return int(said[-1]) if said else None


@pytest.fixture
def learner(tmp_path: Path, start_zoo: ZooStarter) -> tuple[HostedZoo, str]:
    """A zoo with an instance that has learnt something."""
    furnish(tmp_path, TINY_ZOO, {"pole.py": LEARNER})
    zoo = start_zoo(tmp_path)
    instance_id = zoo.launch()
    zoo.wait(instance_id, "RUNNING")
    until(lambda: row(zoo, instance_id)["stats"]["step"] > 100)
    return zoo, instance_id


def stopped_at(zoo: HostedZoo) -> float:
    """Presses Ctrl-C and returns how long the zoo took to end."""
    began = time.monotonic()
    assert zoo.stop() == 0
    assert "Traceback" not in zoo.output
    return time.monotonic() - began


def test_ctrl_c_and_the_next_start_carry_on_learning(learner: tuple[HostedZoo, str], start_zoo: ZooStarter) -> None:
    """The next attempt has exactly what was saved, on a new timeline, and goes on counting; and so again."""
    zoo, instance_id = learner
    before = row(zoo, instance_id)
    assert stopped_at(zoo) < 5

    for attempt in (2, 3):
        with start_zoo(zoo.folder) as again:
            again.wait(instance_id, "RUNNING")
            loaded = until(lambda: number(row(again, instance_id), "loaded") and row(again, instance_id))
            assert (loaded["attempt"], loaded["timeline"]) == (attempt, attempt)
            assert number(loaded, "loaded") == number(loaded, "saved")
            assert loaded["stats"]["step"] > before["stats"]["step"]
            assert loaded["stats"]["episode"] >= before["stats"]["episode"]
            told = [each["message"] for each in loaded["events"]["nodes"] if each["kind"] == "RELAUNCHED"]
            assert len(told) == attempt - 1
            assert any(f"attempt {attempt} starts from step " in message for message in told)
            before = loaded
            assert stopped_at(again) < 5


def test_launches_just_before_the_end_come_back(tmp_path: Path, start_zoo: ZooStarter) -> None:
    """What was acknowledged and had not begun when the zoo was asked to stop is launched again by the next zoo."""
    furnish(tmp_path)
    zoo = start_zoo(tmp_path)
    launched = [zoo.launch() for _ in range(3)]
    zoo.stop(signal.SIGTERM)

    with start_zoo(tmp_path) as again:
        for instance_id in launched:
            found = again.wait(instance_id, "RUNNING")
            assert found["attempt"] in {1, 2}


def test_a_pause_and_a_termination_outlast_the_zoo(learner: tuple[HostedZoo, str], start_zoo: ZooStarter) -> None:
    """Who was paused comes back paused at the saved step; who was terminated does not come back."""
    zoo, instance_id = learner
    ended = zoo.launch()
    zoo.wait(ended, "RUNNING")
    do = "mutation($i: ID!) { %s(input: { instanceId: $i }) { userErrors { message } } }"
    zoo.ask(do % "instanceTerminate", i=ended)
    zoo.ask(do % "instancePause", i=instance_id)
    paused = zoo.wait(instance_id, "PAUSED")
    until(lambda: zoo.instance(ended)["phase"] == "TERMINATED")
    paused = zoo.instance(instance_id)
    zoo.stop()

    with start_zoo(zoo.folder) as again:
        again.wait(instance_id, "PAUSED")
        found = until(lambda: number(row(again, instance_id), "loaded") and row(again, instance_id))
        assert (found["attempt"], found["stats"]["step"]) == (2, paused["stats"]["step"])
        assert again.instance(ended)["phase"] == "TERMINATED"
        again.ask(do % "instanceResume", i=instance_id)
        until(lambda: row(again, instance_id)["stats"]["step"] > paused["stats"]["step"])


def test_damaged_checkpoint_fails_the_instance_and_says_so(
    learner: tuple[HostedZoo, str], start_zoo: ZooStarter
) -> None:
    """A flipped bit on the disk is found before the model sees it; the zoo and other instances go on."""
    zoo, instance_id = learner
    zoo.stop()
    saved = zoo.state_dir / "bucket" / "objects" / "runs"
    (stored,) = [path for path in saved.rglob("*") if path.is_file()]
    data = stored.read_bytes()
    stored.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    with start_zoo(zoo.folder) as again:
        found = until(lambda: (now := row(again, instance_id))["phase"] == "FAILED" and now)
        assert found["failure"]["code"] == "DATA_CORRUPT"
        assert "the checkpoint is damaged" in found["failure"]["message"]
        assert number(found, "loaded") is None
        again.wait(again.launch(), "RUNNING")


def test_killed_runner_without_a_checkpoint_is_lost(learner: tuple[HostedZoo, str]) -> None:
    """kill -9 leaves nothing to start from, and that is what it says."""
    zoo, instance_id = learner
    (runner,) = zoo.runners()
    runner.kill()
    found = until(lambda: (now := row(zoo, instance_id))["phase"] == "LOST" and now)
    assert "killed by SIGKILL" in found["failure"]["message"]
    assert "no checkpoint to start again from" in found["failure"]["message"]


def test_killed_runner_starts_again_from_the_checkpoint_but_not_for_ever(
    learner: tuple[HostedZoo, str], start_zoo: ZooStarter
) -> None:
    """Crashes after a restart: three attempts from one checkpoint, then LOST with where the checkpoint is kept."""
    zoo, instance_id = learner
    zoo.runners()[0].send_signal(signal.SIGTERM)
    until(lambda: row(zoo, instance_id)["attempt"] == 2)
    for attempt in (2, 3, 4):
        until(lambda attempt=attempt: row(zoo, instance_id)["attempt"] == attempt)  # type: ignore[misc]
        zoo.wait(instance_id, "RUNNING")
        (runner,) = zoo.runners()
        runner.kill()
        until(lambda runner=runner: not runner.is_running())  # type: ignore[misc]
    found = until(lambda: (now := row(zoo, instance_id))["phase"] == "LOST" and now)
    assert found["attempt"] == 4
    assert "3 attempts in a row crashed" in found["failure"]["message"]
    assert f"runs/{instance_id}/1/checkpoints/" in found["failure"]["message"]


FORGETFUL = """
class Forgetful:
    def act(self, observation):
        return 1

    def save(self, path):
        pass
"""


def test_who_cannot_be_saved_is_lost_and_idle_worlds_come_back(tmp_path: Path, start_zoo: ZooStarter) -> None:
    """A model with save and without load says why it is gone; a world in which nothing has happened starts anew."""
    furnish(tmp_path, TINY_ZOO + "    autostart: true\n", {"pole.py": FORGETFUL})
    worlds = "{ environmentInstances { nodes { id phase } } }"

    def running(zoo: HostedZoo) -> list[dict[str, Any]]:
        rows = zoo.ask(worlds)["environmentInstances"]["nodes"]
        return [world for world in rows if world["phase"] == "RUNNING"]

    with start_zoo(tmp_path) as zoo:
        (world,) = until(lambda: running(zoo))
        instance_id = zoo.launch()
        until(lambda: row(zoo, instance_id)["stats"]["step"] > 0)
        assert stopped_at(zoo) < 5
        with start_zoo(tmp_path) as again:
            found = row(again, instance_id)
            (idle,) = until(lambda: running(again))
    assert found["phase"] == "LOST"
    assert "it was asked to leave; it left no checkpoint" in found["failure"]["message"]
    warned = [each["message"] for each in found["events"]["nodes"] if each["kind"] == "WARNING"]
    why = "the model has no load, and its constructor takes no save_path"
    assert warned == [f"it leaves without a checkpoint: {why}"]
    assert idle["id"] == world["id"]
