"""What the comparison of recorders records: the steps of an agent that sees, and of one that controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ainimal_zookeeper.recording import Channel

SEEING_STEPS, CONTROLLING_STEPS = 1_600, 100_000


@dataclass(frozen=True, slots=True)
class Workload:
    """Steps, each a list of values in the order of `channels`, and how many bytes of them there are."""

    name: str
    channels: list[Channel]
    steps: list[list[Any]]

    @property
    def step_bytes(self) -> int:
        return sum(channel.size_bytes for channel in self.channels)


def controlling() -> Workload:
    """Workload B: 32 inputs that drift, 8 outputs of a network, a reward."""
    chance = np.random.default_rng(0)
    inputs = np.zeros((CONTROLLING_STEPS, 32), np.float32)
    noise = (chance.standard_normal(inputs.shape) * 0.1).astype(np.float32)
    for step in range(1, CONTROLLING_STEPS):
        inputs[step] = 0.99 * inputs[step - 1] + noise[step]
    outputs = np.tanh(inputs @ (chance.standard_normal((32, 8)) * 0.3).astype(np.float32))
    rewards = (inputs[:, 0].astype(np.float64) * 0.5 + chance.standard_normal(CONTROLLING_STEPS) * 0.01).tolist()
    channels = [
        Channel("inputs.observation", "float32", (32,), "vector"),
        Channel("outputs.action", "float32", (8,), "vector"),
        Channel("env.reward", "float64", (), "scalar"),
    ]
    return Workload("B, control", channels, list(map(list, zip(inputs, outputs, rewards, strict=True))))


def seeing() -> Workload:
    """Workload A: pictures of 84x84, an action, a reward, and 512 activations of a network that sees the picture."""
    import gymnasium
    from PIL import Image

    world, name = _world(gymnasium)
    world.reset(seed=0)
    world.action_space.seed(0)
    weights = (np.random.default_rng(0).standard_normal((84 * 84 * 3, 512)) * 0.01).astype(np.float32)
    steps = []
    for _ in range(SEEING_STEPS):
        action = int(world.action_space.sample())
        _, reward, terminated, truncated, _ = world.step(action)
        picture = np.asarray(Image.fromarray(world.render()).resize((84, 84), Image.Resampling.BILINEAR))
        activation = np.maximum(picture.reshape(-1).astype(np.float32) / 255 @ weights, 0)
        steps.append([picture.copy(), action, float(reward), activation])
        if terminated or truncated:
            world.reset()
    world.close()
    channels = [
        Channel("inputs.picture", "uint8", (84, 84, 3), "image"),
        Channel("action", "int64", (), "scalar"),
        Channel("env.reward", "float64", (), "scalar"),
        Channel("activations.hidden", "float32", (512,), "vector"),
    ]
    return Workload(f"A, pictures of {name}", channels, steps)


def _world(gymnasium: Any) -> tuple[Any, str]:
    """Returns the lander where its physics are installed, else the cart."""
    try:
        return gymnasium.make("LunarLander-v3", render_mode="rgb_array"), "LunarLander"
    except gymnasium.error.DependencyNotInstalled:
        return gymnasium.make("CartPole-v1", render_mode="rgb_array"), "CartPole"
