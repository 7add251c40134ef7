"""`zoo checkpoint diff`, and `--save` of the verbs that hold or end an instance."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ainimal_zookeeper.cli.connection import Connector
from ainimal_zookeeper.cli.main import zoo
from ainimal_zookeeper.client import Zookeeper
from click.testing import CliRunner, Result

from tests.fakes.zoo_api import FakeZoo, checkpoint_row, instance_row, model_row, tensor_diff_row

Zoo = Callable[..., Result]

TENSORS = [tensor_diff_row("policy.weight"), tensor_diff_row("policy.bias", "added")]
PARAMETERS = {"rate": {"from": 0.1, "to": 0.3}}


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.models = [model_row("Painter")]
    fake.instances = [instance_row("Rex")]
    fake.checkpoints = [checkpoint_row("calm", 20), checkpoint_row("wild", 10)]
    fake.differences = {("calm", "wild"): {"tensors": TENSORS, "parameters": PARAMETERS}}
    return fake


@pytest.fixture
def run(fake: FakeZoo) -> Zoo:
    connector = Connector(lambda url: Zookeeper(url, transport=fake.transport, sleep=lambda _seconds: None))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(zoo, arguments, obj=connector, catch_exceptions=False)

    return run


class TestDiff:
    """`zoo checkpoint diff`."""

    @pytest.mark.parametrize("more", [[], ["--model", "Painter"]])
    def test_what_differs_is_two_tables(self, run: Zoo, more: list[str]) -> None:
        """Tensors, then parameters."""
        assert run("checkpoint", "diff", "calm", "wild", *more).stdout == (
            "path           change   norm  relative  shape  dtype\n"
            "policy.weight  changed  2     25.00%    2x2    float32\n"
            "policy.bias    added                    2x2    float32\n"
            "\n"
            "parameter  from  to\n"
            "rate       0.1   0.3\n"
        )

    @pytest.mark.parametrize(
        ("difference", "said"),
        [
            ({"tensors": [], "parameters": PARAMETERS}, "parameter  from  to\nrate       0.1   0.3\n"),
            ({"tensors": TENSORS[:1], "parameters": {}}, "policy.weight  changed  2     25.00%    2x2    float32\n"),
        ],
    )
    def test_a_table_without_lines_is_left_out(
        self, run: Zoo, fake: FakeZoo, difference: dict[str, Any], said: str
    ) -> None:
        """Where only the one or the other differs."""
        fake.differences["calm", "wild"] = difference
        result = run("checkpoint", "diff", "calm", "wild")
        assert result.stdout.endswith(said)
        assert "\n\n" not in result.stdout

    def test_nothing_that_differs_is_said(self, run: Zoo, fake: FakeZoo) -> None:
        """Where people read it; what is piped on is empty."""
        fake.differences["calm", "wild"] = {"tensors": [], "parameters": {}}
        result = run("checkpoint", "diff", "calm", "wild")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "nothing differs\n")

    def test_it_answers_in_json(self, run: Zoo) -> None:
        """As the API gave it."""
        found = json.loads(run("checkpoint", "diff", "calm", "wild", "--json").stdout)
        assert found == {"tensors": TENSORS, "parameters": PARAMETERS}

    def test_one_that_is_not_there_is_named(self, run: Zoo) -> None:
        """The status is that of what is not found."""
        result = run("checkpoint", "diff", "calm", "mild")
        assert result.exit_code == 3
        assert "there is no checkpoint 'mild'" in result.stderr


class TestSave:
    """`--save` of `zoo pause` and `zoo terminate`."""

    @pytest.mark.parametrize(
        ("arguments", "tag"),
        [(["Rex", "--save"], None), (["--save", "calm", "Rex"], "calm"), (["Rex", "--save=x"], "x")],
    )
    @pytest.mark.parametrize(("verb", "then"), [("pause", []), ("terminate", ["instanceTerminate"])])
    def test_it_is_held_then_saved(
        self, run: Zoo, fake: FakeZoo, verb: str, then: list[str], arguments: list[str], tag: str | None
    ) -> None:
        """Under a tag, or a name that the zoo makes up; one sentence says so."""
        result = run(verb, *arguments)
        assert [name for name, _given in fake.asked] == ["instancePause", "checkpointSave", *then]
        assert fake.asked[1][1].get("tag") == tag
        assert result.stdout.splitlines()[0] == f"Rex is saved as calm (chk_{20:040x}): step 20, 2,048 bytes"

    def test_the_checkpoint_is_in_the_json(self, run: Zoo) -> None:
        """Beside what is always there."""
        found = json.loads(run("pause", "Rex", "--save", "--json").stdout)
        assert (found["id"], found["checkpoint"]["tag"]) == ("ins_rex", "calm")
        assert "checkpoint" not in json.loads(run("pause", "Rex", "--json").stdout)

    def test_what_cannot_be_saved_does_not_end(self, run: Zoo, fake: FakeZoo) -> None:
        """The message says that it lives, and the status why it was not saved."""
        fake.not_saved = [{"code": "ALREADY_EXISTS", "message": "there is a tag calm already"}]
        result = run("terminate", "Rex", "--save", "calm")
        assert result.exit_code == 4
        assert "there is a tag calm already; it is not terminated" in result.stderr
        assert "instanceTerminate" not in [name for name, _given in fake.asked]
