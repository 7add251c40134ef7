"""Modalities: where they come from, how they travel, and what belongs to them."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.modality import Modality, ModalityKind
from dm_env import specs
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

NESTED = spaces.Dict(
    {
        "camera": spaces.Box(0, 255, (84, 84, 3), np.uint8),
        "arm": spaces.Dict({"grip": spaces.Discrete(3, start=-1), "touch": spaces.MultiBinary(4)}),
        "pair": spaces.Tuple([spaces.MultiDiscrete([2, 3]), spaces.Text(5)]),
        "odd": spaces.Sequence(spaces.Discrete(2)),
    }
)


def test_a_space_becomes_modalities_named_by_their_path() -> None:
    """Images, ranges and starts are seen; what the zoo does not know is a tree."""
    found = Modality.from_space(NESTED, "observation")
    assert {name: modality.kind.value for name, modality in found.items()} == {
        "camera": "IMAGE",
        "arm.grip": "DISCRETE",
        "arm.touch": "MULTI_DISCRETE",
        "pair.0": "MULTI_DISCRETE",
        "pair.1": "TEXT",
        "odd": "TREE",
    }
    assert found["camera"].layout == "HWC"
    assert (found["arm.grip"].low, found["arm.grip"].high, found["arm.grip"].count) == (-1, 1, 3)
    assert found["pair.0"].high == (1, 2)


def test_a_lone_space_takes_the_name_given_and_keeps_open_bounds_open() -> None:
    """CartPole's two infinite bounds are None in an otherwise bounded vector."""
    box = spaces.Box(np.array([-4.8, -np.inf], np.float32), np.array([4.8, np.inf], np.float32))
    (modality,) = Modality.from_space(box, "observation").values()
    assert modality.name == "observation"
    assert modality.low == (float(np.float32(-4.8)), None)
    low, high = modality.bounds()
    assert low is not None
    assert high is not None
    assert math.isinf(low[1])
    assert math.isinf(high[1])


@given(st.data())
def test_what_a_space_draws_belongs_to_its_modality(data: st.DataObject) -> None:
    """A modality made from a space accepts what the space samples, and its own neutral value."""
    space = data.draw(
        st.one_of(
            st.builds(spaces.Discrete, st.integers(1, 9), start=st.integers(-5, 5)),
            st.builds(spaces.MultiDiscrete, st.lists(st.integers(1, 5), min_size=1, max_size=4)),
            st.builds(spaces.MultiBinary, st.integers(1, 5)),
            st.builds(
                lambda low, extent, shape: spaces.Box(low, low + extent, shape, np.float32),
                st.floats(-10, 10, width=32),
                st.floats(0.5, 10, width=32),
                st.lists(st.integers(1, 3), max_size=3).map(tuple),
            ),
        )
    )
    space.seed(data.draw(st.integers(0, 1000)))
    (modality,) = Modality.from_space(space, "x").values()
    modality.check(space.sample())
    modality.check(modality.neutral_value())
    assert space.contains(np.asarray(modality.neutral_value(), space.dtype))


FLOATS = st.floats(allow_nan=False, width=32)
BOUND = st.one_of(st.none(), FLOATS, st.integers(-1000, 1000))


@st.composite
def modalities(draw: st.DrawFn) -> Modality:
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=3, max_side=4))
    bounds = st.one_of(BOUND, arrays.arrays(np.float32, shape, elements=FLOATS))
    words = st.none() | st.lists(st.text(max_size=5), max_size=4).map(tuple)
    return Modality(
        draw(st.text(min_size=1, max_size=8)),
        draw(st.sampled_from([ModalityKind.VECTOR, ModalityKind.IMAGE, ModalityKind.AUDIO])),
        draw(st.just(shape) | st.just((None, *shape))),
        draw(st.sampled_from(["float32", "float64", "int16", "uint8", "bool"])),
        low=draw(bounds),
        high=draw(bounds),
        neutral=draw(bounds),
        names=draw(words),
        labels=draw(words),
        unit=draw(st.none() | st.text(max_size=4)),
        layout=draw(st.sampled_from([None, "HWC", "CHW"])),
        max_delta=draw(st.none() | st.floats(0, 10)),
    )


@given(modalities())
def test_a_modality_survives_its_document(modality: Modality) -> None:
    """The document is JSON without NaN or infinity, and reads back as an equal modality."""
    document = json.loads(json.dumps(modality.to_document(), allow_nan=False))
    assert Modality.from_document(document) == modality
    assert hash(Modality.from_document(document)) == hash(modality)


@given(arrays.arrays(st.sampled_from([np.float32, np.int16, np.uint8]), st.just((2, 3))))
def test_an_array_survives_its_trip_through_json(array: np.ndarray[Any, Any]) -> None:
    """Nested lists and tensors in base64 become the same array."""
    modality = Modality("x", ModalityKind.VECTOR, (2, 3), array.dtype.name)
    if not np.isfinite(array).all():
        return
    tensor = {"dtype": array.dtype.name, "shape": [2, 3], "data": base64.b64encode(array.tobytes()).decode()}
    for value in (array.tolist(), tensor):
        coerced = modality.coerce(value)
        assert coerced.dtype == array.dtype
        np.testing.assert_array_equal(coerced, array)


SPEED = Modality.vector("speed", 2, low=-1, high=1)


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ([0.0, math.nan], r"got float64\[2\] with 1 NaN"),
        ([0.0] * 3, r"got float64\[3\]"),
        ([0.0, -2.0], r"got float64\[2\] from -2.0 to 0.0"),
        ("fast", "got text"),
        ([[1], [1, 2]], "no array"),
        (None, "got object"),
    ],
)
def test_a_check_names_the_modality_what_was_expected_and_what_came(value: Any, got: str) -> None:
    """A refusal can be acted on without looking anything up."""
    with pytest.raises(InvalidInput, match=rf"modality speed: expected float32\[2\] from -1 to 1, .*{got}"):
        SPEED.check(value)


@pytest.mark.parametrize(
    ("modality", "value"),
    [
        (Modality.discrete("a", 3), 3),
        (Modality.discrete("a", 3), 1.0),
        (Modality.discrete("a", 3), True),
        (Modality.discrete("a", 3), [1]),
        (Modality.image("a", 8, 8), 300),
        (Modality.text("a"), 3),
        (Modality("a", ModalityKind.VECTOR, (1,), "uint8"), [256]),
        (SPEED, {"dtype": "float32", "shape": [2]}),
        (SPEED, {"dtype": "float32", "shape": [3], "data": "AAAA"}),
        (SPEED, {"dtype": "object", "shape": [2], "data": "AAAA"}),
        (SPEED, {"dtype": "float32", "shape": [2], "data": "!"}),
        (SPEED, {"dtype": "float32", "shape": 2, "data": "AAAA"}),
    ],
)
def test_a_json_value_that_does_not_fit_is_refused(modality: Modality, value: Any) -> None:
    """Nothing that came from outside passes as a value it is not."""
    with pytest.raises(InvalidInput, match=r"modality (a|speed)"):
        modality.coerce(value)


def test_specs_nest_as_spaces_do() -> None:
    """dm_env's bounded, discrete and text specs are told apart."""
    found = Modality.from_spec(
        {
            "speed": specs.BoundedArray((2,), np.float32, [-1, -2], [1, 2]),
            "turn": (specs.DiscreteArray(4), specs.StringArray(())),
            "free": specs.Array((3,), np.float64),
        },
        "observation",
    )
    assert [modality.describe() for modality in found.values()] == [
        "float32[2], each element within its bounds",
        "an integer from 0 to 3",
        "text",
        "float64[3]",
    ]
    assert list(found) == ["speed", "turn.0", "turn.1", "free"]


def test_an_example_is_read_as_far_as_it_shows() -> None:
    """Pictures look like pictures; a lone integer has no bounds to see."""
    found = Modality.from_example(
        {"eye": np.zeros((64, 64, 3), np.uint8), "count": 3, "on": True, "said": "hi", "odd": object()}, "input"
    )
    kinds = {name: modality.kind.value for name, modality in found.items()}
    assert kinds == {"eye": "IMAGE", "count": "SCALAR", "on": "DISCRETE", "said": "TEXT", "odd": "TREE"}


def test_declarations_may_be_mixed() -> None:
    """A mapping may hold modalities, documents, spaces and examples; its keys are the names."""
    document = {"kind": "DISCRETE", "shape": [], "dtype": "int64", "low": 0, "high": 4}
    found = Modality.from_any({"a": Modality.scalar("other"), "b": document, "c": spaces.Discrete(2)}, "x")
    assert {name: modality.name for name, modality in found.items()} == {"a": "a", "b": "b", "c": "c"}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "PICTURE"}, "kind is 'PICTURE'"),
        ({"kind": "DISCRETE", "dtype": "int64"}, "needs low and high"),
        ({"kind": "DISCRETE", "dtype": "float32", "low": 0, "high": 1}, "does not suit"),
        ({"kind": "VECTOR", "dtype": "complex"}, "does not suit"),
        ({"kind": "VECTOR", "dtype": "no such"}, "does not suit"),
        ({"kind": "IMAGE", "layout": "WHC"}, "layout"),
        ({"kind": "DISCRETE", "dtype": "int64", "low": 0, "high": 2, "labels": ("a",)}, "1 labels for 3 values"),
        ({"kind": "VECTOR", "low": "a lot"}, "are numbers"),
    ],
)
def test_a_contradiction_is_refused(fields: dict[str, Any], told: str) -> None:
    """A modality that cannot be is found when it is made."""
    with pytest.raises(InvalidInput, match=told):
        Modality("x", **fields)


def test_neutral_is_zero_moved_into_the_bounds() -> None:
    """When nobody acts, the value is legal; a declared neutral wins."""
    assert Modality.scalar("x", 2.0, 3.0).neutral_value() == 2.0
    assert Modality.discrete("x", 3, start=4).neutral_value() == 4
    assert Modality("x", ModalityKind.VECTOR, (None, 2), neutral=0.5).neutral_value().tolist() == [[0.5, 0.5]]
    assert Modality.text("x").neutral_value() == ""
    assert Modality("x", ModalityKind.TREE).neutral_value() is None
