"""Small Gymnasium environments of which everything is known."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np


class Line(gymnasium.Env[Any, Any]):
    """Moves by the action; the observation is the place. Ends after `length` steps."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 50}
    observation_space = gymnasium.spaces.Box(-1000.0, 1000.0, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)

    def __init__(self, length: int = 10, *, reuses: bool = False) -> None:
        self.render_mode = "rgb_array"
        self.done: list[Any] = []
        self._length = length
        self._reuses = reuses
        self._place = np.zeros(1, np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self._at(0.0), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.done.append(action)
        self.steps += 1
        return self._at(self._place[0] + float(action)), float(action), self.steps == self._length, False, {}

    def render(self) -> Any:
        return np.full((8, 8, 3), self.steps % 255, np.uint8)

    def _at(self, place: float) -> Any:
        if not self._reuses:
            self._place = np.zeros(1, np.float32)
        self._place[0] = place
        return self._place


class Parts(gymnasium.Env[Any, Any]):
    """Observations and actions that nest."""

    observation_space = gymnasium.spaces.Dict(
        {
            "arm": gymnasium.spaces.Dict({"angle": gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)}),
            "bell": gymnasium.spaces.Discrete(2),
        }
    )
    action_space = gymnasium.spaces.Dict(
        {"arm": gymnasium.spaces.Dict({"turn": gymnasium.spaces.Discrete(3)}), "ring": gymnasium.spaces.Discrete(2)}
    )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.did = action
        return self.observation_space.sample(), 1.0, False, False, {}
