"""What torch keeps state in: taken by its names, put back in place, and refused where it does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import InvalidInput, InvalidTransition
from ainimal_zookeeper.models.agent import Agent
from zookeeper_runner.checkpoint import write
from zookeeper_runner.session import Counters
from zookeeper_runner.state.giving import Giving
from zookeeper_runner.state.taking import Taken, measure, take

from tests.unit.runner.test_state import back, given_back

torch: Any = pytest.importorskip("torch")

DTYPES = ("bfloat16", "float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool", "complex64")


class Learner:
    def __init__(self, hidden: int = 8, rate: float = 0.01) -> None:
        nn = torch.nn
        self.net = nn.Sequential(nn.Linear(4, hidden), nn.BatchNorm1d(hidden), nn.Dropout(0.5), nn.Linear(hidden, 2))
        self.target = self.net[3]
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=rate)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, 5, 0.5)
        self.chance = torch.Generator().manual_seed(1)
        self.scale = torch.zeros(3, requires_grad=True)

    def learn(self, times: int = 7) -> list[float]:
        losses = []
        for _ in range(times):
            seen = torch.randn(6, 4, generator=self.chance)
            loss = self.net(seen).square().mean() + self.scale.square().sum()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            losses.append(loss.item())
        return losses


def refused(taken: Taken, live: Any) -> str:
    taken.finish()
    with pytest.raises(InvalidInput) as caught:
        Giving(taken.root, taken.tensors, [], live).check()
    return str(caught.value)


@pytest.mark.parametrize("anew", [True, False])
def test_learning_goes_on_to_the_bit(anew: bool) -> None:
    """Weights, statistics, moments, schedule and chance: the same losses follow, and what was shared is shared."""
    torch.manual_seed(3)
    learner = Learner()
    learner.learn()
    learner.net.eval()
    taken = take(learner)
    chance = torch.get_rng_state()
    learner.net.train()
    expected = learner.learn()

    live = Learner() if anew else learner
    weight = live.net[0].weight
    given_back(taken, live)
    torch.set_rng_state(chance)

    assert not live.net.training
    live.net.train()
    assert live.learn() == expected
    assert live.net[0].weight is weight
    assert live.target is live.net[3]
    assert live.scale.requires_grad
    assert {"net.0.weight", "net.1.running_mean", "optimizer.state.0.exp_avg", "scale"} <= taken.tensors.keys()
    assert (taken.pickles, taken.left) == ([], {})


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_tensors_of_every_kind_come_back(name: str, shape: tuple[int, ...]) -> None:
    """Empty ones, ones without axes, transposed ones: dtype, shape and bits."""
    tensor = torch.randn(shape).to(getattr(torch, name))
    for made in (tensor, tensor.T if len(shape) == 2 else tensor):
        again = back(made)
        assert (again.dtype, again.shape) == (made.dtype, made.shape)
        assert torch.equal(again, made)


def test_bits_that_are_no_numbers_come_back() -> None:
    """The payload of a NaN is kept in half precision as well."""
    bits = torch.tensor([0x7FC1, -1, 0x7F81], dtype=torch.int16)
    again = back(bits.view(torch.bfloat16))
    assert again.view(torch.int16).tolist() == bits.tolist()


def test_another_shape_is_refused_before_anything_changes() -> None:
    """The tensor and both shapes are named, and what to do."""
    live = Learner(hidden=16)
    before = {name: part.clone() for name, part in live.net.state_dict().items()}
    message = refused(take(Learner(hidden=8)), live)
    assert "tensor net.0.weight is of shape [16, 4] in the model, and of shape [8, 4] in the checkpoint" in message
    assert all(torch.equal(part, before[name]) for name, part in live.net.state_dict().items())


def test_layers_more_or_fewer_are_refused() -> None:
    """Whichever side has a tensor that the other has not."""
    fewer = {"net": torch.nn.Sequential(torch.nn.Linear(2, 2))}
    more = {"net": torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))}
    assert "holds the tensor net.1.weight of shape [2, 2], which net does not have" in refused(take(more), fewer)
    assert "lacks the tensor net.1.weight of shape [2, 2], which net has" in refused(take(fewer), more)


def test_a_network_made_later_than_the_constructor_is_refused() -> None:
    """Nothing is there to load it into: what to do is said."""
    made = {"net": torch.nn.Linear(1, 1)}
    assert "holds net as a Linear, and the constructor makes nothing of that name" in refused(take(made), {})


def test_a_network_made_later_than_the_constructor_is_not_saved() -> None:
    """Nobody relies on a checkpoint that no later attempt could load: it is said before, and when it is saved."""
    learner = Learner()
    agent = Agent(forward=dict, subject=learner, made={"net": "Sequential", "target": "Linear", "optimizer": "SGD"})
    assert measure(learner, agent.made).late == ["optimizer", "schedule", "chance"]
    with pytest.raises(InvalidTransition, match="optimizer, schedule, chance are made later than in the constructor"):
        write(agent, Counters())
    assert measure(learner, {name: type(part).__qualname__ for name, part in vars(learner).items()}).late == []


def test_the_rate_that_was_chosen_holds() -> None:
    """A launch with another learning rate learns with it, unless a schedule has left the old one long ago."""
    taken = take(Learner(rate=0.01)).finish()
    live = Learner(rate=0.3)
    giving = Giving(taken.root, taken.tensors, [], live, [(0.01, 0.3)])
    giving.check()
    giving.give()
    assert live.optimizer.param_groups[0]["lr"] == 0.3


def test_a_module_of_the_authors_keeps_what_else_it_holds() -> None:
    """Attributes of networks, and buffers that are in no state_dict."""

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(2), persistent=False)
            self.steps = 0
            self.past: list[Any] = [np.zeros(1)]
            self.layer = torch.nn.Linear(2, 2)

    net = Net()
    net.steps, net.past = 5, [np.ones(2), "x"]
    net.seen += 1
    again = back(net, Net())
    assert (again.steps, again.past[0].tolist(), again.past[1], again.seen.tolist()) == (5, [1.0, 1.0], "x", [1.0, 1.0])
    assert torch.equal(again.layer.weight, net.layer.weight)
