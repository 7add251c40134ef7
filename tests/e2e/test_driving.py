"""Driving an instance that runs, from another process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.client import Instance, Zookeeper
from ainimal_zookeeper.domain.errors import ControlHeld, InvalidInput

from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until

ZOO = """
name: road
models:
  - path: car.py
environments:
  - path: road.py
"""
CAR = """
from ainimal_zookeeper import AInimal

class Car(AInimal):
    def forward(self, inputs):
        return {"steer": -0.5, "gear": 1}

    def handover(self, driver, last_action):
        print(f"now {driver} drives, after {float(last_action['steer']):g}", flush=True)
"""
ROAD = """
import numpy as np
from ainimal_zookeeper import Env, Modality, ModalityKind

class Road(Env):
    frame_rate = 100
    observation_modalities = {"place": Modality.vector("place", 1)}
    action_modalities = {
        "steer": Modality("steer", ModalityKind.SCALAR, (), "float32", -1.0, 1.0, max_delta=0.25),
        "gear": Modality.discrete("gear", 5),
    }

    def reset(self, seed=None):
        return np.zeros(1, np.float32)

    def step(self, action):
        return np.full(1, action["steer"], np.float32), 0.0, False, False, {}
"""


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory, start_zoo: ZooStarter) -> Iterator[HostedZoo]:
    folder: Path = tmp_path_factory.mktemp("road")
    furnish(folder, ZOO, {"car.py": CAR, "road.py": ROAD})
    with start_zoo(folder) as started:
        yield started


@pytest.fixture
def car(hosted: HostedZoo) -> Iterator[Instance]:
    with Zookeeper(hosted.url) as zoo:
        launched = zoo.launch("Car", "Road", mode="inference").wait()
        until(lambda: [row for row in launched.signals() if row["path"] == "action.steer"])
        yield launched
        launched.terminate().wait("TERMINATED")


def told(car: Instance) -> list[str]:
    return [line.text for line in car.logs() if line.text.startswith("now ")]


def test_a_person_takes_the_wheel_and_gives_it_back(car: Instance) -> None:
    """What is sent takes effect at a step that is told, within max_delta of the last action; the model is told, too."""
    watched = car.watch("action.steer", "action.gear")
    with car.drive(on_silence="hold") as wheel:
        step = wheel.send({"action.steer": 0.5, "action.gear": 3})
        assert step is not None
        gear = next(value for value in watched if value.path == "action.gear" and value.step >= step)
        assert (gear.value, gear.overridden) == (3, True)
        reached = next(value for value in watched if value.path == "action.steer" and value.value == 0.5)
        assert step + 2 <= reached.step
        with pytest.raises(InvalidInput, match=r"from -1\.0 to 1\.0"):
            wheel.send({"action.steer": 7})
    back = next(value for value in watched if value.path == "action.steer" and value.value == -0.5)
    assert back.step > reached.step
    until(lambda: told(car) == ["now operator drives, after -0.5", "now model drives, after 0.5"])


def test_an_operator_takes_over_and_the_driver_is_told(car: Instance) -> None:
    """The next send of who had the wheel is CONTROL_HELD, and so is taking it politely while somebody has it."""
    with car.drive() as first:
        first.send({"action.gear": 2})
        with pytest.raises(ControlHeld), car.drive(if_free=True):
            pass
        with car.drive() as second:
            with pytest.raises(ControlHeld):
                first.send({"action.gear": 4})
            assert second.send({"action.gear": 1}) is not None
        assert first.lost


def test_a_driver_who_is_not_heard_of_lets_it_stand_still(hosted: HostedZoo, car: Instance) -> None:
    """With PAUSE, half a second after the last word nothing steps; to resume it ends the lease. All of it is told."""
    taken = ask(hosted, "controlAcquire", "ControlAcquireInput", instanceId=car.id, onSilence="PAUSE")
    assert taken["userErrors"] == []
    sent = ask(hosted, "controlSend", "ControlSendInput", instanceId=car.id, values={"action.gear": 2}, sequence=1)
    assert sent["userErrors"] == []
    car.wait("PAUSED")
    assert car.info.desired_phase == "RUNNING"
    car.resume().wait("RUNNING")
    [error] = ask(hosted, "controlSend", "ControlSendInput", instanceId=car.id, values={}, sequence=2)["userErrors"]
    assert error["code"] == "INVALID_TRANSITION"
    until(lambda: "operator is silent for 0.5 s: it stands still" in events(hosted, car))
    assert "operator takes the wheel; on silence: PAUSE" in events(hosted, car)


def ask(hosted: HostedZoo, mutation: str, kind: str, **given: Any) -> dict[str, Any]:
    query = f"mutation($i: {kind}!) {{ p: {mutation}(input: $i) {{ userErrors {{ code message }} }} }}"
    payload: dict[str, Any] = hosted.ask(query, i=given)["p"]
    return payload


def events(hosted: HostedZoo, car: Instance) -> list[str]:
    found = hosted.ask("query($i: ID!) { instance(id: $i) { events { nodes { kind message } } } }", i=car.id)
    return [each["message"] for each in found["instance"]["events"]["nodes"] if each["kind"] == "CONTROL"]
