"""What people keep in a model besides numbers: it is taken, or left out with why, and never in the way of the rest."""

from __future__ import annotations

import enum
import http
import json
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput
from zookeeper_runner.resuming import resume
from zookeeper_runner.state import tensors
from zookeeper_runner.state.giving import Giving
from zookeeper_runner.state.taking import Taken, take

from tests.unit.runner.test_payload import Still, agent_of, saved


class Holder:
    """What it holds it holds under several names, before a number that must come back whatever the former is."""

    def __init__(self, odd: Any = None) -> None:
        self.odd = odd
        self.again = odd
        self.many = [odd, odd]
        self.steps = 0


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Memory(dict[str, Any]):
    pass


class Raises:
    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


class Silent:
    __slots__ = ("voice",)


class Mute(Silent):
    @property
    def voice(self) -> Any:
        raise ValueError("mute")


class Refuses:
    def state_dict(self) -> Any:
        raise RuntimeError("not now")

    def load_state_dict(self, state: Any) -> None: ...


class TakesTwo(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(one)
        self.two = two


class Nameless:
    def __str__(self) -> str:
        raise ValueError("nameless")


def graph() -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = [{"at": index, "near": []} for index in range(80)]
    for index, cell in enumerate(cells):
        cell["near"] = [cells[(index + offset) % 80] for offset in (1, 9, 71, 79)]
    return cells


def layers() -> list[dict[str, Any]]:
    last: list[dict[str, Any]] = [{"next": []} for _ in range(70)]
    for _ in range(5):
        last = [{"next": list(last)} for _ in range(70)]
    return last


def itself() -> list[Any]:
    found: list[Any] = []
    found.extend([found] * 70)
    return found


def ring() -> tuple[list[Any], int]:
    found: tuple[list[Any], int] = ([], 1)
    found[0].append(found)
    return found


def rings() -> list[Any]:
    cells: list[Any] = [([], index) for index in range(80)]
    for index, cell in enumerate(cells):
        cell[0].append(cells[(index + 1) % 80])
    return cells


def chain() -> list[Any]:
    found: list[Any] = [{"parent": None}]
    for _ in range(300):
        found.append({"parent": found[-1]})
    return found


def given_to(taken: Taken, live: Any) -> Any:
    taken.finish()
    text = json.dumps(taken.root, allow_nan=False)
    data = b"".join(map(bytes, tensors.layout(taken.tensors)))
    rest = [pickle.loads(each) for each in taken.pickles]  # noqa: S301 - made by the test
    giving = Giving(json.loads(text), tensors.parse(memoryview(bytearray(data))), rest, live)
    giving.check()
    return giving.give()


ODD: list[Callable[[], Any]] = [
    threading.Lock, lambda: np.tanh, lambda: Holder, lambda: (each for each in "ab"),
    lambda: Memory(a=threading.Lock()), Raises, Mute, Refuses, lambda: TakesTwo(1, 2),
    lambda: {Nameless(): 1}, lambda: {10**5000: 1},
    graph, layers, itself, ring, rings, chain, lambda: Rights.READ | Rights.WRITE, lambda: Rights(0),
    lambda: http.HTTPStatus.OK,
]  # fmt: skip


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("make", ODD)
def test_nothing_odd_is_in_the_way_of_the_rest(make: Callable[[], Any], late: bool) -> None:
    """Whether the constructor has it already or not; what is left out stays as it is."""
    model = Holder(make())
    model.steps = 7
    taken = take(model)
    live = Holder(None if late else make())
    odd = live.odd

    given_to(taken, live)

    assert live.steps == 7
    assert len(live.many) == 2
    if "odd" in taken.left:
        assert live.odd is odd


def test_what_is_left_out_is_told() -> None:
    """With the name of its place, and why; a dictionary of the author's does not lose what is in it unseen."""
    for make, why in ((Raises, "KeyError: 'state_dict'"), (Mute, "ValueError: mute"), (Refuses, "not now")):
        assert why in take(Holder(make())).left["odd"]
    assert "Memory cannot be pickled" in take(Holder(Memory(a=threading.Lock()))).left["odd"]
    assert "two" in take(Holder(TakesTwo(1, 2))).left["odd"]


def test_flags_come_back() -> None:
    """Several at once, and none."""
    for flags in (Rights.READ | Rights.WRITE, Rights(0), Rights.WRITE):
        assert given_to(take(Holder(flags)), Holder()).many == [flags, flags]


def test_a_graph_in_a_long_list_comes_back() -> None:
    """Its rows lead to each other in more ways than anybody could go: each is told once, or a few times."""
    cells = given_to(take(Holder({"cells": graph()[:70]})), Holder()).odd["cells"]
    assert [cell["at"] for cell in cells] == list(range(70))
    assert [each["at"] for each in cells[5]["near"]] == [6, 14, 76, 4]


def test_functions_stay_where_each_is() -> None:
    """One function under two names: each name keeps what the constructor has put there."""
    live = Holder(np.tanh)
    live.again = np.cos
    given_to(take(Holder(np.tanh)), live)
    assert (live.odd, live.again) == (np.tanh, np.cos)


def test_a_network_that_holds_its_optimizer_comes_back() -> None:
    """With whatever else stands in it, such as layers that had no shape before they were first used."""
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Linear(2, 2)
            self.optimizer = torch.optim.Adam(self.first.parameters())
            self.lock = threading.Lock()
            self.last = torch.nn.LazyLinear(1)

        def forward(self, inputs: Any) -> Any:
            return self.last(self.first(inputs))

    net = Net()
    net(torch.ones(1, 2)).sum().backward()
    net.optimizer.step()
    live = given_to(take(net), Net())

    assert live.optimizer.state_dict()["state"][0]["step"] == 1
    assert torch.equal(live(torch.ones(1, 2)), net(torch.ones(1, 2)))


def test_a_class_that_is_gone_is_told_before_anything_changes() -> None:
    """Also of what stands behind a key that is a number."""

    class Gone(enum.Enum):
        HERE = 1

    model = Holder({1: [Gone.HERE]})
    model.steps = 7
    live = Holder()
    with pytest.raises(InvalidInput, match="Gone"):
        given_to(take(model), live)
    assert live.steps == 0


def test_what_fails_half_way_is_no_damage_that_changed_nothing(tmp_path: Path) -> None:
    """A model that was changed already is said to be at fault, so that it does not go on as it is."""
    text = """
class Memory:
    def __init__(self):
        self.heard = 0
        self.shy = Shy()

    def act(self, observation):
        return 0

class Shy:
    word = 1

    def __setattr__(self, name, value):
        raise ValueError("shy")

    def __init__(self):
        self.__dict__["word"] = 1

    def state_dict(self):
        return {"word": 1}

    def load_state_dict(self, state):
        raise ValueError("shy")
"""
    agent = agent_of(tmp_path, text)
    folder = saved(tmp_path, agent)
    with pytest.raises(AInimalFault, match="shy"):
        resume(agent, Still(), str(folder), 5, {}, made_of_it=False)
