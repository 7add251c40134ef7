"""What a script shows of a torch module, and what rules make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import give_up
from tests.fakes.runner_link import wanted

from .conftest import Attached

Attach = Callable[..., Attached]


@pytest.fixture(scope="module")
def torch() -> Any:
    try:
        import torch
    except ImportError:
        give_up("torch is not installed; run make foreign")
    return torch


def rule(path: str, value: Any) -> dict[str, Any]:
    return {
        "id": f"ovr_{path}", "order": 1, "path": path, "rule": "SET", "valueJson": json.dumps({"value": value}),
        "expiresAt": None, "expiresInSteps": None, "authorId": None, "setAt": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip


def stand(attached: Attached, *rules: dict[str, Any]) -> None:
    """Lets these rules stand, and no others."""
    desired: Any = {**wanted(training=True), "overrides": list(rules)}
    generation = attached.link.desire("ins_1", desired)
    session = attached.run._companion._session
    while session.report()["observedGeneration"] < generation:
        attached.run.log({})


def test_a_rule_on_a_weight_holds_through_the_steps_of_an_optimizer(attach: Attach, torch: Any) -> None:
    """Wherever in the script these are made; the rest of the module learns, and at the end all of it does."""
    attached = attach()
    model = attached.run.watch(torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def learn() -> None:
        loss = (model(torch.ones(4, 2)) - 5.0).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    attached.run.log({})
    stand(attached, rule("weights.bias", [7.0]))
    before = model.weight.detach().clone()
    learn()
    assert (model.bias.item(), torch.equal(model.weight, before)) == (7.0, False)
    stand(attached)
    assert model.bias.item() != 7.0
    attached.run.close()
    stood = model.bias.item()
    learn()

    assert model.bias.item() != stood


def test_a_rule_on_an_activation_holds_within_the_forward(attach: Attach, torch: Any) -> None:
    """Until it is cleared; nothing of it stays on the module."""
    attached = attach()
    model = attached.run.watch(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)))
    attached.run.log({})
    model(torch.ones(1, 2))
    free = model(torch.ones(1, 2)).item()
    stand(attached, rule("activations.0", [[0.0, 0.0]]))
    ruled = model(torch.ones(1, 2)).item()
    stand(attached)

    assert ruled == pytest.approx(model[1].bias.item())
    assert model(torch.ones(1, 2)).item() == free


def test_several_modules_are_told_apart_by_their_names(attach: Attach, torch: Any) -> None:
    """Paths begin with them."""
    attached = attach()
    attached.run.watch(torch.nn.Linear(2, 1), "actor")
    attached.run.watch(torch.nn.Linear(2, 1), "critic")
    attached.run.log({})
    paths = {signal["path"] for signal in attached.run._companion.script.taps.signals()}

    assert {"weights.actor.bias", "weights.critic.weight", "activations.actor"} <= paths


def test_what_a_script_learns_by_is_no_activation_of_a_step(attach: Attach, torch: Any) -> None:
    """Where it acts without gradients, what has them is learning; where it acts with them nobody can tell."""
    gate = attach().run._companion.script.gate
    with torch.no_grad():
        assert not gate.shut
    gate.acted()
    assert gate.shut
    with torch.no_grad():
        assert not gate.shut
    assert gate.shut
    gate.acted()

    assert not gate.shut


def test_a_script_that_goes_on_alone_is_rid_of_all_rules(attach: Attach, torch: Any) -> None:
    """When the zoo is gone nobody could clear them: its weights and forwards are its own again."""
    attached = attach()
    model = attached.run.watch(torch.nn.Sequential(torch.nn.Linear(2, 1)))
    attached.run.log({})
    model(torch.ones(1, 2))
    before = model[0].bias.item(), model(torch.ones(1, 2)).item()
    stand(attached, rule("weights.0.bias", [7.0]), {**rule("activations.0", [[3.0]]), "order": 2})
    assert (model[0].bias.item(), model(torch.ones(1, 2)).item()) == (7.0, 3.0)
    attached.link.fenced.add("ins_1")
    while attached.run._companion.present:
        attached.run.log({})

    assert (model[0].bias.item(), model(torch.ones(1, 2)).item()) == before


def test_a_rule_that_comes_while_gradients_are_pending_is_not_in_their_way(attach: Attach, torch: Any) -> None:
    """A script may log, or step an environment, between a forward and its backward."""
    attached = attach()
    model = attached.run.watch(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)))
    attached.run.log({})
    loss = model(torch.ones(4, 2)).pow(2).mean()
    stand(attached, rule("weights.1.weight", [[1.0, 2.0]]))
    loss.backward()

    assert model[1].weight.tolist() == [[1.0, 2.0]]
    assert model[0].weight.grad is not None
