"""Parameters: what a user may choose at launch."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.parameters import Parameter, check_parameters
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
DEPTH = {
    "name": "depth",
    "display": "Number of hidden layers",
    "type": "int",
    "range": [1, 10],
    "default": 5,
}


def test_the_documents_example_reads() -> None:
    """The vision's create_params entry is a parameter with its label, range and default."""
    depth = Parameter.from_literal(DEPTH)
    assert (depth.display, depth.minimum, depth.maximum, depth.default) == ("Number of hidden layers", 1, 10, 5)
    assert not depth.required


@pytest.mark.parametrize(
    ("kind", "value", "typed"),
    [
        ("float", 3, 3.0),
        ("float", "1e-3", 0.001),
        ("int", "3", 3),
        ("int", 3.0, 3),
        ("bool", "True", True),
        ("str", "x", "x"),
        ("json", {"a": [1, None]}, {"a": [1, None]}),
    ],
)
def test_a_value_gets_the_parameters_type(kind: Any, value: Any, typed: Any) -> None:
    """What a form or a file gives is read as what was declared."""
    got = Parameter("p", kind).check(value)
    assert got == typed
    assert type(got) is type(typed)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("float", True),
        ("float", math.nan),
        ("float", math.inf),
        ("float", 10**400),
        ("float", "nan"),
        ("int", 2.5),
        ("int", True),
        ("int", "3.5"),
        ("int", None),
        ("bool", 1),
        ("bool", "yes"),
        ("str", 3),
        ("json", {"a": math.nan}),
        ("json", object()),
    ],
)
def test_a_value_of_another_type_is_refused_by_name_and_value(kind: Any, value: Any) -> None:
    """The message names the parameter and shows the value."""
    with pytest.raises(InvalidInput, match="parameter speed is "):
        Parameter("speed", kind).check(value)


def test_all_mistakes_are_told_at_once() -> None:
    """One error lists every wrong parameter; its path leads to the first."""
    documents = [
        Parameter.from_literal(DEPTH).to_document(),
        Parameter("rate", "float").to_document(),
        Parameter("mode", "str", "fast", choices=("fast", "slow")).to_document(),
    ]
    with pytest.raises(InvalidInput) as caught:
        check_parameters(documents, {"deptj": 1, "depth": 11, "mode": "odd"})
    for part in (
        "no parameter 'deptj'; did you mean 'depth'?",
        "depth is 11; it must be from 1 to 10",
        "rate has no default",
        "mode is 'odd'; it must be one of 'fast', 'slow'",
    ):
        assert part in caught.value.message
    assert caught.value.path == ("input", "parameters", "deptj")


def test_defaults_fill_what_was_not_given() -> None:
    """A launch without parameters gets all defaults, None among them."""
    documents = [Parameter.from_literal(DEPTH).to_document(), Parameter("name", "str", None).to_document()]
    assert check_parameters(documents, {}) == {"depth": 5, "name": None}
    assert check_parameters(documents, {"depth": "7", "name": None}) == {"depth": 7, "name": None}


@pytest.mark.parametrize(
    ("literal", "told"),
    [
        ({"name": "a", "tipe": "int"}, "unknown key 'tipe'; did you mean 'type'?"),
        ({"name": "a", "type": "inte"}, "type is 'inte'"),
        ({"name": "a b"}, "not a Python identifier"),
        ({"type": "int"}, "has no name"),
        ({**DEPTH, "default": 50}, "depth is 50; it must be from 1 to 10"),
        ({**DEPTH, "range": [10, 1]}, "is empty"),
        ({**DEPTH, "range": "1-10"}, "write"),
        ({"name": "a", "type": "str", "range": [0, 1]}, "belongs to"),
        ({"name": "a", "type": "int", "choices": "abc"}, "must be a list"),
        ("depth", "a mapping"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(literal: Any, told: str) -> None:
    """A mistake of the author is found when the description is read, not at the launch."""
    with pytest.raises(InvalidInput, match=told):
        Parameter.from_literal(literal)


@given(JSON)
def test_any_json_default_survives_its_document(value: Any) -> None:
    """A parameter equals what is read from its document, whatever JSON its default is."""
    parameter = Parameter("p", "json", value)
    document = json.loads(json.dumps(parameter.to_document(), allow_nan=False))
    assert Parameter.from_document(document) == parameter


@given(st.sampled_from(["float", "int", "bool", "str"]), JSON)
def test_a_check_answers_with_the_type_or_refuses(kind: Any, value: Any) -> None:
    """No value passes as anything but the declared type, and no check fails in another way."""
    types = {"float": float, "int": int, "bool": bool, "str": str}
    try:
        typed = Parameter("p", kind).check(value)
    except InvalidInput:
        return
    assert type(typed) is types[kind]
