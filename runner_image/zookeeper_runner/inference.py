"""Inference: a model without an environment answers questions, each with its conversation's state."""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput, ZookeeperError
from ainimal_zookeeper.modality import decoded
from ainimal_zookeeper.models.agent import Agent

from .bell import Bell
from .discretion import Discretion
from .fault import fault_of, first_line
from .history import plain_number

CONVERSATIONS = 64
QUEUE = 256
INLINE_ELEMENTS = 64

Answer = Callable[[dict[str, Any]], None]


class Question(NamedTuple):
    inputs: Any
    conversation: str | None
    answered: Answer


class Answered(NamedTuple):
    """What was asked and answered last, for those who watch."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


class Inference:
    """Questions wait here until the step thread answers them one by one. `submit` from any thread."""

    def __init__(self, bell: Bell, discretion: Discretion | None = None) -> None:
        self._bell = bell
        self._discretion = discretion or Discretion()
        self._questions: deque[Question] = deque()
        self._lock = threading.Lock()
        self._agent: Agent | None = None
        self._forward: Callable[[dict[str, Any]], Any] | None = None
        self._check: Callable[[Mapping[str, Any]], None] | None = None
        self._conversations: OrderedDict[str, Any] = OrderedDict()
        self._fresh: Any = None

    def serve(
        self,
        agent: Agent,
        forward: Callable[[dict[str, Any]], Any],
        check: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """Begins to answer with `agent` by its plain `forward`, whose outputs `check` judges; once more: anew."""
        known = self._agent is agent
        self._conversations.clear()
        self._agent = agent
        self._forward = forward
        self._check = check
        if agent.can.get_recurrent is not None and not known:
            self._fresh = agent.can.get_recurrent()

    @property
    def waiting(self) -> bool:
        return bool(self._questions)

    def submit(self, inputs: Any, conversation: str | None, answered: Answer) -> None:
        """Asks. `answered` is called once, from any thread, with outputs and step, or with code and message."""
        with self._lock:
            full = len(self._questions) >= QUEUE
            if not full:
                self._questions.append(Question(inputs, conversation, answered))
        if full:
            answered({"code": "RATE_LIMITED", "message": f"{QUEUE} questions wait already; ask again later"})
        self._bell.ring()

    def refuse_all(self, code: str, message: str) -> None:
        """Answers every waiting question with a refusal."""
        while self._questions:
            self._questions.popleft().answered({"code": code, "message": message})

    def answer(self, step: int) -> Answered | None:
        """Answers the next question as step `step`; returns None when that failed (the asker knows why)."""
        question = self._questions.popleft()
        try:
            result = self._infer(question)
            outputs = {str(name): _sendable(name, value) for name, value in result.outputs.items()}
        except ZookeeperError as error:
            question.answered(self._discretion.told({"code": error.code, "message": str(error)}))
            return None
        question.answered({"outputs": outputs, "step": step})
        return result

    def _infer(self, question: Question) -> Answered:
        agent = self._agent
        if agent is None or self._forward is None or self._check is None:
            raise InvalidInput("the model is still loading; ask again when it runs")
        inputs = self._coerced(agent, question.inputs)
        try:
            self._recall(agent, question.conversation)
            outputs = self._forward(inputs)
            self._check(outputs)
            self._remember(agent, question.conversation)
        except BaseException as error:
            raise fault_of(error, AInimalFault) from error
        return Answered(inputs, outputs)

    def _coerced(self, agent: Agent, given: Any) -> dict[str, Any]:
        if not agent.inputs:
            if not isinstance(given, Mapping):
                raise InvalidInput("inputs must be an object by modality name", ("inputs",))
            return {name: decoded(name, value) if _is_tensor(value) else value for name, value in given.items()}
        if not isinstance(given, Mapping):
            if len(agent.inputs) != 1:
                raise InvalidInput(f"inputs must be an object with {', '.join(agent.inputs)}", ("inputs",))
            given = {next(iter(agent.inputs)): given}
        missing = [name for name in agent.inputs if name not in given]
        unknown = [name for name in given if name not in agent.inputs]
        if missing or unknown:
            said = [f"{', '.join(missing)} missing"] if missing else []
            said += [f"{', '.join(map(str, unknown))} unknown"] if unknown else []
            raise InvalidInput(f"inputs: {'; '.join(said)}. The model takes {', '.join(agent.inputs)}", ("inputs",))
        return {name: modality.coerce(given[name]) for name, modality in agent.inputs.items()}

    def _recall(self, agent: Agent, conversation: str | None) -> None:
        known = conversation is not None and conversation in self._conversations
        if not known and agent.can.reset is not None:
            agent.can.reset(None)
        if agent.can.set_recurrent is not None:
            state = self._conversations[conversation] if known and conversation is not None else self._fresh
            agent.can.set_recurrent(state)

    def _remember(self, agent: Agent, conversation: str | None) -> None:
        if conversation is None or agent.can.get_recurrent is None:
            return
        self._conversations[conversation] = agent.can.get_recurrent()
        self._conversations.move_to_end(conversation)
        while len(self._conversations) > CONVERSATIONS:
            self._conversations.popitem(last=False)


def _sendable(name: str, value: Any) -> Any:
    """Returns `plain(value)`. Raises: AInimalFault for what contains itself, or another thing no answer can hold."""
    try:
        return plain(value)
    except Exception as error:
        raise AInimalFault(f"forward returned {name}, which cannot be sent: {first_line(error)}") from error


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"dtype", "shape", "data"}


def plain(value: Any) -> Any:
    """Returns a value as JSON takes it: numbers (also "NaN"), text, nested lists, or {dtype, shape, data: base64}.

    Arrays of more than 64 elements travel as base64 of their C-order little-endian bytes.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)) and not all(isinstance(part, (int, float)) for part in value):
        return [plain(part) for part in value]
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return [plain(part) for part in array.tolist()] if array.ndim else repr(array.item())
    if array.size > INLINE_ELEMENTS:
        data = np.asarray(array, array.dtype.newbyteorder("<"), order="C").tobytes()
        return {"dtype": array.dtype.name, "shape": list(array.shape), "data": base64.b64encode(data).decode()}
    return _plain_list(array.tolist())


def _plain_list(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain_list(part) for part in value]
    return plain_number(value) if isinstance(value, float) else value
