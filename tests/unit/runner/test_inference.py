"""Questions are answered one by one, each with its own conversation's state."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.models.agent import Agent, Capabilities
from ainimal_zookeeper.models.outputs import compile_check
from zookeeper_runner.bell import Bell
from zookeeper_runner.inference import CONVERSATIONS, QUEUE, Inference, plain


class Counter:
    """Adds what it is given to what it remembers."""

    def __init__(self) -> None:
        self.memory = 0.0
        self.agent = Agent(
            forward=self.forward,
            inputs={"number": Modality.scalar("number")},
            outputs={"sum": Modality.scalar("sum")},
            can=Capabilities(get_recurrent=lambda: self.memory, set_recurrent=self.remember),
        )
        self.desk = Inference(Bell())
        self.desk.serve(self.agent, self.agent.forward, compile_check(self.agent.outputs))

    def remember(self, memory: float) -> None:
        self.memory = memory

    def forward(self, inputs: Any) -> Any:
        if inputs["number"] < 0:
            raise ValueError("nothing below 0")
        self.memory += float(inputs["number"])
        return {"sum": self.memory}

    def ask(self, number: Any, conversation: str | None = None) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        self.desk.submit(number, conversation, answers.append)
        self.desk.answer(1)
        return answers[0]


def test_conversations_do_not_mix_and_questions_without_one_start_fresh() -> None:
    """Each conversation goes on where it was."""
    counter = Counter()

    sums = [counter.ask({"number": 1}, who)["outputs"]["sum"] for who in ("a", "b", "a", None, "a", None)]

    assert sums == [1.0, 1.0, 2.0, 1.0, 3.0, 1.0]


def test_old_conversations_are_forgotten() -> None:
    """There is room for 64."""
    counter = Counter()
    counter.ask({"number": 1}, "first")
    for number in range(CONVERSATIONS):
        counter.ask({"number": 1}, str(number))

    assert counter.ask({"number": 1}, "first")["outputs"]["sum"] == 1.0


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"number": "x"}, "number"),
        ({}, "number missing"),
        ({"number": 1, "more": 2}, "more unknown"),
        ([1, 2], "number"),
    ],
)
def test_bad_inputs_are_refused_by_name(inputs: Any, words: str) -> None:
    """The question fails, the model goes on."""
    counter = Counter()

    answer = counter.ask(inputs)

    assert answer["code"] == "INVALID_INPUT"
    assert words in answer["message"]
    assert counter.ask({"number": 2})["outputs"] == {"sum": 2.0}


def test_a_lone_input_needs_no_name() -> None:
    """A bare value is for the only input there is."""
    assert Counter().ask(4)["outputs"] == {"sum": 4.0}


def test_what_forward_raises_is_told_to_whoever_asked() -> None:
    """The next question is answered."""
    counter = Counter()

    answer = counter.ask({"number": -1})

    assert answer["code"] == "AINIMAL_FAULT"
    assert "ValueError: nothing below 0, in forward" in answer["message"]
    assert counter.ask({"number": 2})["outputs"] == {"sum": 2.0}


def test_an_output_that_cannot_be_sent_harms_only_its_question() -> None:
    """A value that contains itself is refused by name, and the next question is answered."""
    endless: list[Any] = []
    endless.append(endless)
    answers: list[dict[str, Any]] = []
    agent = Agent(forward=lambda inputs: {"made": inputs["x"]})
    desk = Inference(Bell())
    desk.serve(agent, agent.forward, compile_check({}))
    for value in (endless, 1.0):
        desk.submit({"x": value}, None, answers.append)
        desk.answer(1)

    assert answers[0]["code"] == "AINIMAL_FAULT"
    assert answers[0]["message"].startswith("forward returned made, which cannot be sent: RecursionError")
    assert answers[1]["outputs"] == {"made": 1.0}


def test_too_many_questions_are_turned_away() -> None:
    """The queue is bounded."""
    desk = Inference(Bell())
    answers: list[dict[str, Any]] = []
    for _ in range(QUEUE + 1):
        desk.submit({}, None, answers.append)

    assert [answer["code"] for answer in answers] == ["RATE_LIMITED"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.array([1, 2]), [1, 2]),
        (float("inf"), "Infinity"),
        (np.array([np.nan]), ["NaN"]),
        ("text", "text"),
        (["a", "b"], ["a", "b"]),
        ({"x": np.int64(1)}, {"x": 1}),
        (np.bool_(True), True),
        (None, None),
    ],
)
def test_outputs_become_json(value: Any, expected: Any) -> None:
    """Small values as they read best."""
    told = plain(value)
    json.dumps(told, allow_nan=False)

    assert told == expected


def test_large_outputs_travel_as_tensors() -> None:
    """More than 64 elements are base64 with dtype and shape."""
    told = plain(np.arange(100, dtype=np.float32).reshape(10, 10))

    assert (told["dtype"], told["shape"]) == ("float32", [10, 10])
    assert np.frombuffer(base64.b64decode(told["data"]), "<f4").tolist() == list(range(100))


def test_tensors_are_decoded_for_a_model_that_declares_no_inputs() -> None:
    """What travels as dtype, shape and data reaches forward as an array; everything else as it was sent."""
    received: list[dict[str, Any]] = []

    def forward(inputs: dict[str, Any]) -> dict[str, Any]:
        received.append(inputs)
        return {"answer": 1.0}

    desk = Inference(Bell())
    desk.serve(Agent(forward=forward), forward, lambda _outputs: None)
    data = base64.b64encode(np.arange(6, dtype="<f4").tobytes()).decode()
    answers: list[dict[str, Any]] = []

    desk.submit({"x": {"dtype": "float32", "shape": [2, 3], "data": data}, "word": "hi"}, None, answers.append)
    desk.answer(1)

    assert answers[0]["outputs"] == {"answer": 1.0}
    assert received[0]["x"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert received[0]["word"] == "hi"
