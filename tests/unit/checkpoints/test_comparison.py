"""What differs between two checkpoints."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Code, Difference, Repository, compare, differences, differences_in_code
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.checkpoints.lineage import snapshot

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 0.5]) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


def test_parameters_and_facts(repository: Repository, bucket: DirectoryBucket) -> None:
    """Parameters stand apart from all else that may explain a difference; time, step and payload do not count."""
    before = snapshot(bucket, 1, parameters={"rate": 0.1, "net": {"depth": 2, "width": 8}}, seeds={"numpy": 1})
    after = snapshot(bucket, 2, parameters={"net": {"depth": 3, "width": 8}, "gamma": 1}, seeds={"numpy": 2})
    found = compare(repository.save(before, "a"), repository.save(after, "b"))
    assert found.parameters == (
        Difference(("gamma",), "added", None, 1),
        Difference(("net", "depth"), "changed", 2, 3),
        Difference(("rate",), "removed", 0.1, None),
    )
    assert found.facts == (Difference(("seeds", "numpy"), "changed", 1, 2),)


@pytest.mark.parametrize(
    ("before", "after", "differ"),
    [
        (1, 1.0, False),
        (0.0, -0.0, False),
        (1, True, True),
        (0, False, True),
        (None, False, True),
        ([1, [2]], [1, [2]], False),
        ([1, [True]], [1, [1]], True),
        ([1], [1, 2], True),
        ([{"a": 1}], [{"a": 1.0}], False),
        ([{"a": 1}], [{"b": 1}], True),
        ({}, [], True),
        ("1", 1, True),
        ((1, 2), [1, 2], False),
    ],
)
def test_values_are_those_of_json(before: Any, after: Any, differ: bool) -> None:
    """One is 1.0, but is not true."""
    found = differences({"x": before}, {"x": after})
    assert found == ((Difference(("x",), "changed", before, after),) if differ else ())


@given(objects, objects)
def test_differences_lead_from_one_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Each difference carried out makes the one into the other, and none is told of what is equal."""
    made = json.loads(json.dumps(before))
    for difference in differences(before, after):
        place = made
        for key in difference.path[:-1]:
            place = place[key]
        if difference.kind == "removed":
            assert place.pop(difference.path[-1]) == difference.before
        else:
            place[difference.path[-1]] = difference.after
    assert differences(made, after) == ()
    assert made == after
    assert differences(before, before) == ()
    assert len(differences(after, before)) == len(differences(before, after))


def test_code_that_differs() -> None:
    """Another class or revision is named, with both; where it lay is not a difference."""
    saved = Code("Pilot", "Pilot", "pilot.py", "r1", "a" * 40)
    running = replace(saved, kind="Racer", revision="r2", source="elsewhere/pilot.py")
    assert differences_in_code(saved, running) == (
        Difference(("kind",), "changed", "Pilot", "Racer"),
        Difference(("revision",), "changed", "r1", "r2"),
    )
    assert differences_in_code(saved, replace(saved, source="moved.py")) == ()
