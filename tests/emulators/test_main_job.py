"""The main job as it is deployed: functions behind functions-framework, launches by Pub/Sub push, on the emulators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ainimal_zookeeper.client import Instance, Value, Zookeeper
from ainimal_zookeeper.domain.errors import AlreadyExists, InvalidInput, InvalidTransition

from tests.e2e.hosting import until
from tests.emulators.deployed import DeployedZoo, deployed

pytestmark = pytest.mark.emulators

AINIMALS = Path(__file__).parents[2] / "ainimals"

CONFIGURATION = f"""
name: deployed
models:
  - {{path: walker.py, class_name: Walker}}
  - {{path: {AINIMALS}/parrot.py, class_name: Parrot}}
  - {{path: {AINIMALS}/pong.py, class_name: PongPlayer}}
environments:
  - {{name: Line, path: line.py}}
  - {{name: Pong, path: {AINIMALS}/pong.py, class_name: Pong, max_connected: 2, step_timeout: 0.5}}
"""
FILES = {
    "walker.py": """
import json
from pathlib import Path
from ainimal_zookeeper import AInimal

class Walker(AInimal):
    AINIMAL_PARAMETERS = [{"name": "stride", "type": "int", "default": 1, "range": [0, 2]}]
    TRAIN_EVERY = 20

    def __init__(self, stride=1):
        self.stride = stride
        self.lessons = 0
        print(f"stride {stride}")

    @property
    def state(self):
        return {"lessons": self.lessons}

    def forward(self, inputs):
        return {"move": self.stride}

    def train(self, trajectory):
        self.lessons += 1
        return {"loss": 1.0 / self.lessons}

    def save(self, path):
        (Path(path) / "lessons.json").write_text(json.dumps(self.lessons))

    def load(self, path):
        self.lessons = json.loads((Path(path) / "lessons.json").read_text())
        print("loaded", self.lessons, flush=True)
""",
    "line.py": """
import numpy as np
from ainimal_zookeeper import Env, Modality

class Line(Env):
    observation_modalities = {"place": Modality.vector("place", 2)}
    action_modalities = {"move": Modality.discrete("move", 3)}

    def reset(self, seed=None):
        self.place, self.steps = 0, 0
        return self.seen()

    def step(self, action):
        self.place += int(action)
        self.steps += 1
        return self.seen(), float(action), self.steps == 500, False, {}

    def seen(self):
        return np.array([self.place, self.steps], np.float32)

    def render(self):
        return np.full((48, 64, 3), self.steps % 256, np.uint8)
""",
}


@pytest.fixture(scope="module")
def hosted(
    tmp_path_factory: pytest.TempPathFactory,
    firestore_emulator: None,
    pubsub_emulator: None,
    storage_emulator: None,
) -> Iterator[DeployedZoo]:
    with deployed(tmp_path_factory.mktemp("deployed"), CONFIGURATION, FILES) as zoo:
        yield zoo
        assert not zoo.doubles()
    assert "Traceback" not in zoo.output


@pytest.fixture(scope="module")
def zoo(hosted: DeployedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(hosted.url) as client:
        yield client


def first(instance: Instance, path: str) -> Value:
    """The next value of one signal."""
    values = instance.watch(path, rate=20)
    try:
        return next(iter(values))
    finally:
        values.close()  # type: ignore[attr-defined]


def step_of(instance: Instance) -> int:
    return instance.refresh().info.stats.step


def test_an_agent_is_launched_watched_steered_and_ended(hosted: DeployedZoo, zoo: Zookeeper) -> None:
    """Values stream while it runs; each change is acknowledged with its step; its log arrives; its end is final."""
    walker = zoo.launch("Walker", "Line", name="watched", parameters={"stride": 2}, seed=3, timeout_s=60)
    place = first(walker, "inputs.place")
    assert place.value[0] == 2 * place.value[1]
    assert first(walker, "action").value == 2
    assert 0 < first(walker, "metrics.loss").value <= 1.0

    walker.mode("inference").settled()
    assert (walker.info.mode, walker.info.attempt) == ("inference", 1)
    assert walker.info.acknowledged_at_step is not None
    assert walker.info.acknowledged_at_step >= place.step

    walker.pause().settled()
    held = walker.info.acknowledged_at_step
    assert (walker.phase, held) == ("PAUSED", step_of(walker))
    walker.step(3)
    until(lambda: step_of(walker) == held + 3, timeout_s=20)
    episode = walker.info.stats.episode
    walker.reset().settled()
    walker.resume().wait("RUNNING", timeout_s=20)
    until(lambda: walker.refresh().info.stats.episode > episode, timeout_s=30)

    until(lambda: "stride 2" in [line.text for line in walker.logs()], timeout_s=20)
    walker.terminate().wait("TERMINATED", timeout_s=30)
    with pytest.raises(InvalidTransition, match="ended"):
        walker.resume()
    until(lambda: walker.id not in {start.instance_id for start in hosted.runners()}, timeout_s=20)


def test_a_model_answers_by_conversation(zoo: Zookeeper) -> None:
    """Inference goes through the API to the runner and back; bad inputs are refused and harm nothing."""
    parrot = zoo.launch("Parrot", seed=1, parameters={"length": 12}, timeout_s=60)
    assert len(parrot.infer({"text": "the parrot "}, conversation="one")["text"]) == 12
    with pytest.raises(InvalidInput, match="text"):
        parrot.infer({"txet": "the parrot"})
    assert len(parrot.infer({"text": "who"})["text"]) == 12
    parrot.terminate().wait("TERMINATED", timeout_s=30)


def test_two_instances_meet_in_one_world(zoo: Zookeeper) -> None:
    """Both take a seat in the environment instance, play, and leave it; it starts over when asked, and ends."""
    world = zoo.launch_world("Pong", timeout_s=60)
    players = [zoo.launch("PongPlayer", join=world.id, name=name, wait=False) for name in ("left", "right")]
    for player in players:
        player.wait("RUNNING", timeout_s=60)
        assert np.shape(first(player, "inputs.field").value) == (5,)
    until(lambda: set(zoo.world(world.id).connected) == {"left", "right"}, timeout_s=30)
    zoo.reset_world(world.id)
    begun = first(players[0], "env.reward").step
    next(value for value in players[0].watch("env.reward", rate=20) if value.step > begun + 20)
    for player in players:
        player.terminate().wait("TERMINATED", timeout_s=30)
    zoo.terminate_world(world.id)
    until(lambda: zoo.world(world.id).phase == "TERMINATED", timeout_s=30)


def test_an_instance_goes_back_in_its_process(zoo: Zookeeper) -> None:
    """It is saved, learns on, and is what it was on the next timeline; what it grows from there has that parent."""
    walker = zoo.launch("Walker", "Line", name="returner", timeout_s=60)
    until(lambda: first(walker, "state.lessons").value >= 3)
    steady = walker.save_checkpoint("steady")
    with pytest.raises(AlreadyExists, match="steady"):
        walker.save_checkpoint("steady")
    until(lambda: first(walker, "state.lessons").step > steady.step + 200)

    walker.restore(steady)

    assert (walker.info.attempt, walker.info.timeline) == (1, 2)
    seen = first(walker, "state.lessons")
    assert (seen.timeline, seen.step >= steady.step) == (2, True)
    again = walker.save_checkpoint()
    assert (again.timeline, again.parents) == (2, (steady.commit,))
    until(lambda: walker.metrics("metrics.loss")["metrics.loss"].timeline == 2, timeout_s=30)
    walker.terminate().wait("TERMINATED", timeout_s=30)


def test_a_killed_runner_starts_again_from_its_checkpoint(hosted: DeployedZoo, zoo: Zookeeper) -> None:
    """A runner that must leave uploads what it learnt under its own prefix; after a kill -9 the next begins there."""
    walker = zoo.launch("Walker", "Line", name="survivor", timeout_s=60)
    until(lambda: first(walker, "state.lessons").value >= 3)
    hosted.runner(walker.id).terminate()
    until(lambda: walker.refresh().info.attempt == 2, timeout_s=30)
    walker.wait("RUNNING", timeout_s=60)
    (saved,) = hosted.bucket.list(f"runs/{walker.id}/")
    assert saved.name.startswith(f"runs/{walker.id}/1/checkpoints/")
    row = hosted.row(walker.id)
    assert row is not None
    assert row["status"]["checkpoint"] is not None
    assert row["status"]["checkpoint"]["object"] == saved.name

    hosted.runner(walker.id).kill()
    until(lambda: walker.refresh().info.attempt == 3, timeout_s=30)
    walker.wait("RUNNING", timeout_s=60)
    assert walker.info.timeline == 3
    assert first(walker, "state.lessons").step >= row["status"]["checkpoint"]["step"]
    loaded = until(lambda: [line.text for line in walker.logs() if line.text.startswith("loaded ")][1:], timeout_s=20)
    assert int(loaded[0].split()[1]) >= 3
    walker.terminate().wait("TERMINATED", timeout_s=30)
