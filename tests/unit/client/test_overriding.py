"""The Python client: rules on the signals of an instance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.errors import InvalidInput

from tests.fakes.zoo_api import FakeZoo, instance_row, naps


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.instances = [instance_row("Rex")]
    return fake


@pytest.fixture
def zoo(fake: FakeZoo) -> Iterator[Zookeeper]:
    with Zookeeper("http://zoo.test", transport=fake.transport, sleep=naps([])) as zoo:
        yield zoo


def asked(fake: FakeZoo) -> dict[str, Any]:
    name, given = fake.asked[-1]
    assert name == "overrideSet"
    return {key: value for key, value in given.items() if key not in {"instanceId", "path"}}


def test_a_rule_is_sent_as_it_was_given(zoo: Zookeeper, fake: FakeZoo) -> None:
    """And nothing else; arrays and numbers that JSON has not come as the zoo takes them."""
    rex = zoo["Rex"]
    made = rex.override("outputs.steer", 0.5, steps=100)
    assert asked(fake) == {"rule": "SET", "value": 0.5, "expiresInSteps": 100}
    assert (made.id, made.rule, made.value, made.applied_at_step, made.author) == ("ovr_1", "set", 0.5, 7, "operator")

    rex.override("weights.w", np.array([1.0, 2.0], np.float32))
    assert asked(fake)["value"] == {"dtype": "float32", "shape": [2], "data": "AACAPwAAAEA="}
    rex.override("weights.w", [1.0, math.nan, -math.inf], allow_non_finite=True)
    assert asked(fake) == {"rule": "SET", "value": [1.0, "NaN", "-Infinity"], "allowNonFinite": True}
    rex.override("outputs.steer", rule="clamp", low=-1, high=[0.5, 1], seconds=2.5)
    assert asked(fake) == {"rule": "CLAMP", "low": -1, "high": [0.5, 1], "expiresInSeconds": 2.5}
    rex.override("outputs.steer", 1, rule="blend", weight=0.25, index=(1,))
    assert asked(fake) == {"rule": "BLEND", "value": 1, "weight": 0.25, "index": [1]}
    rex.override("action", rule="patch", recording="rec_1", from_step=10)
    assert asked(fake) == {"rule": "PATCH", "patch": {"recordingId": "rec_1", "fromStep": 10.0, "path": None}}


def test_rules_are_listed_and_cleared(zoo: Zookeeper, fake: FakeZoo) -> None:
    """In a table that says what each does; by the rule, its id, its path, or all."""
    rex = zoo["Rex"]
    rule = rex.override("outputs.steer", 0.5, index=[1])
    rex.override("action", rule="clamp", low=0)
    rex.override("weights.w", 2, rule="scale")
    rex.override("weights.w", 2, rule="blend", weight=0.5)
    rex.override("action", rule="patch", recording="rec_1", from_step=10)

    table = rex.overrides()
    assert [each.terms for each in table] == [
        "set to 0.5 at [1]",
        "clamp from 0",
        "scale by 2",
        "blend with 2 by 0.5",
        "patch from step 10 of rec_1",
    ]
    assert repr(table).splitlines()[0].split()[:4] == ["path", "rule", "since", "step"]

    rex.clear_overrides(rule).clear_overrides("weights.w").clear_overrides()
    assert [given for name, given in fake.asked if name == "overrideClear"] == [
        {"instanceId": "ins_rex", "overrideId": "ovr_1"},
        {"instanceId": "ins_rex", "path": "weights.w"},
        {"instanceId": "ins_rex"},
    ]


def test_what_cannot_stand_says_why(zoo: Zookeeper, fake: FakeZoo) -> None:
    """As the zoo's refusal; half a patch is refused before it is sent."""
    fake.user_errors = [{"code": "INVALID_INPUT", "message": "outputs.steer is float32[2]", "path": ["input", "value"]}]
    with pytest.raises(InvalidInput, match=r"outputs\.steer is float32"):
        zoo["Rex"].override("outputs.steer", [1, 2, 3])
    with pytest.raises(InvalidInput, match="a patch needs the recording"):
        zoo["Rex"].override("outputs.steer", rule="patch", from_step=1)
