"""Rules on the signals of an instance that runs: set by a client, seen by all, held through whatever comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.client import Instance, Value, Zookeeper
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound

from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until

ZOO = """
name: rules
models:
  - {path: pupil.py, rate: 200}
  - {path: oracle.py}
environments:
  - {path: mirror.py}
"""
PUPIL = """
import numpy as np
from ainimal_zookeeper import AInimal

class Pupil(AInimal):
    TRAIN_EVERY = 5

    def __init__(self):
        self.gain = np.array([0.25, 0.0], np.float32)
        self.lessons = 0

    def forward(self, inputs):
        hidden = self.tap("hidden", inputs["seen"] * 0 + self.gain)
        return {"steer": np.float32(hidden.sum())}

    def train(self, traj):
        self.lessons += 1
        self.gain[1] -= 0.001
        return float(self.gain[0])
"""
ORACLE = """
from ainimal_zookeeper import AInimal, Modality

class Oracle(AInimal):
    input_modalities = {"x": Modality.scalar("x")}
    output_modalities = {"y": Modality.scalar("y")}

    def forward(self, inputs):
        return {"y": float(inputs["x"]) * 2}
"""
MIRROR = """
import numpy as np
from ainimal_zookeeper import Env, Modality

class Mirror(Env):
    observation_modalities = {"seen": Modality.vector("seen", 2)}
    action_modalities = {"steer": Modality.scalar("steer", -1, 1)}

    def reset(self, seed=None):
        return np.zeros(2, np.float32)

    def step(self, action):
        return np.full(2, action, np.float32), float(action), False, False, {}
"""


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory, start_zoo: ZooStarter) -> Iterator[HostedZoo]:
    folder: Path = tmp_path_factory.mktemp("rules")
    furnish(folder, ZOO, {"pupil.py": PUPIL, "oracle.py": ORACLE, "mirror.py": MIRROR})
    with start_zoo(folder) as started:
        yield started


@pytest.fixture
def zoo(hosted: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(hosted.url) as client:
        yield client


@pytest.fixture
def pupil(zoo: Zookeeper) -> Iterator[Instance]:
    launched = zoo.launch("Pupil", "Mirror", seed=1, mode="both").wait()
    until(lambda: "activations.hidden" in {row["path"] for row in launched.signals()})
    yield launched
    launched.terminate().wait("TERMINATED")


def first(instance: Instance, path: str, wanted: Callable[[Value], bool] = bool) -> Value:
    """Returns the first value of a signal that is as wanted, or any."""
    return next(value for value in instance.watch(path, rate=100) if wanted(value))


def events(hosted: HostedZoo, instance: Instance) -> list[str]:
    query = "query($i: ID!) { instance(id: $i) { events(first: 50) { nodes { kind message } } } }"
    nodes: list[dict[str, Any]] = hosted.ask(query, i=instance.id)["instance"]["events"]["nodes"]
    return [node["message"] for node in nodes if node["kind"] in {"OVERRIDE", "WARNING"}]


def test_an_action_is_overridden_until_its_steps_are_over(hosted: HostedZoo, pupil: Instance) -> None:
    """It is seen as such by who watches, the world gets it, and the events say who did what."""
    rule = pupil.override("action", -0.75, steps=100)
    seen = first(pupil, "action", lambda value: value.overridden)
    assert seen.value == -0.75
    (told,) = until(lambda: [each for each in pupil.overrides() if each.applied_at_step is not None])
    assert (told.id, told.author) == (rule.id, "operator")
    assert told.applied_at_step is not None
    assert told.expires_at_step == told.applied_at_step + 100
    assert first(pupil, "env.reward", lambda value: value.step > seen.step).value in {-0.75, 0.25}

    back = first(pupil, "action", lambda value: not value.overridden and value.step > seen.step)
    assert back.step > told.expires_at_step
    until(lambda: not pupil.overrides())
    assert events(hosted, pupil)[::-1] == [
        "overrides action: SET to -0.75, for 100 steps",
        "overrides action (SET) no more, it has expired",
    ]


def test_each_plane_can_be_overridden(pupil: Instance) -> None:
    """Inputs, activations, weights and outputs: each changes what is done, and clearing undoes all of it."""
    before = float(first(pupil, "action").value)
    pupil.override("outputs.steer", 0.5, rule="blend", weight=1.0)
    assert first(pupil, "action", lambda value: value.overridden or value.value == 0.5).value == 0.5
    pupil.clear_overrides("outputs.steer")
    pupil.override("activations.hidden", [0.5, 0.125])
    assert first(pupil, "action", lambda value: value.value == 0.625).step
    assert first(pupil, "activations.hidden", lambda value: value.overridden).value.tolist() == [0.5, 0.125]
    pupil.clear_overrides()
    pupil.override("weights.gain", 0.125, index=[0])
    assert first(pupil, "weights.gain", lambda value: value.overridden).value[0] == 0.125
    pupil.override("inputs.seen", 3)
    assert first(pupil, "inputs.seen", lambda value: value.overridden).value.max() < 3
    pupil.clear_overrides()
    undone = first(pupil, "weights.gain", lambda value: not value.overridden)

    assert undone.value[0] == 0.25
    assert 0 < before <= 0.25


def test_a_weight_is_held_through_training_saving_going_back_and_a_new_process(
    hosted: HostedZoo, pupil: Instance
) -> None:
    """Pause, checkpoint, restore and SIGKILL: the rule holds, and what lies underneath comes back when it ends."""
    rule = pupil.override("weights.gain", 0.5, index=[0])
    assert first(pupil, "weights.gain", lambda value: value.overridden).value[0] == 0.5
    lessons = first(pupil, "state.lessons").value
    assert first(pupil, "state.lessons", lambda value: value.value > lessons + 3).value > lessons
    held = first(pupil, "weights.gain").value
    assert held[0] == 0.5
    assert held[1] < 0  # what no rule is about goes on learning

    began = pupil.refresh().info.timeline
    pupil.pause(save="ruled").settled().wait("PAUSED")
    pupil.restore("ruled").step(3).settled().resume()
    assert first(pupil, "weights.gain", lambda value: value.timeline == began + 1 and value.overridden).value[0] == 0.5
    assert [each.id for each in pupil.overrides()] == [rule.id]

    for runner in hosted.runners():
        if pupil.id in " ".join(runner.cmdline()) or pupil.id in runner.environ().get("ZOO_INSTANCE", ""):
            runner.kill()
    until(lambda: pupil.refresh().info.attempt == 2 and pupil.info.phase == "RUNNING")
    again = first(pupil, "weights.gain", lambda value: value.overridden and value.timeline == began + 2)
    assert again.value[0] == 0.5
    pupil.clear_overrides(rule)
    assert first(pupil, "weights.gain", lambda value: not value.overridden).value[0] == 0.25


def test_a_checkpoint_holds_what_lies_underneath(zoo: Zookeeper, pupil: Instance) -> None:
    """Another instance that starts from it has the weights of before the rule, and no rule."""
    pupil.override("weights.gain", 0.875, index=[0])
    first(pupil, "weights.gain", lambda value: value.overridden)
    saved = pupil.save_checkpoint("beneath")
    other = zoo.launch("Pupil", "Mirror", checkpoint=saved.id, mode="inference").wait()
    until(lambda: [row for row in other.signals() if row["path"] == "weights.gain"])

    assert first(other, "weights.gain").value[0] == 0.25
    assert other.overrides() == []
    other.terminate().wait("TERMINATED")


def test_a_rule_expires_by_time_while_everything_is_paused(pupil: Instance) -> None:
    """And another one is set meanwhile, which holds from the first step on."""
    pupil.pause().settled()
    pupil.override("weights.gain", 1, seconds=0.5)
    until(lambda: not pupil.overrides())
    pupil.override("action", 0.75)
    pupil.step(1).settled()
    assert first(pupil, "action", lambda value: value.overridden).value == 0.75
    pupil.clear_overrides().resume()


def test_the_answer_of_a_model_without_a_world_is_overridden(zoo: Zookeeper) -> None:
    """What it is asked and what it answers."""
    oracle = zoo.launch("Oracle", mode="inference").wait()
    until(oracle.signals)
    oracle.override("outputs.y", rule="clamp", high=5)
    oracle.settled()
    assert [oracle.infer({"x": x})["y"] for x in (1, 100)] == [2, 5]
    oracle.override("inputs.x", 2)
    oracle.settled()
    assert oracle.infer({"x": 100})["y"] == 4
    assert first(oracle, "outputs.y").overridden is False
    oracle.clear_overrides().settled()
    assert oracle.infer({"x": 100})["y"] == 200
    oracle.terminate().wait("TERMINATED")


def test_what_cannot_stand_is_refused_with_what_would_fit(pupil: Instance) -> None:
    """Through the whole zoo, with the signals that the model really has."""
    with pytest.raises(InvalidInput, match=r"weights\.gain is float32\[2\]; value has the shape \[3\]"):
        pupil.override("weights.gain", [1, 2, 3])
    with pytest.raises(NotFound, match=r"did you mean weights\.gain"):
        pupil.override("weights.gian", 1)
    with pytest.raises(InvalidInput, match="above 1"):
        pupil.override("action", 1.5)
    with pytest.raises(InvalidInput, match="not finite"):
        pupil.override("weights.gain", float("nan"))
    with pytest.raises(InvalidInput, match=r"env\.reward cannot be overridden"):
        pupil.override("env.reward", 1)


def test_a_recording_is_patched_in_step_by_step(pupil: Instance) -> None:
    """What was done while it was recorded is done again, in the same order, until the recording ends."""
    recording = pupil.record(["action"])
    until(lambda: pupil.refresh().info.stats.step > recording.first_step + 100)
    sealed = pupil.stop_recording()
    recorded = sealed.open()
    steps, _, _, values = recorded.read("action")
    recorded.close()
    done = dict(zip(steps.tolist(), values.ravel().tolist(), strict=True))
    begin = int(steps[10])
    with pytest.raises(InvalidInput, match=r"has no outputs\.steer"):
        pupil.override("outputs.steer", rule="patch", recording=sealed.id, from_step=begin)

    pupil.override("action", rule="patch", recording=sealed.id, from_step=begin)
    (rule,) = until(lambda: [each for each in pupil.overrides() if each.applied_at_step is not None])
    assert rule.applied_at_step is not None
    offset = begin - rule.applied_at_step - 1
    seen = first(pupil, "action", lambda value: value.overridden)
    assert seen.value == pytest.approx(done[seen.step + offset], abs=1e-7)
    until(lambda: not pupil.overrides())
    assert first(pupil, "action", lambda value: not value.overridden).step > max(done) - offset
