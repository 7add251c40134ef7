"""The Python client: what differs between two checkpoints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from ainimal_zookeeper.client import CheckpointDiff, ParameterDiff, TensorDiff, Zookeeper
from ainimal_zookeeper.domain import errors

from tests.fakes.zoo_api import FakeZoo, checkpoint_row, instance_row, model_row, tensor_diff_row

DIFFERENCE = {
    "tensors": [
        tensor_diff_row("gone", "removed"),
        tensor_diff_row("moved", norm=0.000123, relative=None, toDtype="float64"),
        tensor_diff_row("new", "added", toShape=[]),
        tensor_diff_row("wild", "changed", norm="Infinity", relative="Infinity"),
        tensor_diff_row("wider", "reshaped", toShape=[2, 3]),
    ],
    "parameters": {"rate": {"from": 0.1, "to": 0.3}, "name": {"to": "größer"}, "old": {"from": None}},
}
NOTHING: dict[str, Any] = {"tensors": [], "parameters": {}}


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.models = [model_row("Painter"), model_row("Reader")]
    fake.instances = [instance_row("Rex")]
    fake.checkpoints = [checkpoint_row("calm", 20), checkpoint_row("wild", 10), checkpoint_row("tame", 5)]
    fake.differences = {("calm", "wild"): DIFFERENCE, ("calm", "tame"): NOTHING}
    return fake


@pytest.fixture
def zoo(fake: FakeZoo) -> Iterator[Zookeeper]:
    with Zookeeper("http://zoo.test", transport=fake.transport, sleep=lambda _seconds: None) as zoo:
        yield zoo


def test_values_are_those_of_the_answer(zoo: Zookeeper) -> None:
    """Infinities are numbers, shapes tuples, and what was not there is told from null."""
    found = zoo.checkpoint_diff("calm", "wild")
    assert found.tensors[0] == TensorDiff("gone", "removed", None, None, (2, 2), None, "float32", None)
    assert (found.tensors[3].norm, found.tensors[3].relative) == (math.inf, math.inf)
    assert found.tensors[4].to_shape == (2, 3)
    assert list(found.parameters) == [
        ParameterDiff("rate", (True, True), 0.1, 0.3),
        ParameterDiff("name", (False, True), None, "größer"),
        ParameterDiff("old", (True, False), None, None),
    ]
    assert found.document == DIFFERENCE


@pytest.mark.parametrize(
    ("before", "after", "model"),
    [
        ("calm", "wild", None),
        ("calm", "wild", "Painter"),
        ("ca", "wi", None),
        (f"chk_{20:040x}", f"chk_{10:040x}", None),
        (f"chk_{20:040x}", "wild", None),
    ],
)
def test_checkpoints_go_by_tag_or_id(zoo: Zookeeper, before: str, after: str, model: str | None) -> None:
    """Of any model, or of one that is named."""
    assert zoo.checkpoint_diff(before, after, model)
    assert zoo.checkpoint(before, model).diff(after)
    assert zoo.checkpoint(before).diff(zoo.checkpoint(after))
    assert zoo.checkpoint_diff(zoo.checkpoint(before), zoo.checkpoint(after))


def test_one_that_is_not_there_is_named(zoo: Zookeeper) -> None:
    """On either side, in a model or in all."""
    for before, after, model in (("calm", "mild", None), ("mild", "calm", None), ("calm", "mild", "Painter")):
        with pytest.raises(errors.NotFound, match="no checkpoint 'mild'; there are: "):
            zoo.checkpoint_diff(before, after, model)
    with pytest.raises(errors.NotFound, match="no checkpoint 'calm'; there are none"):
        zoo.checkpoint_diff("calm", "wild", "Reader")


def test_one_of_several_models_needs_its_model(zoo: Zookeeper, fake: FakeZoo) -> None:
    """The candidates are in the message."""
    fake.others_checkpoints = {"mod_reader": [checkpoint_row("calm", 30, modelId="mod_reader")]}
    with pytest.raises(errors.InvalidInput, match=r"'calm' may be any of 2: .*; give an id, or say of which model"):
        zoo.checkpoint_diff("calm", "wild")


def test_a_tag_ends_the_search(zoo: Zookeeper, fake: FakeZoo) -> None:
    """A model of ten thousand checkpoints is not read through for its newest."""
    fake.page = 1
    assert zoo.checkpoint("calm", "mod_painter").tag == "calm"
    assert fake.pages == 3  # two of models, one of checkpoints


def test_it_reads_well(zoo: Zookeeper) -> None:
    """Tables in a terminal and in a notebook; what is the same says so."""
    found = zoo.checkpoint_diff("calm", "wild")
    assert repr(found) == (
        "path   change    norm      relative  shape       dtype\n"
        "gone   removed                       2x2         float32\n"
        "moved  changed   0.000123            2x2         float32 -> float64\n"
        "new    added                         scalar      float32\n"
        "wild   changed   inf       inf%      2x2         float32\n"
        "wider  reshaped                      2x2 -> 2x3  float32\n"
        "\n"
        "parameter  from  to\n"
        "rate       0.1   0.3\n"
        'name             "größer"\n'
        "old        null"
    )
    assert found._repr_html_().count("<table>") == 2
    same = zoo.checkpoint_diff("calm", "tame")
    assert isinstance(same, CheckpointDiff)
    assert (bool(same), repr(same), same._repr_html_()) == (False, "nothing differs", "<p>nothing differs</p>")
