"""Whatever people bring, the zoo says what is wrong, where, and what to do; and everything else goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.errors import InvalidInput, LimitReached, ZookeeperError

from .conftest import ZooStarter

MODELS = {
    "steady.py": """
class Steady:
    def act(self, observation):
        return 0
""",
    "misspelt.py": """
class Misspelt:
    def act(self, observation)
        return 0
""",
    "breaks_in_init.py": """
class BreaksInInit:
    def __init__(self):
        raise RuntimeError("no batteries")
    def act(self, observation):
        return 0
""",
    "breaks_late.py": """
class BreaksLate:
    def __init__(self):
        self.count = 0
    def act(self, observation):
        self.count += 1
        if self.count == 30:
            return {}["missing"]
        return 0
""",
    "not_a_number.py": """
from ainimal_zookeeper import AInimal
class NotANumber(AInimal):
    def forward(self, inputs):
        return {"action": float("nan")}
""",
    "wrong_shape.py": """
import numpy as np
from ainimal_zookeeper import AInimal
class WrongShape(AInimal):
    def forward(self, inputs):
        return {"action": np.zeros((2, 3))}
""",
    "wrong_keys.py": """
from ainimal_zookeeper import AInimal
class WrongKeys(AInimal):
    def forward(self, inputs):
        return {"steering": 0}
""",
    "choosy.py": """
from ainimal_zookeeper import AInimal
class Choosy(AInimal):
    AINIMAL_PARAMETERS = [{"name": "depth", "type": "int", "default": 3, "range": [1, 10]}]
    def __init__(self, depth):
        self.depth = depth
    def forward(self, inputs):
        return {"action": 0}
""",
    "quits.py": """
import os
class Quits:
    def act(self, observation):
        os._exit(7)
""",
}

WORLDS = """
from gymnasium.spaces import Discrete


class BreaksInReset:
    action_space = Discrete(2)
    def reset(self):
        raise OSError("the door is locked")
    def step(self, action):
        return 0.0, 0.0, False, {}


class BreaksInStep:
    action_space = Discrete(2)
    def reset(self):
        return 0.0
    def step(self, action):
        raise ArithmeticError("the floor gave way")
"""

CONFIGURATION = """
from ainimal_zookeeper import GymnasiumEnvironment, LocalModelProvider, PythonEnvironment, Server

server = Server(
    name="Trouble",
    model_providers=[LocalModelProvider(root={root!r})],
    environments=[
        GymnasiumEnvironment(name="CartPole", env_name="CartPole-v1"),
        GymnasiumEnvironment(name="Single", env_name="CartPole-v1", max_instances=1),
        PythonEnvironment(name="BreaksInReset", path={worlds!r}, class_name="BreaksInReset"),
        PythonEnvironment(name="BreaksInStep", path={worlds!r}, class_name="BreaksInStep"),
    ],
)
"""


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory, start_zoo: ZooStarter) -> Iterator[Zookeeper]:
    folder: Path = tmp_path_factory.mktemp("trouble")
    root = folder / "models"
    root.mkdir()
    for name, source in MODELS.items():
        (root / name).write_text(source)
    worlds = folder / "worlds.py"
    worlds.write_text(WORLDS)
    configuration = folder / "zoo.py"
    configuration.write_text(CONFIGURATION.format(root=str(root), worlds=str(worlds)))
    with start_zoo(configuration) as running, Zookeeper(running.url) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def bystander(zoo: Zookeeper) -> Iterator[None]:
    """An instance that must not notice anything of what goes wrong around it."""
    steady = zoo.launch("Steady", environment="CartPole", name="bystander")
    steady.rate(50)
    yield
    before = steady.refresh()
    assert before.phase == "RUNNING"
    steady.pause()
    steady.wait("PAUSED")
    step = steady.refresh().info.stats.step
    assert step > 0
    steady.terminate()
    steady.wait("TERMINATED")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("BreaksInInit", ["no batteries", "breaks_in_init.py"]),
        ("BreaksLate", ["missing", "breaks_late.py"]),
        ("NotANumber", ["action"]),
        ("WrongShape", ["action", "[2, 3]"]),
        ("WrongKeys", ["steering", "action"]),
    ],
)
def test_a_model_that_fails_ends_its_own_instance_with_the_reason(zoo: Zookeeper, model: str, says: list[str]) -> None:
    """A fault in a model makes its instance FAILED with code, message and traceback that lead to the line."""
    instance = zoo.launch(model, environment="CartPole", wait=False)

    instance.wait("FAILED", timeout_s=30)

    info = instance.refresh().info
    assert info.failure_code == "AINIMAL_FAULT"
    told = f"{info.failure}\n{info.traceback or ''}"
    for words in says:
        assert words in told


@pytest.mark.parametrize(
    ("environment", "says"),
    [("BreaksInReset", "the door is locked"), ("BreaksInStep", "the floor gave way")],
)
def test_an_environment_that_fails_is_told_apart_from_the_model(zoo: Zookeeper, environment: str, says: str) -> None:
    """A fault in an environment is an ENV_FAULT with the author's own words and the place."""
    instance = zoo.launch("Steady", environment=environment, wait=False)

    instance.wait("FAILED", timeout_s=30)

    info = instance.refresh().info
    assert info.failure_code == "ENV_FAULT"
    assert says in (info.failure or "")
    assert "worlds.py" in (info.traceback or "")


def test_a_process_that_dies_without_a_word_is_lost_with_its_exit_status(zoo: Zookeeper) -> None:
    """A runner that leaves by itself is noticed, and the exit status is shown."""
    instance = zoo.launch("Quits", environment="CartPole", wait=False)

    instance.wait("LOST", timeout_s=30)

    assert "status 7" in (instance.refresh().info.failure or "")


def test_a_model_file_with_a_syntax_error_is_listed_with_its_line_and_cannot_be_launched(zoo: Zookeeper) -> None:
    """A broken file does not vanish: it is shown with its line, and a launch repeats the reason."""
    broken = next(model for model in zoo.models() if "misspelt" in model.name.lower())

    assert any("misspelt.py" in finding and "3" in finding for finding in broken.findings)
    with pytest.raises(ZookeeperError, match=r"misspelt\.py"):
        zoo.launch(broken.id, environment="CartPole", wait=False)


def test_a_parameter_out_of_range_is_refused_by_name_value_and_rule(zoo: Zookeeper) -> None:
    """A bad parameter starts nothing and says which value broke which rule."""
    with pytest.raises(InvalidInput, match=r"depth.*99.*10") as caught:
        zoo.launch("Choosy", environment="CartPole", parameters={"depth": 99}, wait=False)

    assert caught.value.path[-1] == "depth"


def test_two_launches_for_one_place_give_one_instance(zoo: Zookeeper) -> None:
    """Of launches that arrive together, as many succeed as the limit allows; the others are told why."""
    outcomes: list[object] = []
    ready = threading.Barrier(4)

    def launch() -> None:
        with Zookeeper(zoo.url) as client:
            ready.wait()
            try:
                outcomes.append(client.launch("Steady", environment="Single", wait=False))
            except LimitReached as refused:
                outcomes.append(refused)

    threads = [threading.Thread(target=launch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    refused = [outcome for outcome in outcomes if isinstance(outcome, LimitReached)]
    assert len(outcomes) == 4
    assert len(refused) == 3
    assert "Single" in str(refused[0])
    assert "1" in str(refused[0])
