"""Scripts of all sorts in a zoo, each with at most five lines more than it had."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.client import Instance, Zookeeper
from ainimal_zookeeper.recording import Ranges, Recording

from tests.conftest import give_up
from tests.e2e.attached.scripts import Script, added_lines
from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until

NEEDS = {
    "plain_pytorch": "torch",
    "single_file_ppo": "torch",
    "jax_loop": "jax",
    "sb3_ppo": "stable_baselines3",
    "lightning_fit": "lightning",
}
WEIGHTS = {
    "plain_pytorch": "weights.0.bias",
    "single_file_ppo": "weights.actor.0.bias",
    "jax_loop": "state.hidden.bias",
    "sb3_ppo": "weights.action_net.bias",
    "lightning_fit": "weights.net.0.bias",
}
HAS_ENVIRONMENT = ("single_file_ppo", "sb3_ppo")
LIGHT = ("plain_pytorch", "single_file_ppo", "jax_loop")
ALL = [*LIGHT, *(pytest.param(name, marks=pytest.mark.slow) for name in ("sb3_ppo", "lightning_fit"))]


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory, start_zoo: ZooStarter) -> Iterator[HostedZoo]:
    folder = tmp_path_factory.mktemp("zoo")
    furnish(folder)
    with start_zoo(folder) as zoo:
        yield zoo


@pytest.fixture
def zoo(hosted: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(hosted.url) as client:
        yield client


@pytest.mark.parametrize("name", NEEDS)
def test_five_lines_are_enough(name: str) -> None:
    """The import among them."""
    assert 1 < len(added_lines(name)) <= 5


@pytest.mark.parametrize("name", ALL)
def test_a_script_lives_in_the_zoo(name: str, hosted: HostedZoo, zoo: Zookeeper, tmp_path: Path) -> None:
    """It appears, is charted, watched, held, overridden, saved, sent back, recorded, and ends as its user likes."""
    if find_spec(NEEDS[name]) is None:
        give_up(f"{NEEDS[name]} is not installed; run make foreign")
    with Script(name, zoo, tmp_path) as script:
        instance = script.instance()
        assert instance.name.startswith(name)
        _is_charted(instance, "env.reward" if name in HAS_ENVIRONMENT else "metrics.loss")
        weights = WEIGHTS[name]
        known = until(lambda: {row["path"]: row for row in instance.signals()} if _shows(instance, weights) else None)
        if name in HAS_ENVIRONMENT:
            assert np.ndim(_value(instance, "env.frame")) == 3
        _is_held(instance)
        before = _value(instance, weights)
        checkpoint = instance.save_checkpoint()
        if known[weights]["overridable"]:
            _is_overridden(instance, weights)
        if name in HAS_ENVIRONMENT:
            _is_overridden(instance, "action")
        instance.resume()
        if name in HAS_ENVIRONMENT:
            _is_driven(instance)
        until(lambda: not np.array_equal(_value(instance, weights), before) or None)
        instance.pause()
        instance.wait("PAUSED")
        instance.restore(checkpoint)
        assert np.array_equal(_value(instance, weights), before)
        assert instance.refresh().info.timeline == 2
        instance.resume()
        _is_recorded(hosted, instance, ["inputs.*", "action"] if name in HAS_ENVIRONMENT else ["metrics.loss"])
        status = script.interrupt()
        ended = instance.refresh()

    assert status in {0, 1, -signal.SIGINT, 128 + signal.SIGINT}, script.output
    assert ended.phase == "TERMINATED", script.output


def _is_charted(instance: Instance, path: str) -> None:
    until(lambda: path in instance.metrics() or None)


def _shows(instance: Instance, path: str) -> bool:
    return any(row["path"] == path for row in instance.signals())


def _value(instance: Instance, path: str) -> Any:
    return next(iter(instance.watch(path, rate=10))).value


def _is_held(instance: Instance) -> None:
    """A pause holds it, a step lets it make one."""
    instance.pause()
    held = instance.wait("PAUSED").info.stats.step
    instance.step(2)
    until(lambda: instance.refresh().info.stats.step == held + 2 or None)


def _is_overridden(instance: Instance, path: str) -> None:
    """A rule is what holds, as long as it stands; the script is paused before and after."""
    rule = instance.override(path, 0.0 if path != "action" else 1)
    step = instance.info.stats.step
    instance.step(3)
    until(lambda: instance.refresh().info.stats.step >= step + 3 or None)
    (value,) = {float(each) for each in np.ravel(_value(instance, path))}
    instance.clear_overrides(rule)

    assert value == (0.0 if path != "action" else 1.0)


def _is_driven(instance: Instance) -> None:
    """What somebody sends is what the environment gets."""
    with instance.drive() as wheel:
        for wanted in (1, 0):
            wheel.send(wanted)
            until(lambda wanted=wanted: bool(np.all(_value(instance, "action") == wanted)) or None)  # type: ignore[misc]


def _is_recorded(zoo: HostedZoo, instance: Instance, signals: list[str]) -> None:
    """A recording of some seconds holds every step, in order."""
    begun = _recording(zoo, "Start", {"instanceId": instance.id, "signals": signals})["id"]
    first = instance.refresh().info.stats.step
    until(lambda: instance.refresh().info.stats.step > first + 20 or None)
    _recording(zoo, "Stop", {"recordingId": begun})
    query = "query($i: ID!) { recording(id: $i) { phase signals access { baseUrl headers } } }"
    sealed = until(lambda: row if (row := zoo.ask(query, i=begun)["recording"])["phase"] != "OPEN" else None)
    assert sealed["phase"] == "SEALED"
    with closing(Recording.open(Ranges(sealed["access"]["baseUrl"], sealed["access"]["headers"]))) as read:
        steps = read.read(sealed["signals"][0], 0, 2**53)[0]

    assert len(steps) > 2
    assert np.all(np.diff(steps) >= 1)


def _recording(zoo: HostedZoo, verb: str, given: dict[str, Any]) -> dict[str, Any]:
    query = (
        f"mutation($i: Recording{'Start' if verb == 'Start' else ''}Input!) {{ recording{verb}(input: $i)"
        " { recording { id } userErrors { message } } }"
    )
    answer = zoo.ask(query, i=given)[f"recording{verb}"]
    assert answer["userErrors"] == []
    made: dict[str, Any] = answer["recording"]
    return made
