"""A whole zoo replays what it has recorded: from the agent that ran, over the bucket, to the report."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from ainimal_zookeeper.client import Instance, Value, Zookeeper
from ainimal_zookeeper.domain.errors import InvalidInput

from tests.conftest import give_up
from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until
from tests.unit.runner.test_replaying import AINIMALS, RECURRENT

ZOO = f"""
name: replays
models:
  - {{path: {AINIMALS / "balancer.py"}, class_name: Balancer, rate: 600}}
  - {{path: recurrent.py, class_name: Recurrent, rate: 600}}
environments:
  - {{name: CartPole, type: gymnasium, env_name: CartPole-v1, init_params: {{max_episode_steps: 15}}}}
"""
START = """mutation($i:RecordingStartInput!){recordingStart(input:$i){recording{id firstStep}
  userErrors{code message}}}"""
STOP = """mutation($i:RecordingInput!){recordingStop(input:$i){recording{id phase firstStep lastStep problem}
  userErrors{code message}}}"""
STEPS = 1_000


@pytest.fixture(scope="module")
def replays(tmp_path_factory: pytest.TempPathFactory, start_zoo: ZooStarter) -> Iterator[HostedZoo]:
    folder = tmp_path_factory.mktemp("zoo")
    furnish(folder, ZOO, {"recurrent.py": RECURRENT})
    with start_zoo(folder) as hosted:
        yield hosted


@pytest.fixture
def client(replays: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(replays.url) as zoo:
        yield zoo


def asked(hosted: HostedZoo, mutation: str, **input: Any) -> dict[str, Any]:
    (answer,) = hosted.ask(mutation, i=input).values()
    assert not answer["userErrors"], answer["userErrors"]
    recording: dict[str, Any] = answer["recording"]
    return recording


def at_step(instance: Instance, step: float) -> None:
    """Waits until it has made so many steps."""
    with closing(cast("Generator[Value]", instance.watch("env.reward", rate=20))) as values:
        assert any(value.step >= step for value in values)


def recorded(hosted: HostedZoo, instance: Instance, signals: list[str]) -> dict[str, Any]:
    """Records a thousand steps of an instance, with a rule on its inputs and somebody at its wheel for a while."""
    begun = asked(hosted, START, instanceId=instance.id, signals=signals)
    first = begun["firstStep"]
    at_step(instance, first + 200)
    rule = instance.override("inputs.observation", 0.5, rule="scale")
    at_step(instance, first + 400)
    with instance.drive() as wheel:
        wheel.send(1)
        at_step(instance, first + 500)
    at_step(instance, first + 700)
    instance.clear_overrides(rule)
    at_step(instance, first + STEPS)
    sealed = asked(hosted, STOP, recordingId=begun["id"])
    assert (sealed["phase"], sealed["problem"]) == ("SEALED", None)
    return sealed


def test_what_was_recorded_comes_to_the_same(replays: HostedZoo, client: Zookeeper, tmp_path: Path) -> None:
    """A numpy agent that learns, from truncated episodes too, with a rule and a takeover: identical, and exported."""
    instance = client.launch("Balancer", "CartPole", seed=3)
    signals = ["inputs.*", "outputs.*", "action", "env.reward", "weights.*"]
    sealed = recorded(replays, instance, signals)

    replayed = client.replay(sealed["id"]).wait("TERMINATED", timeout_s=60)

    report = replayed.replay()
    assert report is not None
    assert report.identical, report
    assert report.compared_steps == sealed["lastStep"] - sealed["firstStep"] + 1 >= STEPS
    assert replayed.info.stats.step == sealed["lastStep"]

    later = instance.save_checkpoint()
    other = client.replay(sealed["id"], checkpoint=later, to_step=int(sealed["firstStep"]) + 50)
    report = other.wait("TERMINATED", timeout_s=60).replay()
    assert report is not None
    assert report.first is not None
    assert report.first.path.startswith("weights.")
    assert report.first.step == sealed["firstStep"]
    instance.terminate()

    file = client.export_recording(sealed["id"], "NPZ", tmp_path / "run.npz", signals=["action"])
    with np.load(file) as found:
        assert found["action/steps"][-1] == sealed["lastStep"]
    with pytest.raises(InvalidInput, match="holds"):
        client.replay(sealed["id"], from_step=1)


def test_an_environment_does_the_same_once_more(replays: HostedZoo, client: Zookeeper) -> None:
    """From its first step on: with nothing but its seed, and with the recorded actions in another of its kind."""
    instance = client.launch("Balancer", "CartPole", seed=5, paused=True)
    begun = asked(replays, START, instanceId=instance.id)
    instance.resume()
    at_step(instance, 300)
    sealed = asked(replays, STOP, recordingId=begun["id"])
    instance.terminate()

    anew = client.replay(sealed["id"], planes=[])
    driven = client.replay(sealed["id"], environment="CartPole")

    for each in (anew, driven):
        report = each.wait("TERMINATED", timeout_s=60).replay()
        assert report is not None
        assert report.identical, report
        assert report.compared_steps == sealed["lastStep"] >= 300
    assert report.planes == ("OUTPUTS",)


def test_an_interrupted_replay_begins_anew(replays: HostedZoo, client: Zookeeper) -> None:
    """When its runner is killed the next attempt compares all steps, not those that were left."""
    instance = client.launch("Balancer", "CartPole", seed=6, paused=True)
    begun = asked(replays, START, instanceId=instance.id)
    instance.resume()
    at_step(instance, 400)
    sealed = asked(replays, STOP, recordingId=begun["id"])
    instance.terminate()
    instance.wait("TERMINATED")

    replayed = client.replay(sealed["id"]).rate(50)
    at_step(replayed, 20)
    (runner,) = (each for each in replays.runners() if each.environ().get("ZOO_INSTANCE") == replayed.id)
    runner.kill()
    until(lambda: replayed.refresh().info.attempt > 1)
    report = replayed.rate(None).wait("TERMINATED", timeout_s=60).replay()

    assert report is not None
    assert report.identical, report
    assert report.compared_steps == sealed["lastStep"] - sealed["firstStep"] + 1 >= 400


def test_a_recurrent_torch_agent_comes_to_the_same(replays: HostedZoo, client: Zookeeper) -> None:
    """In the middle of an episode, with its hidden state, chance, handovers, activations and weights."""
    try:
        import torch  # noqa: F401
    except ImportError:
        give_up("torch is not installed; run make foreign")
    instance = client.launch("Recurrent", "CartPole", seed=4)
    until(lambda: any(row["path"] == "activations.cell" for row in instance.signals()))
    sealed = recorded(replays, instance, ["inputs.*", "outputs.*", "action", "activations.cell", "weights.*"])
    instance.terminate()

    report = client.replay(sealed["id"]).wait("TERMINATED", timeout_s=90).replay()

    assert report is not None
    assert report.identical, report
    assert report.compared_steps >= STEPS
