"""Rules of an attempt: what they make of values, how long they hold, and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import numpy as np
import pytest
from ainimal_zookeeper.domain import overrides
from ainimal_zookeeper.domain.documents import Desired, OverrideDoc
from ainimal_zookeeper.domain.lifecycle import timestamp
from ainimal_zookeeper.domain.overrides import Patch, Terms
from ainimal_zookeeper.models.agent import Agent
from ainimal_zookeeper.tapping import tap
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from zookeeper_runner.arrows import Arrows
from zookeeper_runner.bell import Bell
from zookeeper_runner.gate import Gate
from zookeeper_runner.overrides import Overrides
from zookeeper_runner.overrides.rule import Rule
from zookeeper_runner.overrides.standing import Standing
from zookeeper_runner.session import Place, Session
from zookeeper_runner.taps import Taps

from tests.conftest import give_up
from tests.fakes.clock import FakeClock
from tests.fakes.runner_link import launch_of


def override(path: str, terms: Terms, number: int = 1, **more: Any) -> OverrideDoc:
    document = {
        "id": f"ovr_{number}",
        "order": number,
        "path": path,
        "rule": terms.rule,
        "valueJson": overrides.value_json(terms),
        "expiresAt": None,
        "expiresInSteps": None,
        "authorId": None,
        "authorRole": "OPERATOR",
        "setAt": "2030-01-01T00:00:00.000000Z",
        **more,
    }
    return cast(OverrideDoc, document)


def of(dtype: str, numbers: Any) -> Any:
    return np.array(numbers, dtype)


def made(terms: Terms, value: Any) -> Any:
    return Rule(override("outputs.it", terms), 0).made_of(value, 1)


class Plain:
    """A model of numbers: a weight, and a state that it counts in."""

    def __init__(self) -> None:
        self.weight = np.arange(4, dtype=np.float32)
        self.epsilon = 0.5
        self.mood = "calm"


class Setting:
    def __init__(self, subject: Any = None) -> None:
        self.bell = Bell()
        self.session = Session(launch_of(), self.bell)
        self.clock = FakeClock()
        self.subject = Plain() if subject is None else subject
        self.gate = Gate()
        self.taps = Taps(Agent(forward=dict, subject=self.subject), self.gate)
        self.told: list[tuple[str, str]] = []
        self.stood: dict[str, int] = {}
        self.patches: dict[str, list[Any]] = {}
        self.rules = Standing(
            self.session,
            lambda: self.taps,
            self._fetch,
            [lambda kind, document: self.told.append((kind, document["id"]))],
            self.stood,
            clock=lambda: self.clock.now().timestamp(),
        )
        self.arrows = Arrows()
        self.arrows.rules = self.rules

    def _fetch(self, document: OverrideDoc) -> Any:
        values = self.patches[document["id"]]
        return lambda at: values[at] if at < len(values) else None

    def stand(self, *documents: OverrideDoc) -> None:
        self.rules.heed(cast(Desired, {"overrides": list(documents)}))

    def step(self, inputs: Any = None, outputs: Any = None, learns: Any = None) -> tuple[Any, Any, Any]:
        """Returns what forward gets, what becomes the action, and what the environment receives."""
        counters = self.session.counters
        self.arrows.begin(counters.step + 1)
        seen = self.arrows.inputs(inputs or {})
        answer = self.arrows.outputs(outputs or {})
        action = self.arrows.action(answer.get("steer"), counters.step + 1)
        counters.step += 1
        if learns is not None:
            learns()
            self.arrows.learnt()
        return seen, answer, action

    @property
    def said(self) -> dict[str, Any]:
        return {each["id"]: each for each in self.session.report().get("overrides", [])}


# --- what a rule makes of a value --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "value", "expected"),
    [
        (Terms("SET", value=2), 0.5, 2.0),
        (Terms("SET", value=2), 7, 2),
        (Terms("SET", value=True), False, True),
        (Terms("SET", value="home"), "away", "home"),
        (Terms("SET", value=[1, 2]), of("float32", [0, 0]), of("float32", [1, 2])),
        (Terms("SET", value=9, index=(1,)), of("int64", [3, 4]), of("int64", [3, 9])),
        (Terms("SET", value=9, index=(1,)), of("int64", [[3, 4], [5, 6]]), of("int64", [[3, 9], [5, 9]])),
        (Terms("SET", value="NaN", allow_non_finite=True), of("float32", [1]), of("float32", [np.nan])),
        (Terms("CLAMP", low=0, high=1), of("float64", [-3, 0.5, 8]), of("float64", [0, 0.5, 1])),
        (Terms("CLAMP", low=0.5), of("uint8", [0, 1, 2]), of("uint8", [1, 1, 2])),
        (
            Terms("CLAMP", high="Infinity", low=[1, 2], allow_non_finite=True),
            of("float32", [0, 9]),
            of("float32", [1, 9]),
        ),
        (Terms("SCALE", value=0.5), of("uint8", [5, 200]), of("uint8", [2, 100])),
        (Terms("SCALE", value=2), of("uint8", [5, 200]), of("uint8", [10, 255])),
        (Terms("SCALE", value=-1), of("float32", [5]), of("float32", [-5])),
        (Terms("BLEND", value=1, weight=0.25), of("float32", [0, 1]), of("float32", [0.25, 1])),
        (Terms("BLEND", value=100, weight=0.5), of("int32", [0]), of("int32", [50])),
    ],
)
def test_a_rule_makes_a_value_of_the_same_kind(terms: Terms, value: Any, expected: Any) -> None:
    """Type, dtype and shape stay, integers are rounded and stay in their range, and nothing happens in place."""
    before = np.array(value)
    new = made(terms, value)

    assert type(new) is type(expected)
    np.testing.assert_array_equal(new, expected)
    np.testing.assert_array_equal(value, before)
    assert np.asarray(new).dtype == before.dtype or isinstance(value, str)


@given(
    arrays.arrays(
        st.sampled_from(["int8", "uint8", "int64", "uint64", "float16", "float32", "float64"]),
        arrays.array_shapes(min_dims=0, max_dims=2, max_side=3),
    ),
    st.sampled_from(["SET", "CLAMP", "SCALE", "BLEND"]),
    st.floats(-1e30, 1e30),
)
def test_no_number_makes_a_rule_change_dtype_or_shape(value: np.ndarray[Any, Any], rule: Any, number: float) -> None:
    """Whatever it computes, the model gets what it takes."""
    terms = {
        "SET": Terms("SET", value=int(max(0, min(100, number))) if value.dtype.kind in "iu" else number),
        "CLAMP": Terms("CLAMP", low=number),
        "SCALE": Terms("SCALE", value=number),
        "BLEND": Terms("BLEND", value=number, weight=0.5),
    }[rule]
    new = made(terms, value)

    assert new.dtype == value.dtype
    assert new.shape == value.shape
    if rule == "CLAMP" and value.dtype.kind in "iu":
        limits = np.iinfo(value.dtype)
        assert (new.astype(object) >= min(max(number, limits.min), limits.max)).all() or number > limits.max


def test_a_clamp_that_does_nothing_leaves_the_value_itself() -> None:
    """So that nothing is said to be overridden."""
    value = of("float32", [0.5])
    assert made(Terms("CLAMP", low=0, high=1), value) is value


# --- at the arrows -----------------------------------------------------------------------------------------------


def test_rules_are_applied_in_their_order_and_clamps_of_the_action_last() -> None:
    """On the way from what was observed to what is executed, and every changed path is marked."""
    setting = Setting()
    setting.stand(
        override("action", Terms("CLAMP", high=3), 1),
        override("inputs.camera", Terms("SET", value=1), 2),
        override("outputs.steer", Terms("SCALE", value=2), 4),
        override("outputs.steer", Terms("SET", value=10), 3),
        override("action", Terms("BLEND", value=0, weight=0.5), 5),
        override("outputs.gone", Terms("SET", value=0), 6),
    )
    inputs, outputs = {"camera": np.zeros(2), "other": 1}, {"steer": np.float32(1), "value": 2.0}
    seen, answer, action = setting.step(inputs, outputs)

    assert seen["camera"].tolist() == [1, 1]
    assert answer["steer"] == 20
    assert action == 3
    assert setting.arrows.overridden == {"inputs.camera", "outputs.steer", "action"}
    assert inputs["camera"].tolist() == [0, 0]  # type: ignore[attr-defined]
    assert outputs["steer"] == 1


def test_parts_of_actions_and_nested_inputs_are_reached_by_their_names() -> None:
    """A path leads into dicts; whatever lies beside it stays the same object."""
    setting = Setting()
    setting.stand(override("inputs.arm.joint", Terms("SET", value=5)), override("action.gas", Terms("SET", value=0), 2))
    arm = {"joint": 1.0, "tip": 2.0}
    setting.arrows.begin(1)
    seen = setting.arrows.inputs({"arm": arm})
    action = setting.arrows.action({"gas": 1.0, "wheel": 0.5}, 1)

    assert seen == {"arm": {"joint": 5.0, "tip": 2.0}}
    assert action == {"gas": 0.0, "wheel": 0.5}
    assert arm["joint"] == 1.0
    assert setting.arrows.overridden == {"inputs.arm.joint", "action.gas"}


def test_a_rule_that_does_not_fit_is_refused_and_harms_nothing() -> None:
    """The value passes unchanged, and whoever set it is told why; the others go on."""
    setting = Setting()
    setting.stand(
        override("outputs.steer", Terms("SET", value=[1, 2, 3])), override("outputs.steer", Terms("SCALE", value=2), 2)
    )
    _, answer, _ = setting.step(outputs={"steer": of("float32", [1, 1])})

    assert answer["steer"].tolist() == [2, 2]
    assert setting.said["ovr_1"]["ended"] == "REFUSED"
    assert "outputs.steer is float32[2] now, which does not fit" in setting.said["ovr_1"]["message"]
    assert setting.said["ovr_2"]["ended"] is None
    assert setting.told == [("override", "ovr_1"), ("override", "ovr_2"), ("override.ended", "ovr_1")]


def test_unknown_weights_are_refused_with_the_nearest() -> None:
    """As after a relaunch of another revision."""
    setting = Setting()
    setting.stand(override("weights.wieght", Terms("SET", value=0)))

    assert setting.said["ovr_1"]["ended"] == "REFUSED"
    assert "weights.weight" in setting.said["ovr_1"]["message"]
    assert not setting.rules.active


# --- how long ----------------------------------------------------------------------------------------------------


def test_a_rule_expires_after_its_steps() -> None:
    """It holds for exactly so many, says at which it ends, and never comes back."""
    setting = Setting()
    setting.session.counters.step = 10
    rule = override("outputs.steer", Terms("SET", value=0), expiresInSteps=2)
    setting.stand(rule)
    said = setting.said["ovr_1"]
    answers = []
    for _ in range(3):
        setting.stand(rule)
        answers.append(setting.step(outputs={"steer": 1.0})[1]["steer"])

    assert (said["appliedAtStep"], said["expiresAtStep"], said["timeline"]) == (10, 12, setting.session.timeline)
    assert answers == [0.0, 0.0, 1.0]
    assert setting.said["ovr_1"]["ended"] == "EXPIRED"
    assert not setting.rules.active
    assert setting.bell.rung


def test_a_rule_expires_by_time_also_while_nothing_steps() -> None:
    """The loop is told how long to wait for it."""
    setting = Setting()
    until = setting.clock.now() + timedelta(seconds=2)
    rule = override("state.epsilon", Terms("SET", value=0), expiresAt=timestamp(until))
    setting.stand(rule)
    assert setting.rules.wait_s() == pytest.approx(2.0)
    assert setting.subject.epsilon == 0.0
    setting.clock.advance(2.5)
    setting.stand(rule)

    assert setting.said["ovr_1"]["ended"] == "EXPIRED"
    assert setting.subject.epsilon == 0.5
    assert setting.rules.wait_s() is None


def test_what_is_cleared_is_forgotten() -> None:
    """And told to who records."""
    setting = Setting()
    setting.stand(override("outputs.steer", Terms("SET", value=0)))
    setting.stand()

    assert setting.step(outputs={"steer": 1.0})[1] == {"steer": 1.0}
    assert setting.said == {}
    assert setting.told[-1] == ("override.ended", "ovr_1")
    assert setting.arrows.overridden == frozenset()


# --- weights and state -------------------------------------------------------------------------------------------


def test_a_weight_stays_set_through_training_and_comes_back() -> None:
    """What is learnt elsewhere stays learnt; under the rule the value from before it returns."""
    setting = Setting()
    subject = setting.subject

    def learn() -> None:
        subject.weight += 1

    rule = override("weights.weight", Terms("SET", value=9, index=(2,)))
    setting.stand(rule)
    for _ in range(3):
        setting.step(learns=learn)
        assert subject.weight[2] == 9
    overridden = setting.arrows.overridden
    setting.stand()

    assert overridden == {"weights.weight"}
    assert subject.weight.tolist() == [3, 4, 2, 6]


def test_training_goes_on_within_the_bounds_of_a_clamp() -> None:
    """What it moves becomes the underlying value; what it leaves alone keeps its own."""
    setting = Setting()
    subject = setting.subject
    setting.stand(override("weights.weight", Terms("CLAMP", high=1.5)))
    assert subject.weight.tolist() == [0, 1, 1.5, 1.5]

    def learn() -> None:
        subject.weight[:3] -= [0, -1, 1]

    setting.step(learns=learn)
    assert subject.weight.tolist() == [0, 1.5, 0.5, 1.5]
    setting.stand()

    assert subject.weight.tolist() == [0, 2, 0.5, 3]


def test_state_that_a_model_writes_itself_is_held() -> None:
    """Before each step it is as ruled, texts as well."""
    setting = Setting()
    subject = setting.subject
    setting.stand(
        override("state.epsilon", Terms("SET", value=0.1)), override("state.mood", Terms("SET", value="x"), 2)
    )
    subject.epsilon, subject.mood = 0.4, "wild"
    setting.arrows.begin(1)
    assert (subject.epsilon, subject.mood) == (0.1, "x")
    setting.stand()

    assert (subject.epsilon, subject.mood) == (0.5, "calm")


def test_rules_on_one_weight_are_applied_one_after_the_other() -> None:
    """Clearing one leaves the others on the same underlying value."""
    setting = Setting()
    scale = override("weights.weight", Terms("SCALE", value=10))
    one = override("weights.weight", Terms("SET", value=5, index=(0,)), 2)
    setting.stand(scale, one)
    assert setting.subject.weight.tolist() == [5, 10, 20, 30]
    setting.stand(one)
    assert setting.subject.weight.tolist() == [5, 1, 2, 3]
    setting.stand()
    assert setting.subject.weight.tolist() == [0, 1, 2, 3]


WEIGHT_RULES: dict[str, tuple[Terms, Callable[[Any], Any]]] = {
    "SET": (Terms("SET", value=[9, 8, 7, 6]), lambda weight: weight * 0 + of("float32", [9, 8, 7, 6])),
    "CLAMP": (Terms("CLAMP", low=1, high=2), lambda weight: np.clip(weight, 1, 2)),
    "SCALE": (Terms("SCALE", value=3), lambda weight: weight * 3),
    "BLEND": (Terms("BLEND", value=7, weight=0.5), lambda weight: weight * 0.5 + 3.5),
    "index": (Terms("SET", value=-1, index=(3,)), lambda weight: np.where(np.arange(4) == 3, -1, weight)),
    "clamp one": (
        Terms("CLAMP", high=1, index=(1,)),
        lambda weight: np.where(np.arange(4) == 1, np.minimum(weight, 1), weight),
    ),
}


@given(st.lists(st.sampled_from([*WEIGHT_RULES, "clear", "learn", "step", "save", "go back"]), max_size=14))
def test_a_weight_is_always_what_the_rules_make_of_what_lies_underneath(events: list[str]) -> None:
    """Whatever rules come and go, and whatever is learnt, saved and restored meanwhile."""
    setting = Setting()
    subject = setting.subject
    standing: list[tuple[str, OverrideDoc]] = []
    underlying = subject.weight.copy()
    saved = underlying.copy()

    def effective() -> Any:
        weight = underlying
        for kind, _ in standing:
            weight = WEIGHT_RULES[kind][1](weight)
        return weight.astype(np.float32)

    def learn() -> None:
        subject.weight += 1

    for number, event in enumerate(events, 1):
        if event in WEIGHT_RULES:
            standing.append((event, override("weights.weight", WEIGHT_RULES[event][0], number)))
        elif event == "clear":
            standing = standing[1:]
        elif event == "save":
            with setting.rules.lifted():
                np.testing.assert_array_equal(subject.weight, underlying)
                saved = subject.weight.copy()
        elif event == "go back":
            setting.rules.leave()
            subject.weight[:] = underlying = saved.copy()
            setting.rules.put_back()
        else:
            if event == "learn":
                fixed = np.zeros(4, bool)
                for kind, _ in standing:
                    if kind == "index":
                        fixed[3] = True
                    elif kind not in {"CLAMP", "clamp one"}:
                        fixed[:] = True
                underlying = np.where(fixed, underlying, effective() + 1).astype(np.float32)
            setting.step(learns=learn if event == "learn" else None)
        setting.stand(*(document for _, document in standing))
        np.testing.assert_array_equal(subject.weight, effective())
    setting.stand()

    np.testing.assert_array_equal(subject.weight, underlying)
    assert all(told["ended"] is None for told in setting.said.values())


# --- checkpoints -------------------------------------------------------------------------------------------------


def test_a_checkpoint_holds_what_lies_under_the_rules_and_the_rules() -> None:
    """While it is saved the model is its own; then the rules hold again."""
    setting = Setting()
    setting.stand(override("weights.weight", Terms("SET", value=0)), override("outputs.a", Terms("SET", value=1), 2))
    setting.step()
    with setting.rules.lifted() as rules:
        assert setting.subject.weight.tolist() == [0, 1, 2, 3]
    assert setting.subject.weight.tolist() == [0, 0, 0, 0]
    assert [(each["id"], each["stood"]) for each in rules] == [("ovr_1", 1), ("ovr_2", 1)]


def test_saving_under_a_rule_takes_nothing_back_that_was_learnt() -> None:
    """What no rule is about is saved as it is, and stays so."""
    setting = Setting()
    subject = setting.subject
    setting.stand(override("weights.weight", Terms("SET", value=9, index=(2,))))

    def learn() -> None:
        subject.weight += 1

    setting.step(learns=learn)
    subject.weight[0] = 50  # of the model itself, since the rule was looked at
    with setting.rules.lifted():
        assert subject.weight.tolist() == [50, 2, 2, 4]
    assert subject.weight.tolist() == [50, 2, 9, 4]
    setting.step(learns=learn)
    setting.stand()
    assert subject.weight.tolist() == [51, 3, 2, 5]


def test_rules_outlive_going_back() -> None:
    """One that stood then has as much left as then; a weight has the restored value underneath."""
    setting = Setting()
    session, subject = setting.session, setting.subject
    first = override("outputs.a", Terms("SET", value=1), expiresInSteps=5)
    setting.stand(first)
    setting.step()
    with setting.rules.lifted() as kept:
        pass
    setting.step()
    later = override("weights.weight", Terms("SCALE", value=2), 2, expiresInSteps=10)
    setting.stand(first, later)
    setting.step()
    setting.rules.leave()
    session.travel(Place(2, 1, 0))
    subject.weight[:] = 7
    setting.stood.update({each["id"]: each["stood"] for each in kept})
    setting.rules.put_back()

    assert subject.weight.tolist() == [14, 14, 14, 14]
    assert (setting.said["ovr_1"]["expiresAtStep"], setting.said["ovr_1"]["timeline"]) == (5, 2)
    assert setting.said["ovr_2"]["expiresAtStep"] == 10
    setting.stand()
    assert subject.weight.tolist() == [7, 7, 7, 7]


def test_who_cannot_go_back_stays_under_its_rules() -> None:
    """What is raised meanwhile leaves all as it was."""
    setting = Setting()
    rules = Overrides(setting.session, setting.arrows, lambda: setting.taps)
    rules.heed(cast(Desired, {"overrides": [override("weights.weight", Terms("SET", value=5))]}))
    seen: list[Any] = []

    def fail() -> None:
        with rules.beneath([{"id": "ovr_1", "stood": 3}]):
            seen.append(setting.subject.weight.tolist())
            raise OSError("no way back")

    with pytest.raises(OSError, match="no way back"):
        fail()
    assert seen == [[0, 1, 2, 3]]
    assert setting.subject.weight.tolist() == [5, 5, 5, 5]


def test_the_next_attempt_goes_on_with_what_is_left() -> None:
    """A rule that stood in the checkpoint holds for the rest of its steps."""
    setting = Setting()
    setting.session.counters.step = 30
    rules = Overrides(setting.session, setting.arrows, lambda: setting.taps)
    with rules.beneath([{"id": "ovr_1", "stood": 7}]):
        pass
    assert rules.heed(cast(Desired, {"overrides": []})) is None
    rules.heed(cast(Desired, {"overrides": [override("outputs.a", Terms("SET", value=1), expiresInSteps=10)]}))

    assert setting.said["ovr_1"]["expiresAtStep"] == 33
    assert [each["id"] for each in rules.documents] == ["ovr_1"]


def test_without_a_rule_nothing_is_imported() -> None:
    """An attempt on which nobody overrides anything is the plain one."""
    setting = Setting()
    arrows = Arrows()
    rules = Overrides(setting.session, arrows, lambda: setting.taps)
    assert rules.heed(cast(Desired, {})) is None
    with rules.lifted() as kept, rules.beneath(kept):
        assert kept == []
    assert arrows.plain
    assert arrows.rules is None


# --- PATCH -------------------------------------------------------------------------------------------------------


def test_a_patch_plays_a_recording_and_ends_with_it() -> None:
    """Step by step from where it was asked to, on values and on weights."""
    setting = Setting()
    setting.patches = {"ovr_1": [of("float32", [1]), of("float32", [2])], "ovr_2": [np.zeros(4), np.full(4, 8.0)]}
    patch = Patch("rec_1", None, 100)
    rules = [
        override("outputs.a", Terms("PATCH", patch=patch)),
        override("weights.weight", Terms("PATCH", patch=patch), 2),
    ]
    setting.stand(*rules)
    seen = []
    for _ in range(3):
        answer = setting.step(outputs={"a": of("float32", [0])})[1]
        seen.append((float(answer["a"][0]), setting.subject.weight.tolist()))

    assert seen == [(1.0, [0] * 4), (2.0, [8] * 4), (0.0, [0, 1, 2, 3])]
    assert [setting.said[each]["ended"] for each in ("ovr_1", "ovr_2")] == ["EXPIRED", "EXPIRED"]
    assert setting.said["ovr_1"]["message"] == "the recording has ended"


# --- activations -------------------------------------------------------------------------------------------------


def test_an_activation_is_ruled_from_the_first_forward_of_a_new_process_on() -> None:
    """Its name comes up only then; the rule stood before."""
    setting = Setting()
    rules = Overrides(setting.session, setting.arrows, lambda: setting.taps)
    rules.heed(cast(Desired, {"overrides": [override("activations.hidden", Terms("SCALE", value=2))]}))
    setting.arrows.begin(1)

    assert tap("hidden", np.ones(2)).tolist() == [2, 2]
    setting.arrows.action(None, 1)
    assert setting.arrows.overridden == {"activations.hidden"}
    setting.taps.close()


def test_an_activation_that_does_not_come_up_is_refused() -> None:
    """After some steps, with the nearest; rules on others go on."""
    setting = Setting()
    rules = Overrides(setting.session, setting.arrows, lambda: setting.taps)
    both = [
        override("activations.hiden", Terms("SCALE", value=2)),
        override("activations.hidden", Terms("SCALE", value=3), 2),
    ]
    rules.heed(cast(Desired, {"overrides": both}))
    for _ in range(25):
        setting.step()
        value = tap("hidden", np.ones(1))[0]
        setting.taps.news()

    assert value == 3
    assert setting.said["ovr_1"]["ended"] == "REFUSED"
    assert "did you mean activations.hidden" in setting.said["ovr_1"]["message"]
    assert setting.said["ovr_2"]["ended"] is None
    rules.heed(cast(Desired, {"overrides": []}))
    assert tap("hidden", np.ones(1))[0] == 1
    setting.taps.close()


def test_an_unknown_activation_is_refused_at_once_where_the_model_has_run() -> None:
    """The others stay as they are."""
    setting = Setting()
    tap("hidden", np.ones(1))
    setting.taps.news()
    known = override("activations.hidden", Terms("SET", value=5))
    setting.stand(known, override("activations.hiden", Terms("SET", value=5), 2))

    assert setting.said["ovr_2"]["ended"] == "REFUSED"
    assert tap("hidden", np.ones(1))[0] == 5
    setting.taps.close()


def test_a_rule_that_does_not_fit_within_the_forward_harms_nothing() -> None:
    """The forward gets what was computed, and the rule is refused."""
    setting = Setting()
    tap("hidden", np.ones(2))
    setting.stand(override("activations.hidden", Terms("SET", value=[1, 2, 3])))
    setting.arrows.begin(1)
    assert tap("hidden", np.ones(2)).tolist() == [1, 1]
    assert setting.said["ovr_1"]["ended"] == "REFUSED"
    assert not setting.rules.active
    setting.taps.close()


# --- torch -------------------------------------------------------------------------------------------------------


def test_a_torch_module_learns_under_rules() -> None:
    """A parameter stays set through an optimizer's steps, an activation is replaced with its gradient going on."""
    try:
        import torch
    except ImportError:
        give_up("torch is not installed; run make foreign")
    torch.manual_seed(0)
    first, last = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
    net = torch.nn.Sequential(first, last)
    setting = Setting(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    before = first.weight.detach().clone()
    setting.stand(
        override("weights.0.weight", Terms("SET", value=0.5, index=(0, 1))),
        override("activations.0", Terms("CLAMP", low=0), 2),
    )

    hidden: list[Any] = []
    last.register_forward_pre_hook(lambda _module, given: hidden.append(given[0]))

    def learn(_trajectory: Any = None) -> None:
        for _ in range(2):
            optimizer.zero_grad()
            net(torch.ones(4, 2)).sum().backward()
            optimizer.step()
            assert first.weight[0, 1] == 0.5

    for _ in range(3):
        setting.arrows.begin(setting.session.counters.step + 1)
        assert first.weight[0, 1] == 0.5
        net(torch.full((1, 2), -9.0))
        assert hidden[-1].min() >= 0
        setting.step(learns=lambda: setting.gate.around(learn)(None))
    assert first.weight[0, 1] == 0.5
    setting.stand()

    after = first.weight.detach()
    assert after[0, 1] == before[0, 1]
    assert (after != before).sum() == 5
    assert first(torch.full((1, 2), -9.0)).min() < 0
    setting.taps.close()
