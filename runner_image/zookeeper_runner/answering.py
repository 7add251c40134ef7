"""Answering: the body of a model without an environment. A step is one answered question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ainimal_zookeeper.domain.documents import Mode
from ainimal_zookeeper.models.agent import Agent
from ainimal_zookeeper.models.outputs import compile_check
from ainimal_zookeeper.models.settling import settle

from .arrows import Arrows
from .bell import Bell
from .forwarding import of_one
from .inference import Inference
from .journal import Journal


class Answerer:
    """Answers what waits in `inference`."""

    can_learn = False  # without an environment there is nothing that it lives through
    has_past = False

    def __init__(
        self, agent: Agent, inference: Inference, journal: Journal, bell: Bell, arrows: Arrows | None = None
    ) -> None:
        self._agent = agent
        self._arrows = arrows or Arrows()
        self._returned: Any = None
        self._inference = inference
        self._journal = journal
        self._bell = bell

    def ready(self, mode: Mode) -> bool:
        """Tells whether there is something to answer; what must not be answered is refused here."""
        if not mode["inference"]:
            self._inference.refuse_all("INVALID_TRANSITION", "inference is off; switch it on to ask the model")
        return self._inference.waiting

    def begin(self) -> None:
        """Opens the desk."""
        agent = self._agent
        self._plain = of_one(agent)
        self._inference.serve(agent, self._forward, compile_check(agent.outputs))

    def _forward(self, inputs: dict[str, Any]) -> Any:
        """Returns what becomes the answer: what forward returned, as far as no rule puts something in its place."""
        arrows = self._arrows
        if not arrows.changing:
            arrows.clear()
            self._returned = self._plain(inputs)
            return self._returned
        arrows.begin(self._journal.counters.step + 1)
        self._returned = self._plain(arrows.inputs(inputs))
        answer = arrows.outputs(self._returned)
        arrows.answered()
        return answer

    def snapshot(self) -> dict[str, Any]:
        """Returns nothing but what is counted: conversations are not kept."""
        return {"episodeStep": 0, "journal": self._journal.snapshot()}

    def put_back(self, kept: Mapping[str, Any] | None, become: Callable[[], None]) -> list[str]:
        """Lets the agent `become` what it was. Conversations begin anew."""
        self.begin()
        become()
        if kept is not None:
            self._journal.put_back(kept["journal"])
        return []

    def cut(self) -> None:
        """There is no trajectory."""

    def relearn(self) -> None:
        """There is nothing to learn from."""

    def act(self, _mode: Mode) -> None:
        """Answers at least one question, and goes on while there are any until the bell rings."""
        moment, counters = self._journal.moment, self._journal.counters
        while self._inference.waiting:
            answered = self._inference.answer(counters.step + 1)
            if answered is not None:
                counters.step += 1
                settle(self._agent, answered.inputs, answered.outputs)
                inputs, outputs = answered.inputs, self._returned
                moment.inputs, moment.outputs = inputs, outputs
                moment.overridden = self._arrows.overridden
                moment.step = counters.step
                moment.version += 1
                for sink in self._arrows.sinks:
                    if sink.active:
                        sink.took(inputs, outputs, None, None, False, False)
            if self._bell.rung:
                return
