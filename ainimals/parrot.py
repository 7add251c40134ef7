"""A model without an environment: a parrot that continues what it is told, character by character.

It counts which character follows which four others, in a few sayings and in all that it hears. What was said in a
conversation is kept apart from other conversations, as it is the parrot's recurrent state.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from ainimal_zookeeper import AInimal, Modality

ORDER = 4  # characters that the next one depends on
SAYINGS = (
    "the keeper feeds the parrot. the parrot thanks the keeper. ",
    "who is a pretty bird? the parrot is a pretty bird. ",
    "a tiger sleeps in the shade of the old tree, and the parrot sings in its crown. ",
    "when the gates close, the animals talk about the people they have seen. ",
)


class Parrot(AInimal):
    """Continues a text. Tell it "the " and it will tell you more."""

    AINIMAL_PARAMETERS = [
        {"name": "length", "display": "Characters per answer", "type": "int", "default": 80, "range": [1, 1000]},
        {"name": "temperature", "display": "Wildness", "type": "float", "default": 0.7, "range": [0.05, 5.0]},
    ]

    def __init__(self, length: int = 80, temperature: float = 0.7) -> None:
        self.length = length
        self.temperature = temperature
        self.rng = np.random.default_rng(np.random.randint(2**31))  # follows the seed of the launch
        self.followers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.recurrent_state = ""  # the end of what was said in this conversation
        for saying in SAYINGS:
            self._hear(saying * 2, 2 * len(saying))

    @property
    def input_modalities(self) -> dict[str, Modality]:
        return {"text": Modality.text("text")}

    @property
    def output_modalities(self) -> dict[str, Modality]:
        return {"text": Modality.text("text"), "surprise": Modality.scalar("surprise", 0.0)}

    @property
    def state(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "contexts": len(self.followers), "heard": self.recurrent_state}

    def set_state(self, name: str, value: Any) -> None:
        if name != "temperature":
            raise KeyError(f"{name} cannot be set")
        self.temperature = float(value)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer, and how surprising the parrot found what it was told (bits per character)."""
        told = inputs["text"].lower()
        said = self.recurrent_state + told
        surprise = self._surprise(said, len(told))
        self._hear(said, len(told))
        answer = ""
        for _ in range(self.length):
            answer += self._next(said + answer)
        self.recurrent_state = (said + answer)[-200:]
        return {"text": answer, "surprise": surprise}

    def save(self, path: str) -> None:
        (Path(path) / "parrot.json").write_text(json.dumps(self.followers), encoding="utf-8")

    def load(self, path: str) -> None:
        saved = json.loads((Path(path) / "parrot.json").read_text(encoding="utf-8"))
        self.followers = defaultdict(Counter, {context: Counter(counts) for context, counts in saved.items()})

    def _hear(self, text: str, length: int) -> None:
        """Counts the last `length` characters of `text`."""
        for end in range(len(text) - length, len(text)):
            for start in range(max(end - ORDER, 0), end + 1):
                self.followers[text[start:end]][text[end]] += 1

    def _next(self, text: str) -> str:
        """Draws the next character, from the longest context that the parrot has heard before."""
        counts = self._counts(text)
        weights = np.array(list(counts.values()), float) ** (1 / self.temperature)
        return str(self.rng.choice(list(counts), p=weights / weights.sum()))

    def _surprise(self, text: str, length: int) -> float:
        bits = []
        for end in range(len(text) - length, len(text)):
            counts = self._counts(text[:end])
            bits.append(-np.log2((counts[text[end]] + 0.1) / (counts.total() + 10)))
        return float(np.mean(bits)) if bits else 0.0

    def _counts(self, text: str) -> Counter[str]:
        for length in range(min(ORDER, len(text)), 0, -1):
            if text[-length:] in self.followers:
                return self.followers[text[-length:]]
        return self.followers[""]
