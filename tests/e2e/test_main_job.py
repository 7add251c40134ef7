"""The main job, as a user does it: launch, watch, steer and end agents in a real zoo, through the Python client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.client import Instance, Value, Zookeeper
from ainimal_zookeeper.domain.errors import InvalidInput, InvalidTransition, LimitReached

from tests.e2e.hosting import HostedZoo, furnish, until

AINIMALS = Path(__file__).parents[2] / "ainimals"

CONFIGURATION = f"""
name: main job
model_hubs:
  - {{type: local_filesystem, root: models}}
models:
  - {{path: {AINIMALS}/parrot.py, class_name: Parrot}}
  - {{path: {AINIMALS}/pong.py, class_name: PongPlayer}}
environments:
  - {{name: Line, path: worlds/line.py}}
  - {{name: Lines, path: worlds/gym_line.py, class_name: GymLine, num_envs: 3}}
  - {{name: Spec line, type: dm_env.Env, path: worlds/spec_line.py, class_name: SpecLine}}
  - {{name: Old line, path: worlds/old_line.py}}
  - {{name: Started, path: worlds/line.py, autostart: true}}
  - {{name: Pong, path: {AINIMALS}/pong.py, class_name: Pong, max_connected: 2, step_timeout: 0.5}}
launch:
  - {{model: Walker, environment: Line, name: from the start, parameters: {{stride: 0}}}}
"""

FILES = {
    "worlds/line.py": """
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
    "worlds/gym_line.py": """
import gymnasium
import numpy as np

class GymLine(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.full(2, self.steps, np.float32), float(action), self.steps == 10, False, {}
""",
    "worlds/spec_line.py": """
import dm_env
import numpy as np
from dm_env import specs

class SpecLine(dm_env.Environment):
    def observation_spec(self):
        return specs.Array((2,), np.float32, "place")

    def action_spec(self):
        return specs.DiscreteArray(3, name="move")

    def reset(self):
        self.steps = 0
        return dm_env.restart(np.zeros(2, np.float32))

    def step(self, action):
        self.steps += 1
        make = dm_env.termination if self.steps == 10 else dm_env.transition
        return make(float(action), np.full(2, self.steps, np.float32))
""",
    "worlds/old_line.py": """
import numpy as np
from gymnasium import spaces

class OldLine:
    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Discrete(3)

    def reset(self):
        self.steps = 0
        return np.zeros(2, np.float32)

    def step(self, action):
        self.steps += 1
        return np.full(2, self.steps, np.float32), float(action), self.steps == 10, {}
""",
    "models/walker.py": """
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
        if self.lessons <= 3:
            print(f"lesson {self.lessons}")
        return {"loss": 1.0 / self.lessons}
""",
    "models/plain.py": """
class Plain:
    def act(self, observation):
        return 2
""",
    "models/together.py": """
import numpy as np
from ainimal_zookeeper import AInimal

class Together(AInimal):
    VECTORIZED = True

    def forward(self, inputs):
        (batch,) = inputs.values()
        assert batch.shape == (3, 2), batch.shape
        return {"action": np.arange(len(batch))}
""",
    "models/awaited.py": """
import asyncio
from ainimal_zookeeper import AInimal

class Awaited(AInimal):
    async def forward(self, inputs):
        await asyncio.sleep(0)
        return {"move": 2}
""",
    "models/generated.py": """
from ainimal_zookeeper import AInimal

class Generated(AInimal):
    def forward(self, inputs):
        yield {"move": 0}
        yield {"move": 2}
""",
}


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostedZoo]:
    folder = tmp_path_factory.mktemp("main_job")
    furnish(folder, CONFIGURATION, FILES)
    zoo = HostedZoo(folder, "--port", "0")
    try:
        assert zoo.url
        yield zoo
    finally:
        zoo.close()
    assert "Traceback" not in zoo.output


@pytest.fixture(scope="module")
def zoo(hosted: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(hosted.url) as client:
        yield client


@contextmanager
def launched(zoo: Zookeeper, model: str, *arguments: Any, **wanted: Any) -> Iterator[Instance]:
    """An instance that ends with the block."""
    instance = zoo.launch(model, *arguments, timeout_s=30, **wanted)
    try:
        yield instance
    finally:
        if not instance.refresh().ended:
            instance.terminate()


def first(instance: Instance, path: str, **wanted: Any) -> Value:
    """The next value of one signal."""
    values = instance.watch(path, **wanted)
    try:
        return next(iter(values))
    finally:
        values.close()  # type: ignore[attr-defined]


def goes_on(instance: Instance, steps: int = 0) -> None:
    """Waits until it has made more than `steps` steps from now on."""
    begun = first(instance, "env.reward")
    next(value for value in instance.watch("env.reward", rate=20) if value.step > begun.step + steps)


def step_of(instance: Instance) -> int:
    """Its step when it last reported: at once while it is held, every few seconds while it runs."""
    return instance.refresh().info.stats.step


def test_an_agent_is_launched_with_parameters_watched_and_ended(zoo: Zookeeper) -> None:
    """Inputs, action, picture, reward and metrics arrive while it runs; its end is final."""
    with launched(zoo, "Walker", "Line", name="watched", parameters={"stride": 2}, seed=3, tags=("e2e",)) as walker:
        assert walker.info.parameters == {"stride": 2}
        assert (walker.info.seed, walker.info.tags, walker.name) == (3, ("e2e",), "watched")
        seen = {
            value.path: value for value in _each_once(walker, "inputs.place", "action", "env.reward", "state.lessons")
        }
        assert seen["inputs.place"].value.shape == (2,)
        assert seen["inputs.place"].value[0] == 2 * seen["inputs.place"].value[1]
        assert seen["action"].value == 2
        assert seen["env.reward"].value == 2.0
        picture = first(walker, "env.frame", reduce="jpeg", max_size=32)
        assert picture.content.encoding == "JPEG"  # type: ignore[union-attr]
        assert picture.value.shape == (24, 32, 3)
        assert 0 < first(walker, "metrics.loss").value <= 1.0
        walker.terminate().wait("TERMINATED", timeout_s=20)
    assert walker.info.ended_at is not None
    with pytest.raises(InvalidTransition, match="ended"):
        walker.resume()


def _each_once(instance: Instance, *paths: str) -> Iterator[Value]:
    missing = set(paths)
    for value in instance.watch(*paths, rate=20):
        if value.path in missing:
            missing.remove(value.path)
            yield value
        if not missing:
            return


def test_a_mode_change_is_acknowledged_with_its_step(zoo: Zookeeper) -> None:
    """The acknowledgement names the step, and from there on the mode holds."""
    with launched(zoo, "Walker", "Line") as walker:
        assert walker.info.mode == "both"
        before = step_of(walker)
        walker.mode("inference").settled()
        assert walker.info.mode == "inference"
        assert walker.info.acknowledged_at_step is not None
        assert walker.info.acknowledged_at_step >= before
        lessons = first(walker, "state.lessons")
        assert (
            next(v for v in walker.watch("state.lessons", rate=50) if v.step > lessons.step + 100).value
            == lessons.value
        )
        walker.mode("training").settled()
        held = walker.info.acknowledged_at_step
        assert next(v for v in walker.watch("state.lessons", rate=50) if v.value > lessons.value).step == held


def test_while_paused_it_makes_exactly_the_steps_that_are_granted(zoo: Zookeeper) -> None:
    """Pause holds at a step, single steps are counted one by one in the world too, resume goes on."""
    with launched(zoo, "Walker", "Line", mode="inference") as walker:
        walker.pause().settled()
        assert walker.phase == "PAUSED"
        held = walker.info.acknowledged_at_step
        assert held is not None
        place = first(walker, "inputs.place")
        for count in (1, 4, 2):
            walker.step(count)
            held += count
            until(lambda held=held: step_of(walker) == held, timeout_s=5)  # type: ignore[misc]
        after = first(walker, "inputs.place")
        assert after.step == held
        assert (after.value[1] - place.value[1]) % 500 == 7
        assert walker.phase == "PAUSED"
        walker.resume().settled()
        goes_on(walker)
        with pytest.raises(InvalidTransition, match="paused"):
            walker.step(1)


def test_an_instance_launched_paused_waits_before_its_first_step(zoo: Zookeeper) -> None:
    """It is there, PAUSED, at step 0, until it is told to go."""
    with launched(zoo, "Walker", "Line", paused=True) as walker:
        assert (walker.phase, step_of(walker)) == ("PAUSED", 0)
        walker.resume().wait("RUNNING", timeout_s=15)
        goes_on(walker)


def test_a_rate_is_kept(zoo: Zookeeper) -> None:
    """Over a second and more, steps per second are as asked."""
    with launched(zoo, "Walker", "Line", mode="inference") as walker:
        walker.rate(60).settled()
        values = walker.watch("inputs.place", rate=60)
        start = next(values)
        end = next(value for value in values if value.step >= start.step + 90)
        took_s = (datetime.fromisoformat(end.time) - datetime.fromisoformat(start.time)).total_seconds()
        assert (end.step - start.step) / took_s == pytest.approx(60, rel=0.15)
        walker.rate(None).settled()
        assert walker.info.rate is None
        with pytest.raises(InvalidInput, match="stepsPerSecond"):
            walker.rate(-1)


def test_a_reset_starts_the_next_episode(zoo: Zookeeper) -> None:
    """The world begins anew; the step count goes on."""
    with launched(zoo, "Walker", "Line", paused=True, mode="inference") as walker:
        walker.step(5)
        until(lambda: step_of(walker) == 5, timeout_s=15)
        walker.reset().settled()
        walker.step(2)
        until(lambda: step_of(walker) == 7, timeout_s=15)
        # Inputs are those that the last action was chosen by.
        assert first(walker, "inputs.place").value.tolist() == [1, 1]


def test_a_log_is_followed_to_its_end(zoo: Zookeeper) -> None:
    """Lines printed before and after the look arrive once, in order, and the iterator ends with the instance."""
    with launched(zoo, "Walker", "Line", paused=True) as walker:
        texts: list[str] = []
        for line in walker.logs(follow=True):
            texts.append(line.text)
            if line.text == "stride 1":
                walker.resume()
            if line.text == "lesson 3":
                walker.terminate()
        assert [text for text in texts if text.startswith(("stride", "lesson"))] == [
            "stride 1",
            "lesson 1",
            "lesson 2",
            "lesson 3",
        ]
        walker.wait("TERMINATED", timeout_s=15)
        assert [line.text for line in walker.logs() if line.text.startswith("lesson")] == texts[1:4]


def test_metrics_cover_the_whole_run(zoo: Zookeeper) -> None:
    """A page opened after the end shows the curve from the first step to the last."""
    with launched(zoo, "Walker", "Line") as walker:
        goes_on(walker, 3000)
        walker.terminate().wait("TERMINATED", timeout_s=20)
        last = walker.info.stats.step
        series = walker.metrics("env.reward", "metrics.loss", points=50)
        loss = series["metrics.loss"]
        assert loss.steps[0] <= last * 0.1
        assert loss.steps[-1] >= last * 0.9
        assert len(loss.steps) <= 50
        assert list(loss.steps) == sorted(loss.steps)
        assert loss.maximum[0] == 1.0
        assert loss.mean[-1] < loss.mean[0]
        assert set(series["env.reward"].mean) == {1.0}


def test_two_join_a_world_and_a_third_is_refused(zoo: Zookeeper) -> None:
    """A world that was launched on its own waits for players, steps with them, and outlives them."""
    world = zoo.launch_world("Pong", speed=2.0)
    try:
        until(lambda: zoo.world(world.id).phase == "RUNNING", timeout_s=30)
        with launched(zoo, "PongPlayer", join=world.id, name="left") as left:
            with launched(zoo, "PongPlayer", join=world.id, name="right") as right:
                assert set(zoo.world(world.id).connected) == {"left", "right"}
                with pytest.raises(LimitReached, match="2"):
                    zoo.launch("PongPlayer", join=world.id, wait=False)
                for player in (left, right):
                    assert first(player, "inputs.field").value.shape == (5,)
                    goes_on(player, 20)
            until(lambda: zoo.world(world.id).connected == ("left",), timeout_s=10)
            with launched(zoo, "PongPlayer", join=world.id, name="again") as again:
                goes_on(again, 5)
    finally:
        zoo.terminate_world(world.id)
    until(lambda: zoo.world(world.id).phase == "TERMINATED", timeout_s=20)


def test_a_model_without_a_world_answers_by_conversation(zoo: Zookeeper) -> None:
    """Each conversation has its own recurrent state; bad inputs are refused and harm nothing."""
    with launched(zoo, "Parrot", seed=1, parameters={"length": 12}) as parrot:
        assert len(parrot.infer({"text": "the parrot "}, conversation="one")["text"]) == 12
        assert float(parrot.infer({"text": "a tiger"}, conversation="two")["surprise"]) > 0
        assert first(parrot, "state.heard").content is not None
        with pytest.raises(InvalidInput, match="text"):
            parrot.infer({"txet": "the parrot"})
        with pytest.raises(InvalidInput, match="text"):
            parrot.infer({"text": 5})
        assert len(parrot.infer({"text": "who"})["text"]) == 12


def test_what_the_configuration_starts_is_there_from_the_start(zoo: Zookeeper) -> None:
    """An autostart world and a `launch` run without anybody asking, with what the configuration says."""
    until(lambda: [world for world in zoo.worlds() if world.environment == "Started" and world.phase == "RUNNING"])
    begun = zoo.instance("from the start").wait("RUNNING", timeout_s=30)
    assert begun.info.parameters == {"stride": 0}
    assert first(begun, "action").value == 0
    (started,) = (world for world in zoo.worlds() if world.environment == "Started")
    with launched(zoo, "Walker", join=started.id) as guest:
        until(lambda: step_of(guest) > 5, timeout_s=20)


def test_a_repeated_command_gives_the_same_instance(zoo: Zookeeper) -> None:
    """Whoever sends a launch twice for want of an answer has one instance."""
    with launched(zoo, "Walker", "Line", command_id="cmd-e2e") as walker:
        again = zoo.launch("Walker", "Line", command_id="cmd-e2e", wait=False)
        assert again.id == walker.id
    assert zoo.launch("Walker", "Line", command_id="cmd-e2e", wait=False).id == walker.id


def test_a_change_on_an_outdated_look_is_refused(zoo: Zookeeper, hosted: HostedZoo) -> None:
    """With `expectedGeneration` of the past the answer is CONFLICT and nothing has changed."""
    with launched(zoo, "Walker", "Line") as walker:
        walker.rate(50)
        generation = walker.info.generation
        for name, more in (
            ("instancePause", {}),
            ("instanceTerminate", {}),
            ("instanceModeSet", {"mode": {"training": False, "inference": True}}),
            ("instanceRateSet", {"stepsPerSecond": 7}),
        ):
            kind = {"instanceModeSet": "InstanceModeSetInput", "instanceRateSet": "InstanceRateSetInput"}
            answer = hosted.ask(
                f"mutation($i: {kind.get(name, 'InstanceInput')}!) {{ {name}(input: $i) {{ userErrors {{ code }} }} }}",
                i={"instanceId": walker.id, "expectedGeneration": generation - 1, **more},
            )
            assert answer[name]["userErrors"] == [{"code": "CONFLICT"}], name
        info = walker.refresh().info
        assert (info.generation, info.desired_phase, info.mode, info.rate) == (generation, "RUNNING", "both", 50)


@pytest.mark.parametrize(
    ("model", "environment", "path", "value"),
    [
        ("Together", "Lines", "action", [0, 1, 2]),
        ("Plain", "Lines", "action", [2, 2, 2]),
        ("Plain", "Spec line", "action", 2),
        ("Plain", "Old line", "env.reward", 2.0),
        ("Awaited", "Line", "action", 2),
        ("Generated", "Line", "action", 2),
    ],
)
def test_every_kind_of_world_and_forward_plays(
    zoo: Zookeeper, model: str, environment: str, path: str, value: Any
) -> None:
    """Vectors, dm_env, old gym, async and generators: each acts as it says and sees its episodes end."""
    with launched(zoo, model, environment) as player:
        assert np.asarray(first(player, path).value).tolist() == value
        assert first(player, "metrics.episode_return").value >= 0
