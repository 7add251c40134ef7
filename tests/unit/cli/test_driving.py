"""`zoo drive`: values from standard input, and dials that keys turn."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ainimal_zookeeper.cli.connection import Connector
from ainimal_zookeeper.cli.driving import Dial, pressed
from ainimal_zookeeper.cli.main import zoo
from ainimal_zookeeper.client import Zookeeper
from click.testing import CliRunner, Result

from tests.fakes.zoo_api import FakeZoo, instance_row


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.instances = [instance_row("Rex")]
    return fake


def drive(fake: FakeZoo, *arguments: str, lines: str) -> Result:
    connector = Connector(lambda url: Zookeeper(url, transport=fake.transport, sleep=lambda _seconds: None))
    return CliRunner().invoke(zoo, ["drive", "Rex", *arguments], obj=connector, input=lines)


def sent(fake: FakeZoo) -> list[Any]:
    return [given["values"] for name, given in fake.asked if name == "controlSend" and given["values"]]


def test_each_line_is_a_value_or_values_by_path(fake: FakeZoo) -> None:
    """Steps come back line by line, and the wheel is released at the end of the input."""
    result = drive(fake, "--on-silence", "pause", lines='1\n\n{"action.steer": -0.5}\n[0, 1]\n')
    assert result.exit_code == 0, result.output
    assert result.stdout == "step 7\nstep 7\nstep 7\n"
    assert sent(fake) == [{"action": 1}, {"action.steer": -0.5}, {"action": [0, 1]}]
    assert fake.asked[0][1]["onSilence"] == "PAUSE"
    assert fake.asked[-1][0] == "controlRelease"


def test_as_json_each_answer_is_one_line(fake: FakeZoo) -> None:
    """What the API says, as everywhere."""
    result = drive(fake, "--json", "--path", "action", "--if-free", lines="1\n2\n")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [{"appliedAtStep": 7}] * 2
    assert (fake.asked[0][1]["paths"], fake.asked[0][1]["ifFree"]) == (["action"], True)


def test_a_line_that_is_no_json_is_named(fake: FakeZoo) -> None:
    """The wheel is released all the same."""
    result = drive(fake, lines="1\nleft\n")
    assert result.exit_code == 2
    assert "line 2 is not JSON" in result.stderr
    assert fake.asked[-1][0] == "controlRelease"


def test_somebody_else_at_the_wheel_is_an_exit_status(fake: FakeZoo) -> None:
    """CONTROL_HELD is 11."""
    fake.refusals["controlAcquire"] = [{"code": "CONTROL_HELD", "message": "ben drives"}]
    assert drive(fake, lines="1\n").exit_code == 11


def modality(kind: str, shape: list[int], low: Any = None, high: Any = None, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "shape": shape, "low": low, "high": high, "neutral": None, "labels": None, **more}


def turned(dial: Dial | None, *keys: str) -> Any:
    assert dial is not None
    for key in keys:
        dial.turn(key)
    return dial.value


@pytest.mark.parametrize(
    ("channel", "keys", "value"),
    [
        (modality("SCALAR", [], -1.0, 1.0), ["right", "right"], 0.2),
        (modality("SCALAR", [], -1.0, 1.0), ["right", "neutral"], 0.0),
        (modality("SCALAR", [], 0.0, 1.0), ["left"], 0.0),
        (modality("VECTOR", [2], [-1.0, 0.0], [1.0, 2.0]), ["left", "up"], [-0.1, 0.1]),
        (modality("VECTOR", [1], None, None), ["up"], [0.1]),
        (modality("DISCRETE", [], 0, 3), ["right", "right", "left"], 1),
        (modality("DISCRETE", [], 1, 3), ["2"], 3),
        (modality("DISCRETE", [], 0, 3), ["9"], 3),
        (modality("MULTI_DISCRETE", [2], 0, 2), ["up", "up", "up"], [0, 2]),
        (modality("SCALAR", [], -1.0, 1.0), ["x"], 0.0),
    ],
)
def test_keys_turn_a_dial_within_its_range(channel: dict[str, Any], keys: list[str], value: Any) -> None:
    """Arrows move by a tenth of half the range or by one choice, digits choose, space is neutral."""
    assert turned(Dial.of({"path": "action", "modality": channel}), *keys) == pytest.approx(value)


@pytest.mark.parametrize(
    ("read", "keys"),
    [
        ([b"\x1b[C\x1b[C", b"\x1b[D"], ["right", "right", "left"]),
        ([b"\x1b[C\x1b[C\x1b[", b"A3"], ["right", "right", "up", "3"]),
        ([b"\x1b", b"OB "], ["down", "neutral"]),
        ([b"\x1b[5~q\t"], ["\x1b[5~", "q", "next"]),
        ([b"\xc3", b"\xa4q"], ["\u00e4", "q"]),
    ],
)
def test_keys_that_come_together_are_told_apart(read: list[bytes], keys: list[str]) -> None:
    """A key that is held is repeated while a value is on its way, and bytes come as they like."""
    assert list(pressed(iter([*read, b""]).__next__)) == keys


def test_what_keys_cannot_express_has_no_dial() -> None:
    """Pictures and texts come from standard input."""
    assert Dial.of({"path": "action", "modality": modality("TEXT", [])}) is None
    assert Dial.of({"path": "action", "modality": modality("VECTOR", [2, 2])}) is None


def test_watching_asks_for_no_more_than_is_shown(fake: FakeZoo) -> None:
    """Crop and index go with the request, so that the rest is not even copied."""
    fake.streams = [[]]
    connector = Connector(lambda url: Zookeeper(url, transport=fake.transport, sleep=lambda _seconds: None))
    asked = ["watch", "Rex", "inputs.camera", "--crop", "0,4,2,6", "--index", "1,1", "--count", "1"]
    result = CliRunner().invoke(zoo, asked, obj=connector)
    assert result.exit_code == 0, result.output
    [signal] = fake.subscribed[0]["signals"]
    assert (signal["crop"], signal["index"]) == ([0, 4, 2, 6], [1, 1])
    assert CliRunner().invoke(zoo, [*asked[:3], "--crop", "0-4"], obj=connector).exit_code == 2
