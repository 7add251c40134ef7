"""What `test_jax_taps` runs in a process of its own: JAX has threads, beside which no other test could fork."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from ainimal_zookeeper import AInimal

from tests.unit.runner.taps.tapped import listed, tapped

jax: Any = importlib.import_module("jax")
SEEN = np.array([1.0, 2.0], np.float32)


class Learner(AInimal):
    def __init__(self) -> None:
        self.params = {"w": jax.numpy.ones((2, 3)), "b": jax.numpy.zeros(3)}
        self.quick = jax.jit(self.apply)

    def apply(self, params: Any, seen: Any) -> Any:
        return self.tap("traced", seen @ params["w"] + params["b"])

    def forward(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"y": self.tap("hidden", self.quick(self.params, inputs["x"]))}


def see_and_change() -> None:
    """A value within jit is not there to be looked at; outside it is as any other."""
    learner = Learner()
    with tapped(learner) as taps:
        learner.forward({"x": SEEN})

        signals = listed(taps)
        assert "jit" in signals["activations.traced"]["reason"]
        assert not signals["activations.traced"]["observable"]
        taps.observe("test", frozenset({"activations.hidden"}))
        learner.forward({"x": SEEN})
        assert taps.read("activations.hidden").tolist() == [3, 3, 3]

        taps.change({"activations.hidden": lambda value: value * 2})
        changed = learner.forward({"x": SEEN})["y"]
        assert isinstance(changed, jax.Array)
        assert changed.tolist() == [6, 6, 6]


def replace_parameters() -> None:
    """Their arrays never change: what holds them holds others then, of the same dtype."""
    learner = Learner()
    with tapped(learner) as taps:
        assert {path for path in listed(taps) if path.startswith("weights.")} == {
            "weights.params.w",
            "weights.params.b",
        }

        taps.write("weights.params.b", [1, 2, 3])

        assert isinstance(learner.params["b"], jax.Array)
        assert learner.params["b"].dtype == np.float32
        assert learner.forward({"x": SEEN})["y"].tolist() == [4, 5, 6]
        assert taps.read("weights.params.b").tolist() == [1, 2, 3]


if __name__ == "__main__":
    see_and_change()
    replace_parameters()
