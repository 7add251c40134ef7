"""`zoo override`: what is typed becomes a rule, and rules are listed and cleared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ainimal_zookeeper.cli.connection import Connector
from ainimal_zookeeper.cli.main import zoo
from ainimal_zookeeper.client import Zookeeper
from click.testing import CliRunner, Result

from tests.fakes.zoo_api import FakeZoo, instance_row


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.instances = [instance_row("Rex")]
    return fake


def override(fake: FakeZoo, *arguments: str) -> Result:
    connector = Connector(lambda url: Zookeeper(url, transport=fake.transport, sleep=lambda _seconds: None))
    return CliRunner().invoke(zoo, ["override", *arguments], obj=connector)


def asked(fake: FakeZoo) -> dict[str, Any]:
    return {key: value for key, value in fake.asked[-1][1].items() if key not in {"instanceId", "path"}}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-0.5"], {"rule": "SET", "value": -0.5}),
        (["[0, 1]", "--steps", "100", "--index", "0,3"],
         {"rule": "SET", "value": [0, 1], "expiresInSteps": 100, "index": [0, 3]}),
        (["go home"], {"rule": "SET", "value": "go home"}),
        (["--rule", "clamp", "--low", "-1", "--high", "[1, 2]", "--seconds", "3"],
         {"rule": "CLAMP", "low": -1, "high": [1, 2], "expiresInSeconds": 3.0}),
        (["2", "--rule", "blend", "--weight", "0.5"], {"rule": "BLEND", "value": 2, "weight": 0.5}),
        (["NaN", "--allow-non-finite"], {"rule": "SET", "value": "NaN", "allowNonFinite": True}),
        (["--rule", "patch", "--recording", "rec_1", "--from-step", "5"],
         {"rule": "PATCH", "patch": {"recordingId": "rec_1", "path": None, "fromStep": 5.0}}),
    ],
)  # fmt: skip
def test_what_is_typed_becomes_a_rule(fake: FakeZoo, arguments: list[str], expected: dict[str, Any]) -> None:
    """Values are JSON, or text; a minus begins a number and no option."""
    result = override(fake, "set", "Rex", "outputs.steer", *arguments)
    assert result.exit_code == 0, result.output
    assert asked(fake) == expected


def test_a_rule_is_shown_listed_and_cleared(fake: FakeZoo) -> None:
    """In words, or as the API has it."""
    assert override(fake, "ls", "Rex").output == "no rule stands; let one: zoo override set INSTANCE PATH VALUE\n"
    assert override(fake, "set", "Rex", "outputs.steer", "0.5").output == "outputs.steer: set to 0.5 (ovr_1)\n"
    listed = override(fake, "ls", "Rex").output.splitlines()
    assert listed[1].split() == ["outputs.steer", "set", "to", "0.5", "7", "operator", "ovr_1"]
    (row,) = json.loads(override(fake, "--json", "ls", "Rex").output)
    assert (row["rule"], row["value"]) == ("SET", 0.5)
    assert override(fake, "clear", "Rex", "ovr_1").output == "1 rule left on Rex\n"
    assert asked(fake) == {"overrideId": "ovr_1"}
    assert override(fake, "clear", "Rex", "outputs.steer").exit_code == 0
    assert fake.asked[-1][1] == {"instanceId": "ins_rex", "path": "outputs.steer"}


def test_a_rule_that_does_not_stand_is_not_cleared(fake: FakeZoo) -> None:
    """A path or an id with a mistake in it is told, with the rules that there are; nothing is asked."""
    assert override(fake, "set", "Rex", "outputs.steer", "0.5").exit_code == 0
    refused = override(fake, "clear", "Rex", "outputs.ster")

    assert refused.exit_code == 3
    assert "no rule 'outputs.ster' stands on Rex; there are: outputs.steer (ovr_1)" in refused.output
    assert [name for name, _ in fake.asked] == ["overrideSet"]


def test_a_bad_index_is_refused_before_anything_is_asked(fake: FakeZoo) -> None:
    """Whole numbers with commas."""
    result = override(fake, "set", "Rex", "outputs.steer", "1", "--index", "a")
    assert result.exit_code != 0
    assert "--index is 'a'" in result.output
    assert fake.asked == []
