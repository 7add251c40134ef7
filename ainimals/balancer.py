"""An agent that learns to balance a pole: proximal policy optimisation with numpy alone.

It acts, keeps nothing itself, and learns from every 256 timesteps that the zoo hands it. Its policy and its
estimate of the return are two small networks, each one layer of tanh.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ainimal_zookeeper import AInimal, Modality, Trajectory

EPOCHS = 6  # passes over each trajectory
BATCH = 64
CLIP = 0.2  # how far the policy may move away from the one that acted
SMOOTHING = 0.95  # generalised advantage estimation: 0 trusts the value estimate, 1 the returns


class Balancer(AInimal):
    """Learns any task with a vector to see and a few actions to choose from; made for CartPole."""

    TRAIN_ON = "skip"  # on-policy: what somebody else did teaches it nothing
    TRAIN_EVERY = 256
    AINIMAL_PARAMETERS = [
        {
            "name": "learning_rate",
            "display": "Learning rate",
            "type": "float",
            "default": 0.003,
            "range": [0.0001, 0.03],
            "description": "How far each update moves the weights.",
        },
        {
            "name": "hidden",
            "display": "Hidden units",
            "type": "int",
            "default": 64,
            "range": [4, 512],
            "description": "The width of the one hidden layer of both networks.",
        },
        {
            "name": "discount",
            "display": "Discount",
            "type": "float",
            "default": 0.99,
            "range": [0.0, 1.0],
            "description": "What a reward is worth one step later.",
        },
    ]

    def __init__(self, learning_rate: float = 0.003, hidden: int = 64, discount: float = 0.99) -> None:
        self.learning_rate = learning_rate
        self.discount = discount
        self.rng = np.random.default_rng(np.random.randint(2**31))  # follows the seed of the launch
        self.weights = {
            **_layers("policy", 4, hidden, 2, self.rng),
            **_layers("value", 4, hidden, 1, self.rng),
        }
        self.momentum = {name: np.zeros((2, *array.shape)) for name, array in self.weights.items()}
        self.updates = 0

    @property
    def input_modalities(self) -> dict[str, Modality]:
        return {"observation": Modality("observation", "VECTOR", (4,), names=("x", "speed", "angle", "spin"))}

    @property
    def output_modalities(self) -> dict[str, Modality]:
        return {
            "action": Modality.discrete("action", 2, labels=("left", "right")),
            "right": Modality.scalar("right", 0.0, 1.0),
            "value": Modality.scalar("value"),
        }

    @property
    def state(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "updates": self.updates, **self.weights}

    def set_state(self, name: str, value: Any) -> None:
        if name == "learning_rate":
            self.learning_rate = float(value)
        elif name in self.weights:
            self.weights[name][...] = value
        else:
            raise KeyError(f"{name} cannot be set")

    def forward(self, inputs: dict[str, Any]) -> dict[str, Any]:
        seen = inputs["observation"]
        hidden = np.tanh(seen @ self.weights["policy_in"] + self.weights["policy_in_bias"])
        left, right = (hidden @ self.weights["policy_out"] + self.weights["policy_out_bias"]).tolist()
        probability = 1.0 / (1.0 + np.exp(min(max(left - right, -50.0), 50.0)))
        hidden = np.tanh(seen @ self.weights["value_in"] + self.weights["value_in_bias"])
        value = (hidden @ self.weights["value_out"] + self.weights["value_out_bias"]).item()
        action = int(self.rng.random() < probability)
        return {"action": action, "right": float(probability), "value": value}

    def train(self, traj: Trajectory) -> float:
        stacked = traj.stack()
        seen = stacked.observations["observation"].astype(np.float64)
        actions = stacked.actions.astype(int)
        advantages, returns = self._advantages(traj, stacked.rewards, seen)
        rows = np.arange(len(seen))
        acted = self._policy(seen)[1][rows, actions]
        losses, entropies = [], []
        for _ in range(EPOCHS):
            order = self.rng.permutation(len(seen))
            for start in range(0, len(order), BATCH):
                batch = order[start : start + BATCH]
                loss, entropy = self._update(
                    seen[batch], actions[batch], acted[batch], advantages[batch], returns[batch]
                )
                losses.append(loss)
                entropies.append(entropy)
        self.log({"entropy": np.mean(entropies), "return_estimate": returns.mean()})
        return float(np.mean(losses))

    def save(self, path: str) -> None:
        moments = {f"momentum_{name}": array for name, array in self.momentum.items()}
        chance = json.dumps(self.rng.bit_generator.state)
        np.savez(Path(path) / "balancer.npz", updates=self.updates, chance=chance, **self.weights, **moments)

    def load(self, path: str) -> None:
        with np.load(Path(path) / "balancer.npz") as saved:
            self.weights = {name: saved[name] for name in self.weights}
            self.momentum = {name: saved[f"momentum_{name}"] for name in self.momentum}
            self.updates = int(saved["updates"])
            self.rng.bit_generator.state = json.loads(str(saved["chance"]))

    def _advantages(self, traj: Trajectory, rewards: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns how much better each action turned out than expected, and the returns that this implies."""
        values = self._value(seen)[1]
        advantages = np.zeros(len(traj))
        later = 0.0
        for index in reversed(range(len(traj))):
            step = traj[index]
            following = traj.following(index)
            if step.terminated or following is None:
                ahead = 0.0
            elif step.last or index + 1 == len(traj):
                ahead = self._value(following["observation"][None])[1].item()
            else:
                ahead = values[index + 1]
            surprise = rewards[index] + self.discount * ahead - values[index]
            later = surprise + (0.0 if step.last else self.discount * SMOOTHING * later)
            advantages[index] = later
        return (advantages - advantages.mean()) / (advantages.std() + 1e-8), advantages + values

    def _update(
        self, seen: np.ndarray, actions: np.ndarray, acted: np.ndarray, advantages: np.ndarray, returns: np.ndarray
    ) -> tuple[float, float]:
        """One step of Adam on one batch; `acted`: the probabilities with which the actions were chosen."""
        count, rows = len(seen), np.arange(len(seen))
        hidden, chances = self._policy(seen)
        ratio = chances[rows, actions] / acted
        moves = np.where(advantages > 0, ratio < 1 + CLIP, ratio > 1 - CLIP)  # where clipping leaves a gradient
        chosen = np.zeros_like(chances)
        chosen[rows, actions] = 1.0
        logs = np.log(chances + 1e-12)
        entropy = -(chances * logs).sum(1)
        to_logits = (chances - chosen) * (moves * ratio * advantages)[:, None]
        to_logits += 0.01 * chances * (logs + entropy[:, None])  # a little entropy keeps it curious
        gradients = self._gradients("policy", seen, hidden, to_logits / count)

        hidden, values = self._value(seen)
        gradients |= self._gradients("value", seen, hidden, (values - returns)[:, None] / count)
        self._adam(gradients)
        clipped = np.minimum(ratio * advantages, np.clip(ratio, 1 - CLIP, 1 + CLIP) * advantages)
        return float(0.5 * np.mean((values - returns) ** 2) - clipped.mean()), float(entropy.mean())

    def _policy(self, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hidden = np.tanh(seen @ self.weights["policy_in"] + self.weights["policy_in_bias"])
        logits = hidden @ self.weights["policy_out"] + self.weights["policy_out_bias"]
        chances = np.exp(logits - logits.max(1, keepdims=True))
        return hidden, chances / chances.sum(1, keepdims=True)

    def _value(self, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hidden = np.tanh(seen @ self.weights["value_in"] + self.weights["value_in_bias"])
        return hidden, (hidden @ self.weights["value_out"] + self.weights["value_out_bias"])[:, 0]

    def _gradients(self, name: str, seen: np.ndarray, hidden: np.ndarray, error: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the gradients of one network, given those of its output."""
        inner = (error @ self.weights[f"{name}_out"].T) * (1 - hidden**2)
        return {
            f"{name}_in": seen.T @ inner,
            f"{name}_in_bias": inner.sum(0),
            f"{name}_out": hidden.T @ error,
            f"{name}_out_bias": error.sum(0),
        }

    def _adam(self, gradients: dict[str, np.ndarray]) -> None:
        self.updates += 1
        for name, steep in gradients.items():
            gradient = steep / max(1.0, np.linalg.norm(steep))
            mean, square = self.momentum[name]
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient**2 - square)
            corrected = np.sqrt(square / (1 - 0.999**self.updates)) + 1e-8
            self.weights[name] -= self.learning_rate * mean / (1 - 0.9**self.updates) / corrected


def _layers(name: str, inputs: int, hidden: int, outputs: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        f"{name}_in": rng.normal(0, inputs**-0.5, (inputs, hidden)),
        f"{name}_in_bias": np.zeros(hidden),
        f"{name}_out": rng.normal(0, 0.1 * hidden**-0.5, (hidden, outputs)),
        f"{name}_out_bias": np.zeros(outputs),
    }
