"""How long a loop stands still while its model of 20 MB is saved, beside the model's own `save`.

A runner's loop, with a model that writes 20 MB and an environment that does next to nothing, is asked for its state 21
times; each is packed, hashed and sent to a runner link of the tests, in this process as well, before the next is asked
for. What the zoo adds is the time between the two steps around a save, less what the model's `save` takes. The longest
other step until the state has arrived is shown beside the longest while nothing is saved.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ainimal_zookeeper.domain.documents import Desired
from ainimal_zookeeper.models.agent import Agent, Capabilities

from tests.fakes.runner_link import wanted

from .idling import CALM_S, Idling
from .row import Row

SAVES = 21
FLOATS = 5_000_000
PROMISED_MS = 20.0


class Model:
    def __init__(self) -> None:
        self.took: list[float] = []
        self._weights = np.random.default_rng(0).standard_normal(FLOATS).astype(np.float32)

    def save(self, path: str) -> None:
        began = time.perf_counter()
        np.save(Path(path) / "weights.npy", self._weights)
        self.took.append(time.perf_counter() - began)


def gaps_while_saving(agent: Agent) -> tuple[list[float], list[list[float]]]:
    """Returns how far apart the steps of a loop were, in seconds: without a save, and from each save to its arrival."""
    with Idling(agent) as idling:

        def requests() -> Iterator[Desired]:
            for number in range(SAVES):
                idling.runner_link.objects.clear()
                yield wanted(save={"id": f"sav_{number}", "tag": None, "authorId": None})

        idling.run(requests())
        assert all("checkpoint" in answer for answer in idling.answers), idling.answers
        calm, *saves = idling.gaps
    return calm, saves


def main() -> list[Row]:
    model = Model()
    calm, saves = gaps_while_saving(Agent(forward=dict, can=Capabilities(save=model.save, load=lambda _: None)))
    added = [max(gaps) - took for gaps, took in zip(saves, model.took, strict=True)]
    others = [sorted(gaps)[-2] for gaps in saves]
    return [
        {
            "what": "what the zoo adds to the step around a save, median",
            "value": statistics.median(added) * 1e3,
            "unit": "ms",
            "beside": "the model's own save, median",
            "beside_value": statistics.median(model.took) * 1e3,
            "bar": f"<= {PROMISED_MS:g} ms",
            "kept": statistics.median(added) * 1e3 <= PROMISED_MS,
        },
        {
            "what": "longest other step until the state has arrived, median",
            "value": statistics.median(others) * 1e3,
            "unit": "ms",
            "beside": f"longest step of {CALM_S:g} s without a save",
            "beside_value": max(calm) * 1e3,
        },
    ]
