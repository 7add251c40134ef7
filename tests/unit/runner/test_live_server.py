"""The live server, spoken to over loopback, while the test is the step thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.documents import SignalDoc
from ainimal_zookeeper.modality import Modality
from zookeeper_runner.bell import Bell
from zookeeper_runner.console import Lines
from zookeeper_runner.live.port import address_of, listen
from zookeeper_runner.live.server import LiveServer
from zookeeper_runner.live.viewer import LARGE_BYTES
from zookeeper_runner.session import Session
from zookeeper_runner.signals import Signals

from tests.fakes.live_client import LiveClient
from tests.fakes.runner_link import launch_of

ELEMENTS = LARGE_BYTES // 4 + 1


def signal(path: str, *shape: int) -> SignalDoc:
    modality = Modality.vector(path, shape).to_document()
    return {"path": path, "modality": modality, "observable": True, "overridable": False}


class Served:
    """A runner of which only what is watched is there."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.session = Session(launch_of(), self.bell)
        self.signals = Signals(self.bell)
        self.signals.catalogue = {each["path"]: each for each in (signal("inputs.large", ELEMENTS), signal("action"))}
        listening = listen("127.0.0.1", 0)
        self.server = LiveServer(listening, self.session, self.signals, Lines(), None, None)
        self.server.start()
        self.client = LiveClient(address_of(listening), self.session.launch["liveToken"])

    def step(self, **moment: Any) -> None:
        for name, value in moment.items():
            setattr(self.signals.moment, name, value)
        self.signals.moment.version += 1
        self.signals.moment.step += 1

    def until(self, asked: Callable[[], bool]) -> None:
        """Waits for requests as a step thread does between its steps."""
        while not asked():
            self.bell.answer()
            if not asked():
                self.bell.wait(10)

    def close(self) -> None:
        self.client.close()
        self.server.close("the test is over")


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.close()


def test_a_large_value_keeps_no_small_one_waiting(served: Served) -> None:
    """What takes long to reduce is reduced beside the rest, in full and right."""
    served.step(inputs={"large": np.ones(ELEMENTS, np.float32)}, action=np.float32(0.5))
    served.client.watch(1, "inputs.large", reduce="STATISTICS")
    served.client.watch(2, "action")
    served.until(lambda: len(served.signals._wanted) == 2)
    served.signals.serve()
    assert served.client.value(2)["scalar"] == 0.5
    told = served.client.value(1)["statistics"]
    assert (told["count"], told["mean"], told["std"], told["max"]) == (ELEMENTS, 1.0, 0.0, 1.0)


def test_a_part_that_does_not_fit_ends_that_watch_alone(served: Served) -> None:
    """The problem names the watch; another one of the same signal goes on."""
    served.step(inputs={"large": np.arange(ELEMENTS, dtype=np.float32)})
    served.client.watch(1, "inputs.large", index=[ELEMENTS])
    served.client.watch(2, "inputs.large", index=[7])
    served.until(lambda: len(served.signals._wanted) == 2)
    served.signals.serve()
    assert served.client.value(2)["scalar"] == 7.0
    assert served.client.until(lambda message: message["type"] == "problem")["id"] == 1


def test_who_drives_what_cannot_be_driven_is_told(served: Served) -> None:
    """While the model loads, or without a world, a control message is answered."""
    served.client.send({"type": "control", "id": 3, "lease": "ctl_1", "values": {}, "sequence": 1})
    answer = served.client.until(lambda message: message["type"] == "controlled")
    assert (answer["id"], answer["code"]) == (3, "INVALID_TRANSITION")
    served.client.send({"type": "control", "id": 4})
    assert served.client.until(lambda message: message.get("id") == 4)["code"] == "INVALID_TRANSITION"
