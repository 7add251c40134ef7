"""Taps of networks of torch, wherever in an object they are."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from zookeeper_runner.gate import Gate
from zookeeper_runner.state.taking import take

from tests.conftest import give_up
from tests.unit.runner.taps.tapped import listed, tapped

try:
    import torch as library
except ModuleNotFoundError:
    give_up("torch is not installed; run make foreign")

torch: Any = library


class Policy(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        nn = torch.nn
        self.encoder = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.BatchNorm1d(8))
        self.memory = nn.LSTM(8, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, seen: Any) -> Any:
        hidden, _ = self.memory(self.encoder(seen)[None])
        return self.head(hidden[0])


class Learner:
    """Holds networks in attributes, dicts and lists, beside an optimizer and a tensor."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.policy = Policy().eval()
        self.critics = {"value": [torch.nn.Linear(4, 1)]}
        self.optimizer = torch.optim.Adam(self.policy.parameters())
        self.scale = torch.ones(2, requires_grad=True)
        self.alias = self.policy.head

    def act(self, seen: Any) -> Any:
        with torch.no_grad():
            return self.policy(torch.as_tensor(seen, dtype=torch.float32)[None])[0].numpy()


SEEN = np.array([1.0, -2.0, 0.5, 3.0])
ENCODED = frozenset({"activations.policy.encoder.0"})


def parts(learner: Learner) -> Any:
    """Returns what the first layer makes of SEEN, apart from all taps."""
    layer = learner.policy.encoder[0]
    return (layer.weight @ torch.as_tensor(SEEN, dtype=torch.float32) + layer.bias).detach().numpy()


def test_every_module_is_listed_and_its_shape_learnt_from_the_first_forward() -> None:
    """Tuples by their parts; no hook stays behind."""
    learner = Learner()
    with tapped(learner) as taps:
        before = listed(taps)
        assert before["activations.policy.encoder.0"]["reason"].startswith("it has not run yet")
        assert not before["activations.policy.encoder.0"]["overridable"]

        learner.act(SEEN)

        assert taps.news()
        after = listed(taps)
        shapes = {path: each["modality"]["shape"] for path, each in after.items() if path.startswith("activations.")}
        assert shapes == {
            "activations.policy": [1, 2],
            "activations.policy.encoder": [1, 8],
            "activations.policy.encoder.0": [1, 8],
            "activations.policy.encoder.1": [1, 8],
            "activations.policy.encoder.2": [1, 8],
            "activations.policy.memory.0": [1, 1, 3],
            "activations.policy.memory.1.0": [1, 1, 3],
            "activations.policy.memory.1.1": [1, 1, 3],
            "activations.policy.head": [1, 2],
            "activations.critics.value.0": [],
        }
        assert after["activations.policy.memory.1.0"]["overridable"]
        assert not taps.news()
        assert not any(module._forward_hooks for module in learner.policy.modules())


def test_an_activation_is_that_of_the_last_forward() -> None:
    """Also where what comes after writes into it: it is copied from the second time on."""
    learner = Learner()
    with tapped(learner) as taps:
        learner.act(SEEN)
        taps.observe("test", ENCODED | {"activations.policy.head", "activations.policy.memory.1.0"})
        acted = learner.act(SEEN)

        assert taps.read("activations.policy.head").tolist() == [acted.tolist()]
        assert taps.read("activations.policy.memory.1.0").shape == (1, 1, 3)
        assert taps.read("activations.policy.encoder.0") is None  # ReLU has written into it

        learner.act(SEEN)

        np.testing.assert_allclose(taps.read("activations.policy.encoder.0")[0], parts(learner), rtol=1e-5)
        assert (taps.read("activations.policy.encoder.0") < 0).any()


def test_an_activation_of_inference_mode_is_as_it_was() -> None:
    """Those tensors do not count what is written into them: they are copied."""
    learner = Learner()
    with tapped(learner) as taps:
        learner.act(SEEN)
        taps.observe("test", ENCODED)
        with torch.inference_mode():
            learner.act(SEEN)

        np.testing.assert_allclose(taps.read("activations.policy.encoder.0")[0], parts(learner), rtol=1e-5)


def test_a_changed_activation_is_what_goes_on() -> None:
    """In a tuple as well; what is observed is what went on; afterwards all is as before."""
    learner = Learner()
    before = learner.act(SEEN)
    with tapped(learner) as taps:
        learner.act(SEEN)
        taps.observe("test", frozenset({"activations.policy.memory.0"}))
        taps.change({"activations.policy.memory.0": lambda value: value * 0 + 0.5})

        acted = learner.act(SEEN)

        head = learner.policy.head
        expected = (head.weight @ torch.full((3,), 0.5) + head.bias).detach().numpy()
        np.testing.assert_allclose(acted, expected, rtol=1e-5)
        assert taps.read("activations.policy.memory.0").tolist() == [[[0.5, 0.5, 0.5]]]

        taps.change({})

        assert learner.act(SEEN).tolist() == before.tolist()


def test_what_is_asked_for_before_the_first_forward_holds_from_it_on() -> None:
    """A rule of an earlier attempt stands already in the first step, when no shape is known yet."""
    learner = Learner()
    with tapped(learner) as taps:
        taps.observe("test", frozenset({"activations.policy.memory.1.0"}))
        taps.change({"activations.policy.memory.0": lambda value: value * 0 + 0.5})

        acted = learner.act(SEEN)

        head = learner.policy.head
        expected = (head.weight @ torch.full((3,), 0.5) + head.bias).detach().numpy()
        np.testing.assert_allclose(acted, expected, rtol=1e-5)
        assert taps.read("activations.policy.memory.1.0").shape == (1, 1, 3)


def test_a_change_leaves_the_gradient_of_what_stays() -> None:
    """One element is set: the others still learn."""
    learner = Learner()
    with tapped(learner) as taps:
        learner.act(SEEN)

        def set_first(value: Any) -> Any:
            value[..., 0] = 9
            return value

        taps.change({"activations.policy.head": set_first})
        returned = learner.policy(torch.ones(1, 4))
        returned.sum().backward()

        assert returned[0, 0].item() == 9
        assert learner.policy.head.bias.grad.tolist() == [0, 1]


def test_minibatches_are_no_activations() -> None:
    """Whatever runs while the model learns is left alone."""
    learner, gate = Learner(), Gate()
    with tapped(learner, gate) as taps:
        learner.act(SEEN)
        taps.observe("test", frozenset({"activations.policy.head"}))
        gate.around(lambda _trajectory: learner.policy(torch.ones(7, 4)))(None)
        assert taps.read("activations.policy.head") is None


def test_a_copy_of_a_network_is_not_the_network() -> None:
    """A target network that is copied while its original is watched neither shows nor changes anything."""
    learner = Learner()
    with tapped(learner) as taps:
        learner.act(SEEN)
        taps.observe("test", frozenset({"activations.policy.head"}))
        taps.change({"activations.policy.head": lambda value: value * 0})
        copied = copy.deepcopy(learner.policy)
        acted = learner.act(SEEN)

        assert copied(torch.ones(1, 4)).abs().sum() > 0
        assert taps.read("activations.policy.head")[0].tolist() == acted.tolist() == [0, 0]


def test_what_is_copied_while_it_learns_or_is_saved_has_no_hooks() -> None:
    """They could not be pickled, and are there again afterwards."""
    learner, gate = Learner(), Gate()
    with tapped(learner, gate) as taps:
        learner.act(SEEN)
        taps.observe("test", frozenset({"activations.policy.head"}))
        with gate:
            file = io.BytesIO()
            torch.save(learner.policy, file)
            pickle.dumps(learner.policy)

        acted = learner.act(SEEN)

        assert taps.read("activations.policy.head")[0].tolist() == acted.tolist()


def test_weights_have_the_names_of_checkpoints() -> None:
    """Parameters and buffers, as well as tensors that are held apart; what is held twice by its first name."""
    learner = Learner()
    with tapped(learner) as taps:
        named = {path.removeprefix("weights.") for path in listed(taps) if path.startswith("weights.")}

        assert named <= take(learner).tensors.keys()
        assert {"policy.encoder.2.running_mean", "policy.head.bias", "critics.value.0.weight", "scale"} <= named
        assert not [name for name in named if name.startswith(("optimizer", "alias"))]


def test_a_weight_is_written_in_place() -> None:
    """The optimizer and whoever else holds it see the same tensor; dtype and shape stay."""
    learner = Learner()
    bias = learner.policy.head.bias
    with tapped(learner) as taps:
        taps.write("weights.policy.head.bias", np.array([1.0, 2.0]))

        assert learner.policy.head.bias is bias
        assert bias.tolist() == [1, 2]
        assert bias.requires_grad
        assert taps.read("weights.policy.head.bias").tolist() == [1, 2]
        with pytest.raises(InvalidInput, match=r"weights.policy.head.bias: expected float32\[2\], got float64\[3\]"):
            taps.write("weights.policy.head.bias", np.zeros(3))


def test_half_precision_is_shown_in_full() -> None:
    """NumPy has no bfloat16: it is float32 for people, and stays what it is in the model."""
    net = torch.nn.Linear(2, 1).to(torch.bfloat16)

    class Model:
        def __init__(self) -> None:
            self.net = net

    with tapped(Model()) as taps:
        taps.write("weights.net.bias", [0.5])

        assert taps.read("weights.net.bias").dtype == np.float32
        assert net.bias.dtype == torch.bfloat16
        assert net.bias.item() == 0.5
        net(torch.ones(1, 2, dtype=torch.bfloat16))
        taps.observe("test", frozenset({"activations.net"}))
        returned = net(torch.ones(1, 2, dtype=torch.bfloat16))
        assert taps.read("activations.net").tolist() == returned.float().tolist()


def test_a_network_that_takes_anothers_place_is_followed() -> None:
    """What is observed is named by its path, not by the object that was there once."""
    learner, gate = Learner(), Gate()
    with tapped(learner, gate) as taps:
        learner.act(SEEN)
        taps.observe("test", frozenset({"activations.policy.head"}))
        old = learner.policy

        def learn(_trajectory: Any) -> None:
            learner.policy = Policy().eval()

        gate.around(learn)(None)
        acted = learner.act(SEEN)

        assert taps.read("activations.policy.head")[0].tolist() == acted.tolist()
        assert not old.head._forward_hooks


def test_what_returns_no_tensor_says_so() -> None:
    """Objects of classes of one's own cannot be looked into."""

    class Distribution(torch.nn.Module):  # type: ignore[misc]
        def forward(self, seen: Any) -> Any:
            return torch.distributions.Normal(seen, 1.0)

    class Model:
        def __init__(self) -> None:
            self.net = Distribution()

    model = Model()
    with tapped(model) as taps:
        listed(taps)
        model.net(torch.zeros(2))
        taps.news()

        signal = listed(taps)["activations.net"]

        assert not signal["observable"]
        assert signal["reason"].startswith("it returns no tensor of real numbers")


def test_an_object_that_is_a_network_itself_has_no_name_before_its_parts() -> None:
    """As in checkpoints; its own arrays are weights beside the parameters."""

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)
            self.mean = np.zeros(2)

        def forward(self, seen: Any) -> Any:
            return self.layer(seen)

    net = Net()
    with tapped(net) as taps:
        listed(taps)
        net(torch.zeros(1, 2))
        taps.news()

        assert [path for path in listed(taps) if not path.startswith("state.")] == [
            "activations.layer",
            "weights.layer.weight",
            "weights.layer.bias",
            "weights.mean",
        ]


def test_a_network_within_an_installed_librarys_object_is_found() -> None:
    """Its arrays are none of the author's, its modules are."""
    from types import SimpleNamespace

    class Model:
        def __init__(self) -> None:
            self.algorithm = SimpleNamespace(policy=torch.nn.Linear(2, 1), last=np.zeros(3))

    with tapped(Model()) as taps:
        assert {path for path in listed(taps) if path.startswith("weights.")} == {
            "weights.algorithm.policy.weight",
            "weights.algorithm.policy.bias",
        }


def test_what_torch_compiles_says_that_it_needs_eager_mode() -> None:
    """At once, and before anything is compiled; its weights can be read and written, its result be seen."""

    class Compiled:
        def __init__(self) -> None:
            self.net = torch.compile(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh()), backend="eager")
            self.inside = torch.nn.Sequential(torch.nn.Linear(2, 1))
            self.inside.compile(backend="eager")

    compiled = Compiled()
    with tapped(compiled) as taps:
        signals = listed(taps)
        for path in ("activations.net._orig_mod.0", "activations.inside", "activations.inside.0"):
            assert not signals[path]["observable"], path
            assert "needs eager mode" in signals[path]["reason"]
        assert signals["activations.net"]["observable"]
        taps.write("weights.net._orig_mod.0.bias", [1, 2, 3])
        with torch.no_grad():
            compiled.net(torch.zeros(1, 2))
            taps.observe("test", frozenset({"activations.net"}))
            compiled.net(torch.zeros(1, 2))

        np.testing.assert_allclose(taps.read("activations.net"), np.tanh([[1.0, 2.0, 3.0]]), rtol=1e-6)


def test_modules_within_a_compiled_function_say_so_once_it_has_run() -> None:
    """Nobody can know before which of them it takes in."""

    class Compiled:
        def __init__(self) -> None:
            self.net, self.apart = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
            self.quick = torch.compile(self._slow, backend="eager", fullgraph=True)

        def _slow(self, seen: Any) -> Any:
            return self.net(seen)

    compiled = Compiled()
    with tapped(compiled) as taps:
        listed(taps)
        with torch.no_grad():
            compiled.apart(compiled.quick(torch.ones(1, 2)))
        assert taps.news()

        signals = listed(taps)

        assert signals["activations.apart"]["observable"]
        assert not signals["activations.net"]["observable"]
        assert "needs eager mode" in signals["activations.net"]["reason"]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_scripted_modules_say_that_they_are() -> None:
    """torch.jit has no hooks to offer from Python."""

    class Scripted:
        def __init__(self) -> None:
            self.net = torch.jit.trace(torch.nn.Sequential(torch.nn.Linear(2, 1)), torch.zeros(1, 2))

    with tapped(Scripted()) as taps:
        signals = listed(taps)

        assert "torch.jit" in signals["activations.net.0"]["reason"]
        assert taps.read("weights.net.0.weight").shape == (1, 2)


def test_what_flows_around_a_layer_is_told_as_well() -> None:
    """Both layers take what the first returned; what no layer has made comes from the last that ran."""

    class Forked(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.left, self.right, self.head = (torch.nn.Linear(2, 2) for _ in range(4))

        def forward(self, seen: Any) -> Any:
            trunk = self.trunk(seen)
            return self.head(self.left(trunk) + self.right(trunk))

    net = Forked()
    with tapped(net) as taps:
        listed(taps)
        net(torch.zeros(1, 2))
        net(torch.zeros(1, 2))
        taps.news()
        found = taps.architecture()

    assert found is not None
    assert [(edge["source"], edge["target"]) for edge in found["edges"]] == [
        ("trunk", "left"),
        ("trunk", "right"),
        ("right", "head"),
    ]


def test_layers_are_told_in_order_with_what_flows_between_them() -> None:
    """Counts of parameters at once; shapes and edges as the first forward shows them, those that are shared once."""
    learner = Learner()
    with tapped(learner) as taps:
        listed(taps)
        at_first = taps.architecture()
        for _ in range(3):  # as many as there may be before somebody looks
            learner.act(SEEN)
        taps.news()
        found = taps.architecture()

    assert at_first is not None
    assert found is not None
    assert [(node["id"], node["type"], node["parameterCount"], node["outputShape"]) for node in found["nodes"]] == [
        ("policy.encoder.0", "Linear", 40.0, [1, 8]),
        ("policy.encoder.1", "ReLU", 0.0, [1, 8]),
        ("policy.encoder.2", "BatchNorm1d", 16.0, [1, 8]),
        ("policy.memory", "LSTM", 156.0, None),
        ("policy.head", "Linear", 8.0, [1, 2]),
        ("critics.value.0", "Linear", 5.0, None),
    ]
    assert found["nodes"][0]["attributes"] == {"in_features": 4, "out_features": 8}
    assert at_first["edges"] == [
        {"source": "policy.encoder.0", "target": "policy.encoder.1"},
        {"source": "policy.encoder.1", "target": "policy.encoder.2"},
    ]
    assert found["edges"] == [
        *at_first["edges"],
        {"source": "policy.encoder.2", "target": "policy.memory"},
        {"source": "policy.memory", "target": "policy.head"},
    ]
    assert found["parameterCount"] == 225.0
