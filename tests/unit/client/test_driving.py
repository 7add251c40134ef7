"""The Python client: the wheel of an instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.errors import ControlHeld

from tests.fakes.zoo_api import FakeZoo, instance_row, naps

HELD = {"code": "CONTROL_HELD", "message": "ben drives ins_rex"}


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.instances = [instance_row("Rex")]
    return fake


@pytest.fixture
def zoo(fake: FakeZoo) -> Iterator[Zookeeper]:
    with Zookeeper("http://zoo.test", transport=fake.transport, sleep=naps([])) as zoo:
        yield zoo


def asked(fake: FakeZoo, name: str) -> list[dict[str, Any]]:
    return [given for mutation, given in fake.asked if mutation == name]


def test_values_are_sent_under_the_lease_until_the_block_ends(zoo: Zookeeper, fake: FakeZoo) -> None:
    """A bare value is the action's; sequences grow; the lease that was taken is the one that is released."""
    with zoo["Rex"].drive(on_silence="hold") as wheel:
        assert wheel.send(2) == 7
        assert wheel.send({"action.steer": 0.5}) == 7
    assert asked(fake, "controlAcquire") == [
        {"instanceId": "ins_rex", "paths": None, "onSilence": "HOLD", "ifFree": False}
    ]
    sent = [given for given in asked(fake, "controlSend") if given["values"]]
    assert [(each["values"], each["sequence"], each["controlId"]) for each in sent] == [
        ({"action": 2}, 1.0, "ctl_1"),
        ({"action.steer": 0.5}, 2.0, "ctl_1"),
    ]
    assert fake.asked[-1] == ("controlRelease", {"instanceId": "ins_rex"})


def test_who_has_lost_the_wheel_is_told_and_leaves_it_alone(zoo: Zookeeper, fake: FakeZoo) -> None:
    """A send is CONTROL_HELD once somebody else drives; leaving the block is no error then."""
    with zoo["Rex"].drive() as wheel:
        fake.refusals["controlSend"] = [HELD]
        with pytest.raises(ControlHeld, match="ben drives"):
            wheel.send(1)
        assert wheel.lost
        fake.refusals["controlRelease"] = [HELD]


def test_a_wheel_that_somebody_has_is_not_taken(zoo: Zookeeper, fake: FakeZoo) -> None:
    """The refusal of the zoo comes up where the block would begin."""
    fake.refusals["controlAcquire"] = [HELD]
    with pytest.raises(ControlHeld), zoo["Rex"].drive(if_free=True):
        pytest.fail("it has begun to drive")
