"""A world for two: pong, with a seat on each side; and a player that follows the ball."""

from __future__ import annotations

from typing import Any

import numpy as np
from ainimal_zookeeper import AInimal, Env, Modality

HEIGHT, WIDTH = 60, 80
REACH = 6  # half the height of a paddle
UP, STAY, DOWN = 0, 1, 2


class Pong(Env):
    """Both see the field from their own side: the ball comes towards them from x = 1, and they are at x = 0.

    Whoever misses the ball loses a point to the other; an episode is one point.
    """

    AINIMAL_PARAMETERS = [
        {"name": "speed", "display": "Speed of the ball", "type": "float", "default": 1.5, "range": [0.5, 4.0]},
    ]
    frame_rate = 30
    seats = 2

    observation_modalities = {
        "field": Modality("field", "VECTOR", (5,), low=-1.0, high=1.0,
                          names=("ball x", "ball y", "ball speed", "own y", "other y")),
    }  # fmt: skip
    action_modalities = {
        "move": Modality("move", "DISCRETE", low=0, high=2, dtype="int64", neutral=STAY, labels=("up", "stay", "down")),
    }

    def __init__(self, speed: float = 1.5) -> None:
        self.speed = speed
        self.rng = np.random.default_rng()
        self.ball = np.zeros(2)
        self.velocity = np.zeros(2)
        self.paddles = [0.0, 0.0]

    def reset(self, seed: int | None = None) -> dict[str, np.ndarray]:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.paddles = [HEIGHT / 2, HEIGHT / 2]
        self.ball = np.array([WIDTH / 2, self.rng.uniform(10, HEIGHT - 10)])
        angle = self.rng.uniform(-0.9, 0.9) + np.pi * self.rng.integers(2)
        self.velocity = self.speed * np.array([np.cos(angle), np.sin(angle)])
        return self._views()

    def step(self, actions: dict[str, int]) -> dict[str, tuple[np.ndarray, float, bool, bool, dict[str, Any]]]:
        for seat in (0, 1):
            move = int(actions.get(str(seat), STAY)) - 1
            self.paddles[seat] = float(np.clip(self.paddles[seat] + 1.2 * move, REACH, HEIGHT - REACH))
        self.ball += self.velocity
        if not 0 <= self.ball[1] <= HEIGHT:
            self.velocity[1] = -self.velocity[1]
            self.ball[1] = np.clip(self.ball[1], 0, HEIGHT)
        loser = self._loser()
        views = self._views()
        return {
            str(seat): (
                views[str(seat)],
                0.0 if loser is None else -1.0 if loser == seat else 1.0,
                loser is not None,
                False,
                {},
            )
            for seat in (0, 1)
        }

    def render(self) -> np.ndarray:
        picture = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
        for seat, column in ((0, slice(0, 2)), (1, slice(WIDTH - 2, WIDTH))):
            middle = int(self.paddles[seat])
            picture[middle - REACH : middle + REACH, column] = (90, 200, 250) if seat == 0 else (250, 200, 90)
        x, y = np.clip(self.ball.astype(int), 1, (WIDTH - 2, HEIGHT - 2))
        picture[y - 1 : y + 2, x - 1 : x + 2] = 255
        return picture.repeat(4, 0).repeat(4, 1)

    def _loser(self) -> int | None:
        """Returns the seat that missed the ball; a ball that is met flies back, steeper off the paddle's ends."""
        for seat, wall, way in ((0, 2.0, -1), (1, WIDTH - 2.0, 1)):
            if (self.ball[0] - wall) * way < 0 or self.velocity[0] * way < 0:
                continue
            off = self.ball[1] - self.paddles[seat]
            if abs(off) > REACH + 1:
                return seat
            steep = np.clip(off / REACH, -1, 1)
            self.velocity = self.speed * np.array([-way * np.cos(steep), np.sin(steep)])
            self.ball[0] = wall
        return None

    def _views(self) -> dict[str, np.ndarray]:
        x, y = self.ball / (WIDTH, HEIGHT)
        left, right = (paddle / HEIGHT for paddle in self.paddles)
        towards = -self.velocity[0] / 4.0
        return {
            "0": np.clip(np.array([x, y, towards, left, right], np.float32), -1, 1),
            "1": np.clip(np.array([1 - x, y, -towards, right, left], np.float32), -1, 1),
        }


class PongPlayer(AInimal):
    """Follows the ball when it comes, and waits in the middle when it goes; blinks now and then."""

    AINIMAL_PARAMETERS = [
        {"name": "attention", "display": "Share of steps that it looks", "type": "float", "default": 0.9,
         "range": [0.0, 1.0]},
    ]  # fmt: skip

    def __init__(self, attention: float = 0.9) -> None:
        self.attention = attention
        self.rng = np.random.default_rng(np.random.randint(2**31))  # follows the seed of the launch

    @property
    def input_modalities(self) -> dict[str, Modality]:
        return Pong.observation_modalities

    @property
    def output_modalities(self) -> dict[str, Modality]:
        return Pong.action_modalities

    @property
    def state(self) -> dict[str, Any]:
        return {"attention": self.attention}

    def set_state(self, name: str, value: Any) -> None:
        if name != "attention":
            raise KeyError(f"{name} cannot be set")
        self.attention = float(value)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Any]:
        _, ball, towards, own, _ = inputs["field"]
        if self.rng.random() > self.attention:
            return {"move": STAY}
        target = ball if towards > 0 else 0.5
        away = target - own
        return {"move": STAY if abs(away) < 0.02 else DOWN if away > 0 else UP}
