"""Taps of classes without networks: what they call tap with, their arrays, their state."""

from __future__ import annotations

from itertools import count
from typing import Any

import ainimal_zookeeper
import numpy as np
import pytest
from ainimal_zookeeper import AInimal
from ainimal_zookeeper.domain.errors import InvalidInput
from zookeeper_runner.gate import Gate

from tests.unit.runner.taps.tapped import listed, tapped


class Walker(AInimal):
    def __init__(self) -> None:
        self.first = np.arange(6.0).reshape(2, 3)
        self.heads: dict[str, Any] = {"move": np.ones(3, np.float32), "count": np.arange(3)}
        self.epsilon = 0.5

    def forward(self, inputs: dict[str, Any]) -> dict[str, Any]:
        hidden = self.tap("hidden", inputs["x"] @ self.first)
        scale = ainimal_zookeeper.tap("scale", 2.0)
        return {"y": hidden * scale}

    @property
    def state(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon, "deep": {"list": [1, {"x": 5}], "word": "on"}, "odd": object()}

    def set_state(self, name: str, value: Any) -> None:
        self.changed = (name, value)
        if name == "epsilon":
            self.epsilon = value


def forward(walker: Walker) -> Any:
    return walker.forward({"x": np.array([1.0, 2.0])})["y"]


def test_what_is_tapped_is_listed_once_it_has_run() -> None:
    """With shape and dtype; the model is not run to find it."""
    walker = Walker()
    with tapped(walker) as taps:
        assert not [path for path in listed(taps) if path.startswith("activations.")]

        forward(walker)

        assert taps.news()
        assert not taps.news()
        signals = listed(taps)
        assert signals["activations.hidden"]["modality"]["shape"] == [3]
        assert signals["activations.hidden"]["modality"]["dtype"] == "float64"
        assert signals["activations.scale"]["modality"]["kind"] == "SCALAR"
        assert signals["activations.hidden"]["overridable"]


def test_an_observed_value_is_that_of_the_last_forward() -> None:
    """None before; what the class writes into its array later does not change it."""
    walker = Walker()
    with tapped(walker) as taps:
        forward(walker)
        taps.observe("test", frozenset({"activations.hidden"}))
        assert taps.read("activations.hidden") is None

        forward(walker)
        walker.first += 1

        assert taps.read("activations.hidden").tolist() == [6, 9, 12]
        assert taps.read("activations.scale") is None


def test_what_several_observe_is_kept_as_long_as_one_does() -> None:
    """Each owner says what it needs; the last to let go ends it."""
    walker = Walker()
    hidden = frozenset({"activations.hidden"})
    with tapped(walker) as taps:
        forward(walker)
        taps.observe("one", hidden)
        taps.observe("other", hidden)
        forward(walker)
        taps.observe("one", frozenset())
        assert taps.read("activations.hidden") is not None

        taps.observe("other", frozenset())

        assert taps.read("activations.hidden") is None


def test_a_changed_value_is_what_goes_on() -> None:
    """Within the forward, and as what is observed; without the change it is again as it was."""
    walker = Walker()
    before = forward(walker).tolist()
    with tapped(walker) as taps:
        forward(walker)
        taps.observe("test", frozenset({"activations.hidden"}))
        taps.change({"activations.hidden": lambda value: value * 0 + 7, "activations.scale": lambda value: value + 1})

        assert forward(walker).tolist() == [21, 21, 21]
        assert taps.read("activations.hidden").tolist() == [7, 7, 7]

        taps.change({})

        assert forward(walker).tolist() == before


def test_what_is_asked_for_before_the_first_forward_holds_from_it_on() -> None:
    """A rule of an earlier attempt stands already in the first step of the next, when no name has come up yet."""
    walker = Walker()
    with tapped(walker) as taps:
        taps.observe("test", frozenset({"activations.hidden"}))
        taps.change({"activations.hidden": lambda value: value * 0 + 7})

        assert forward(walker).tolist() == [14, 14, 14]
        assert taps.read("activations.hidden").tolist() == [7, 7, 7]
        assert taps.news()
        assert "activations.hidden" in listed(taps)
        with pytest.raises(InvalidInput, match=r"there is no signal activations\.hiden"):
            taps.observe("test", frozenset({"activations.hiden"}))


def test_a_change_of_another_shape_is_refused() -> None:
    """The error names what is expected."""
    walker = Walker()
    with tapped(walker) as taps:
        forward(walker)
        taps.change({"activations.hidden": lambda value: value[:2]})

        with pytest.raises(InvalidInput, match=r"activations.hidden: expected float64\[3\], got float64\[2\]"):
            forward(walker)


def test_learning_is_no_step() -> None:
    """Forwards within train are neither observed nor changed."""
    walker, gate = Walker(), Gate()
    with tapped(walker, gate) as taps:
        forward(walker)
        taps.observe("test", frozenset({"activations.hidden"}))
        taps.change({"activations.scale": lambda value: value * 50})

        learnt = gate.around(lambda _trajectory: forward(walker))(None)

        assert learnt.tolist() == [12, 18, 24]
        assert taps.read("activations.hidden") is None
        assert forward(walker).tolist() == [600, 900, 1200]


def test_tapping_without_a_zoo_is_nothing() -> None:
    """The value itself comes back, and no name is kept."""
    from ainimal_zookeeper.tapping import USES

    value = np.zeros(3)

    assert ainimal_zookeeper.tap("free", value) is value
    assert not USES


def test_names_that_are_no_paths_become_ones() -> None:
    """A space or an umlaut does not hide a signal."""
    with tapped(Walker()) as taps:
        ainimal_zookeeper.tap("my höhe", 1.0)

        assert "activations.my_h_he" in listed(taps)
        taps.change({"activations.my_h_he": lambda value: value + 1})
        assert ainimal_zookeeper.tap("my höhe", 1.0) == 2.0


def test_arrays_of_real_numbers_are_weights() -> None:
    """Read where they are, written in place; by the names that they have in checkpoints."""
    walker = Walker()
    with tapped(walker) as taps:
        weights = [path for path in listed(taps) if path.startswith("weights.")]
        assert weights == ["weights.first", "weights.heads.move"]
        assert taps.read("weights.first") is walker.first

        taps.write("weights.heads.move", [1, 2, 3])

        assert walker.heads["move"].tolist() == [1, 2, 3]
        assert walker.heads["move"].dtype == np.float32


def test_a_weight_that_cannot_be_written_says_so() -> None:
    """A read-only array, in the list and when it is tried; a wrong shape is named with the right one."""
    walker = Walker()
    walker.first.flags.writeable = False
    with tapped(walker) as taps:
        signal = listed(taps)["weights.first"]
        assert (signal["overridable"], signal["reason"]) == (False, "the array is read-only")
        with pytest.raises(InvalidInput, match="read-only"):
            taps.write("weights.first", np.zeros((2, 3)))
        with pytest.raises(InvalidInput, match=r"weights.heads.move: expected float32\[3\], got float64\[2\]"):
            taps.write("weights.heads.move", np.zeros(2))


def test_state_is_told_by_its_leaves_and_changed_by_set_state() -> None:
    """Nested mappings and lists by dots; what lies deep is changed by the whole that it is in."""
    walker = Walker()
    with tapped(walker) as taps:
        state = [path for path in listed(taps) if path.startswith("state.")]
        assert state == ["state.epsilon", "state.deep.list.0", "state.deep.list.1.x", "state.deep.word"]
        assert [taps.read(path) for path in state] == [0.5, 1, 5, "on"]

        taps.write("state.epsilon", 0.25)
        assert walker.epsilon == 0.25

        taps.write("state.deep.list.1.x", 6)
        assert walker.changed == ("deep", {"list": [1, {"x": 6}], "word": "on"})


def test_a_plain_class_without_state_shows_its_attributes() -> None:
    """Numbers and words that are not private; they are set as attributes are."""

    class Plain:
        def __init__(self) -> None:
            self.rate, self.name, self._hidden, self.tables = 0.1, "fox", 3, [1, 2]

    plain = Plain()
    with tapped(plain) as taps:
        assert list(listed(taps)) == ["state.rate", "state.name"]

        taps.write("state.rate", 1)

        assert plain.rate == 1.0
        assert isinstance(plain.rate, float)


def test_a_state_without_set_state_cannot_be_changed() -> None:
    """The list says why."""

    class Shown:
        state = property(lambda _self: {"x": 1.0})

    with tapped(Shown()) as taps:
        assert listed(taps)["state.x"]["reason"] == "the class has no set_state"
        with pytest.raises(InvalidInput, match="write set_state"):
            taps.write("state.x", 2.0)


@pytest.mark.parametrize(("many", "left_out"), [(200, None), (201, "1 value"), (243, "43 values")])
def test_what_is_left_out_of_a_state_is_said(many: int, left_out: str | None) -> None:
    """Beyond the bound a finding says how many there are, and the way out."""

    class Large:
        state = property(lambda _self: {f"unit_{index}": float(index) for index in range(many)})

    with tapped(Large()) as taps:
        assert len(taps.signals()) == 200
        way_out = "of it cannot be watched: only the first 200 can; keep fewer in it, or arrays of them (measured)"
        assert taps.findings == ([] if left_out is None else [f"state: {left_out} {way_out}"])


def test_a_state_without_end_is_not_counted_to_it() -> None:
    """Counting what is left out has a bound of its own."""

    class Endless(dict[str, float]):
        def items(self) -> Any:
            return ((f"unit_{index}", 1.0) for index in count())

    class Large:
        state = property(lambda _self: Endless())

    with tapped(Large()) as taps:
        taps.signals()

        assert taps.findings[0].startswith("state: at least 2000 values of it cannot be watched")


def test_a_state_that_raises_hides_nothing_else() -> None:
    """It is told, and weights are listed all the same."""

    class Broken:
        def __init__(self) -> None:
            self.weights = np.ones(2)

        @property
        def state(self) -> Any:
            raise KeyError("gone")

    with tapped(Broken()) as taps:
        assert list(listed(taps)) == ["weights.weights"]
        assert taps.findings == ["state: it cannot be read: KeyError: 'gone' (measured)"]


@pytest.mark.parametrize(
    ("path", "near"),
    [("activations.hiden", "activations.hidden"), ("weights.fist", "weights.first"), ("state.epsilo", "state.epsilon")],
)
def test_a_path_that_does_not_exist_names_the_nearest(path: str, near: str) -> None:
    """Whatever is asked of it."""
    walker = Walker()
    with tapped(walker) as taps:
        forward(walker)
        taps.news()
        with pytest.raises(InvalidInput, match=f"there is no signal {path}; did you mean .*{near}"):
            taps.read(path)
        with pytest.raises(InvalidInput):
            taps.observe("test", frozenset({path}))


def test_an_object_that_does_not_let_itself_be_looked_at_harms_nobody() -> None:
    """What raises is not there; the rest is listed."""

    class Shy:
        def __init__(self) -> None:
            self.__dict__["hidden"] = np.ones(2)
            self.shown = np.ones(3)

        @property
        def hidden(self) -> Any:
            raise RuntimeError("do not look")

    with tapped(Shy()) as taps:
        assert list(listed(taps)) == ["weights.shown"]
        assert taps.read("weights.hidden") is None
        with pytest.raises(InvalidInput, match=r"weights.hidden is not there any more"):
            taps.write("weights.hidden", np.zeros(2))
