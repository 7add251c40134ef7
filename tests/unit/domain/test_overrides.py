"""What a rule may say of a signal, and how rules stand on an instance."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import math
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import numpy as np
import pytest
from ainimal_zookeeper.domain import lifecycle, overrides
from ainimal_zookeeper.domain.documents import InstanceDoc, ModalityDoc, OverrideAnswer, OverrideDoc, SignalDoc
from ainimal_zookeeper.domain.errors import InvalidInput, InvalidTransition, LimitReached, NotFound
from ainimal_zookeeper.domain.overrides import Patch, Terms
from ainimal_zookeeper.domain.values import numbers_of
from ainimal_zookeeper.modality import Modality
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.fakes import zoo

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
STEER = Modality.vector("steer", 2, -1, 1).to_document()
WEIGHT = Modality.vector("weight", (2, 3)).to_document()
BATCHES = Modality.vector("hidden", (None, 3)).to_document()
MOVE = Modality.discrete("move", 3).to_document()
CAMERA = Modality.image("camera", 4, 4).to_document()
SAID = Modality.text("said").to_document()


def refused(terms: Terms, modality: ModalityDoc, path: str = "outputs.it") -> str:
    with pytest.raises(InvalidInput) as caught:
        overrides.check(terms, path, modality)
    return str(caught.value)


def tensor(array: Any) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


@pytest.mark.parametrize(
    ("terms", "modality"),
    [
        (Terms("SET", value=0.5), STEER),
        (Terms("SET", value=[0.5, -1]), STEER),
        (Terms("SET", value=1, index=(1,)), STEER),
        (Terms("SET", value=tensor(np.zeros((2, 3), np.float32))), WEIGHT),
        (Terms("SET", value="NaN", allow_non_finite=True), WEIGHT),
        (Terms("SET", value=2), MOVE),
        (Terms("SET", value="go home"), SAID),
        (Terms("SET", value=255), CAMERA),
        (Terms("SET", value=[1, 2, 3]), BATCHES),
        (Terms("SET", value=[[1, 2, 3]]), BATCHES),
        (Terms("CLAMP", low=-0.5), STEER),
        (Terms("CLAMP", low=[-0.5, -0.1], high=0.25), STEER),
        (Terms("SCALE", value=-2.5), STEER),
        (Terms("BLEND", value=[0, 1], weight=0.25), STEER),
        (Terms("PATCH", patch=Patch("rec_1", None, 7)), MOVE),
    ],
)
def test_what_fits_may_stand(terms: Terms, modality: ModalityDoc) -> None:
    """And it is the same after it was stored."""
    overrides.check(terms, "outputs.it", modality)

    stored = cast(OverrideDoc, {"rule": terms.rule, "valueJson": overrides.value_json(terms)})
    assert overrides.terms_of(stored) == terms


def test_a_wrong_shape_names_the_expected_one() -> None:
    """Whatever the value comes as."""
    assert "outputs.it is float32[2] from -1 to 1; value has the shape [3]" in refused(
        Terms("SET", value=[1, 0, 1]), STEER
    )
    assert "float32[2, 3]; value has the shape [3, 2]" in refused(Terms("SET", value=tensor(np.zeros((3, 2)))), WEIGHT)
    assert "float32[any, 3]; value has the shape [2]" in refused(Terms("SET", value=[1, 2]), BATCHES)
    assert "one element of outputs.it is" in refused(Terms("SET", value=[1, 1], index=(0,)), STEER)
    assert "its lists have different lengths" in refused(Terms("SET", value=[[1], [1, 2]]), WEIGHT)


def test_a_wrong_kind_of_number_is_refused() -> None:
    """Out of bounds, not whole, out of the dtype's range, not finite, or no number at all."""
    assert "value holds 1.5, above 1" in refused(Terms("SET", value=[0, 1.5]), STEER)
    assert "an integer from 0 to 2; value holds 3, above 2" in refused(Terms("SET", value=3), MOVE)
    assert "holds 0.5, which no int64 is" in refused(Terms("SET", value=0.5), MOVE)
    assert "holds 256, which no uint8 is" in refused(Terms("SET", value=256), CAMERA)
    assert "not finite; give another one, or set allowNonFinite" in refused(Terms("SET", value="Infinity"), WEIGHT)
    assert "value holds a number that is not finite" in refused(Terms("SCALE", value="NaN"), WEIGHT)
    assert "'steady', which is no number" in refused(Terms("SET", value="steady"), STEER)
    assert "is text; value is 4" in refused(Terms("SET", value=4), SAID)


def test_choices_and_texts_take_only_what_replaces_them() -> None:
    """There is no half of one."""
    for rule_name in ("CLAMP", "SCALE", "BLEND"):
        terms = Terms(cast(Any, rule_name), value=1, low=1, weight=1)
        assert f"it takes SET, not {rule_name}" in refused(terms, MOVE)
        assert "is text: it takes SET" in refused(terms, SAID)


def test_each_rule_takes_its_own_numbers() -> None:
    """What is missing or too much is named."""
    assert "SET needs value" in refused(Terms("SET"), STEER)
    assert "BLEND needs weight" in refused(Terms("BLEND", value=1), STEER)
    assert "weight is 1.5; it must be from 0 to 1" in refused(Terms("BLEND", value=1, weight=1.5), STEER)
    assert "CLAMP takes high and low, not value" in refused(Terms("CLAMP", low=0, value=1), STEER)
    assert "CLAMP needs low, high or both" in refused(Terms("CLAMP"), STEER)
    assert "low is 1, above high, 0" in refused(Terms("CLAMP", low=[0, 1], high=0), STEER)
    assert "low is not a number" in refused(Terms("CLAMP", low="NaN", allow_non_finite=True), STEER)
    assert "PATCH needs patch" in refused(Terms("PATCH"), STEER)
    assert "fromStep is -1" in refused(Terms("PATCH", patch=Patch("rec_1", None, -1)), STEER)
    assert "rule is 'BEND'" in refused(Terms(cast(Any, "BEND"), value=1), STEER)


def test_an_index_is_of_one_element() -> None:
    """It has a number for each axis, within it."""
    assert "so that it takes 2 numbers" in refused(Terms("SET", value=1, index=(1,)), WEIGHT)
    assert "outside of outputs.it, which is float32[2, 3]" in refused(Terms("SET", value=1, index=(1, 3)), WEIGHT)
    assert "outside" in refused(Terms("SET", value=1, index=(-1,)), STEER)
    assert "takes 0 numbers" in refused(Terms("SET", value=1, index=(0,)), MOVE)


def test_times_must_lie_ahead() -> None:
    """An expiry of no steps or no seconds is a mistake."""
    overrides.check_expiry(1, 0.1)
    overrides.check_expiry(None, None)
    with pytest.raises(InvalidInput, match="expiresInSteps is 0"):
        overrides.check_expiry(0, None)
    for seconds in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InvalidInput, match="expiresInSeconds is"):
            overrides.check_expiry(None, seconds)


def test_an_unknown_path_suggests_the_nearest() -> None:
    """Among those that can be overridden; one that cannot says why."""
    signals = [
        cast(SignalDoc, {"path": path, "modality": STEER, "observable": True, "overridable": path != "env.reward"})
        for path in ("outputs.steer", "outputs.speed", "inputs.camera", "weights.head.bias", "env.reward")
    ]
    assert overrides.signal_at("outputs.steer", signals)["path"] == "outputs.steer"
    with pytest.raises(NotFound, match=r"there is no signal outputs.ster; did you mean outputs.steer or"):
        overrides.signal_at("outputs.ster", signals)
    with pytest.raises(NotFound, match=r"did you mean weights.head.bias"):
        overrides.signal_at("bias", signals)
    with pytest.raises(NotFound, match="list its signals"):
        overrides.signal_at("zzz", signals)
    with pytest.raises(InvalidInput, match=r"env\.reward cannot be overridden: nothing uses"):
        overrides.signal_at("env.reward", signals)


@given(
    arrays.arrays(
        st.sampled_from(["bool", "int8", "uint16", "int64", "float16", "float32", "float64"]),
        arrays.array_shapes(min_dims=0, max_dims=3, max_side=4),
    )
)
def test_numbers_are_read_as_numpy_reads_them(array: np.ndarray[Any, Any]) -> None:
    """As a tensor to the bit, and as nested lists."""
    numbers = numbers_of(tensor(array))
    assert (numbers.shape, numbers.dtype) == (array.shape, array.dtype.name)
    np.testing.assert_array_equal(np.array(numbers.flat, array.dtype).reshape(array.shape), array)
    listed = array.tolist()
    if array.dtype.kind != "f":
        assert numbers_of(listed).flat == array.ravel().tolist()
        assert numbers_of(json.loads(json.dumps(listed))).shape == array.shape


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
        max_leaves=12,
    )
)
def test_whatever_is_sent_is_read_or_refused_in_words(value: Any) -> None:
    """No value makes the zoo fail."""
    with contextlib.suppress(InvalidInput):
        overrides.check(Terms("SET", value=value), "weights.it", WEIGHT)


def a_rule(number: int, path: str = "outputs.a", value: Any = 1, **more: Any) -> OverrideDoc:
    terms = Terms("SET", value=value, index=more.pop("index", None))
    return cast(
        OverrideDoc,
        {
            "id": f"ovr_{number}",
            "order": 0,
            "path": path,
            "rule": "SET",
            "valueJson": overrides.value_json(terms),
            "expiresAt": None,
            "expiresInSteps": None,
            "authorId": None,
            "authorRole": "OPERATOR",
            "setAt": lifecycle.timestamp(START),
            **more,
        },
    )


def said(id: str, ended: Any = None, step: int | None = 3) -> OverrideAnswer:
    return {"id": id, "timeline": 1, "appliedAtStep": step, "expiresAtStep": None, "ended": ended, "message": None}


class Standing(RuleBasedStateMachine):
    """People set and clear rules; runners of several attempts say what becomes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.document = lifecycle.claim(zoo.instance(START), 1, START)
        self.number = 0
        self.stands: list[str] = []
        self.over: set[str] = set()

    def apply(self, function: Any, *arguments: Any) -> None:
        before = copy.deepcopy(self.document)
        after = cast(InstanceDoc, function(self.document, *arguments))
        assert self.document == before
        changed = after["desired"] != before["desired"]
        assert after["generation"] == before["generation"] + changed
        self.document = after

    @rule(path=st.sampled_from(["outputs.a", "outputs.b"]), index=st.none() | st.just((0,)))
    def set(self, path: str, index: tuple[int, ...] | None) -> None:
        self.number += 1
        same = [
            each["id"]
            for each in lifecycle.standing_overrides(self.document)
            if each["path"] == path and overrides.terms_of(each).index == index
        ]
        self.apply(lifecycle.set_override, a_rule(self.number, path, index=index))
        self.stands = [each for each in self.stands if each not in same] + [f"ovr_{self.number}"]

    @rule(back=st.integers(0, 3))
    def clear(self, back: int) -> None:
        which = f"ovr_{self.number - back}"
        try:
            self.apply(lifecycle.clear_overrides, which)
        except NotFound:
            assert which not in self.stands
        self.stands = [each for each in self.stands if each != which]

    @rule()
    def clear_all(self) -> None:
        self.apply(lifecycle.clear_overrides)
        self.stands = []

    @rule(back=st.integers(0, 4), ended=st.sampled_from([None, "EXPIRED", "REFUSED"]))
    def hear(self, back: int, ended: Any) -> None:
        which = f"ovr_{self.number - back}"
        before = self.document
        self.document = lifecycle.report(before, before["attempt"], {"overrides": [said(which, ended)]}, START)
        told = [override["id"] for override, _ in lifecycle.overrides_ended(before, self.document)]
        assert told == ([which] if ended and which in self.stands else [])
        if ended and which in self.stands:
            self.stands.remove(which)
            self.over.add(which)

    @rule()
    def relaunch(self) -> None:
        again = lifecycle.relaunch(self.document, START, timeline=True)
        self.document = lifecycle.claim(again, again["attempt"], START)

    @invariant()
    def what_stands_is_wanted_in_order(self) -> None:
        wanted = lifecycle.wanted(self.document)["overrides"]
        assert [each["id"] for each in wanted] == self.stands
        assert [each["order"] for each in wanted] == sorted({each["order"] for each in wanted})
        assert not self.over & set(self.stands)
        known = {each["id"] for each in self.document["status"].get("overrides", [])}
        assert known <= {each["id"] for each in self.document["desired"].get("overrides", [])} | self.over | known


TestStanding = Standing.TestCase


def test_rules_have_a_finite_size() -> None:
    """They are in one document with all else that is desired."""
    document = zoo.instance(START)
    for number in range(lifecycle.MAX_OVERRIDES):
        document = lifecycle.set_override(document, a_rule(number, f"outputs.a{number}"))
    with pytest.raises(LimitReached, match="100 rules stand on instance ins_1 already"):
        lifecycle.set_override(document, a_rule(1000, "outputs.more"))
    with pytest.raises(LimitReached, match="would take 300012 bytes, of at most 256000"):
        lifecycle.set_override(zoo.instance(START), a_rule(1, value="x" * 300_000))


def test_where_no_rule_can_stand() -> None:
    """A world has no signals of its own, and what ends or has ended takes none."""
    with pytest.raises(InvalidTransition, match="env_1 has no signals to override"):
        lifecycle.set_override(zoo.instance(START, "env_1"), a_rule(1))
    claimed = lifecycle.claim(zoo.instance(START), 1, START)
    with pytest.raises(InvalidTransition, match="is stopping"):
        lifecycle.set_override(lifecycle.terminate(claimed, START), a_rule(1))
    with pytest.raises(InvalidTransition, match="it has ended"):
        lifecycle.clear_overrides(lifecycle.finish(claimed, START + timedelta(seconds=1)))


def test_clearing_what_has_ended_is_done_already() -> None:
    """Whoever clears a rule that expires meanwhile has what they wanted."""
    document = lifecycle.set_override(lifecycle.claim(zoo.instance(START), 1, START), a_rule(1))
    ended = lifecycle.report(document, 1, {"overrides": [said("ovr_1", "EXPIRED")]}, START)
    assert lifecycle.clear_overrides(ended, "ovr_1") == ended
    with pytest.raises(NotFound, match="no rule ovr_7 stands on instance ins_1"):
        lifecycle.clear_overrides(ended, "ovr_7")
