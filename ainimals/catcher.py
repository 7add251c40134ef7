"""A game to look at, and an agent that learns it from the picture: catch the falling ball.

The world shows 84x84 pixels. The agent finds ball and paddle by their colours, and learns by Q-learning what to do
when the ball is so far to the left or right, and so high.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ainimal_zookeeper import AInimal, Env, Modality, Trajectory

SIZE = 84
BALL = np.array([240, 80, 60], np.uint8)
PADDLE = np.array([80, 200, 240], np.uint8)
LEFT, STAY, RIGHT = 0, 1, 2


class Catch(Env):
    """A ball falls, a paddle catches it: +1, or -1 when it does not. An episode is `balls` balls."""

    AINIMAL_PARAMETERS = [
        {"name": "balls", "display": "Balls per episode", "type": "int", "default": 10, "range": [1, 1000]},
        {"name": "paddle_width", "display": "Width of the paddle", "type": "int", "default": 16, "range": [4, 60]},
    ]
    frame_rate = 30

    observation_modalities = {"image": Modality.image("image", SIZE, SIZE)}
    action_modalities = {"move": Modality("move", "DISCRETE", low=0, high=2, dtype="int64", neutral=STAY,
                                          labels=("left", "stay", "right"))}  # fmt: skip

    def __init__(self, balls: int = 10, paddle_width: int = 16) -> None:
        self.balls = balls
        self.width = paddle_width
        self.rng = np.random.default_rng()
        self.left = 0
        self.dropped = 0
        self.x = self.y = self.drift = 0

    def reset(self, seed: int | None = None) -> np.ndarray:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.left = (SIZE - self.width) // 2
        self.dropped = 0
        self._drop()
        return self.render()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.left = int(np.clip(self.left + 4 * (int(action) - 1), 0, SIZE - self.width))
        self.y += 3
        self.x += self.drift
        if not 2 <= self.x < SIZE - 2:
            self.drift = -self.drift
            self.x = int(np.clip(self.x, 2, SIZE - 3))
        reward = 0.0
        if self.y >= SIZE - 6:
            caught = self.left - 2 <= self.x < self.left + self.width + 2
            reward = 1.0 if caught else -1.0
            self._drop()
        return self.render(), reward, self.dropped > self.balls, False, {}

    def render(self) -> np.ndarray:
        picture = np.full((SIZE, SIZE, 3), 16, np.uint8)
        picture[max(self.y - 2, 0) : self.y + 2, self.x - 2 : self.x + 2] = BALL
        picture[SIZE - 4 :, self.left : self.left + self.width] = PADDLE
        return picture

    def _drop(self) -> None:
        self.dropped += 1
        self.y = 2
        self.x = int(self.rng.integers(4, SIZE - 4))
        self.drift = int(self.rng.integers(-1, 2))


class Catcher(AInimal):
    """Sees by colour, learns by Q-learning."""

    TRAIN_EVERY = 64
    AINIMAL_PARAMETERS = [
        {"name": "learning_rate", "display": "Learning rate", "type": "float", "default": 0.2, "range": [0.0, 1.0]},
        {"name": "exploration", "display": "Share of random moves at first", "type": "float", "default": 0.5,
         "range": [0.0, 1.0]},
    ]  # fmt: skip

    def __init__(self, learning_rate: float = 0.2, exploration: float = 0.5) -> None:
        self.learning_rate = learning_rate
        self.epsilon = exploration
        self.rng = np.random.default_rng(np.random.randint(2**31))  # follows the seed of the launch
        self.values = np.zeros((43, 7, 3))  # [how far the ball is to the right, how high it is, move]
        self.explores = True

    @property
    def input_modalities(self) -> dict[str, Modality]:
        return Catch.observation_modalities

    @property
    def output_modalities(self) -> dict[str, Modality]:
        return Catch.action_modalities

    @property
    def state(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon, "values": self.values}

    def set_state(self, name: str, value: Any) -> None:
        if name == "epsilon":
            self.epsilon = float(np.clip(value, 0.0, 1.0))
        elif name == "values":
            self.values[...] = value
        else:
            raise KeyError(f"{name} cannot be set")

    def on_mode(self, training: bool, inference: bool) -> None:
        self.explores = training

    def forward(self, inputs: dict[str, Any]) -> dict[str, Any]:
        values = self.values[self._place(inputs["image"])]
        if self.explores and self.rng.random() < self.epsilon:
            return {"move": int(self.rng.integers(3))}
        best = np.flatnonzero(values == values.max())
        return {"move": int(self.rng.choice(best))}

    def train(self, traj: Trajectory) -> float:
        """Goes backwards, so that what a ball ended with reaches all that led there at once."""
        surprises = []
        for index in reversed(range(len(traj))):
            step = traj[index]
            place = (*self._place(step.observation["image"]), int(step.action))
            following = traj.following(index)
            ahead = 0.0
            if step.reward == 0.0 and following is not None:  # a caught or a missed ball ends its own story
                ahead = 0.95 * self.values[self._place(following["image"])].max()
            surprise = step.reward + ahead - self.values[place]
            self.values[place] += self.learning_rate * surprise
            surprises.append(surprise**2)
        self.epsilon = max(0.02, self.epsilon * 0.99)
        self.log({"epsilon": self.epsilon})
        return float(np.mean(surprises))

    def _place(self, image: np.ndarray) -> tuple[int, int]:
        """Returns where the ball is, seen from the paddle: in 4-pixel columns and 12-pixel rows."""
        red = image[: SIZE - 4, :, 0] > 128
        rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
        paddle = np.flatnonzero(image[SIZE - 1, :, 2] > 128)
        if not len(columns) or not len(paddle):
            return 21, 0
        aside = round((columns.mean() - paddle.mean()) / 4)
        return int(np.clip(aside + 21, 0, 42)), int(min(rows.mean() // 12, 6))
