"""The balancer again, with PyTorch: the same method in half the lines, as gradients come by themselves.

Needs the package torch. Its networks are modules, so that their layers can be watched and changed. It writes no save:
a checkpoint holds what its networks, its optimizer and its other attributes have become.
"""

from __future__ import annotations

from typing import Any

import torch
from ainimal_zookeeper import AInimal, Modality, Trajectory
from torch import nn

torch.set_num_threads(1)  # the networks are too small to share

EPOCHS = 6  # passes over each trajectory
BATCH = 64
CLIP = 0.2  # how far the policy may move away from the one that acted
SMOOTHING = 0.95  # generalised advantage estimation: 0 trusts the value estimate, 1 the returns


class DeepBalancer(AInimal):
    """Learns CartPole by proximal policy optimisation."""

    TRAIN_ON = "skip"  # on-policy: what somebody else did teaches it nothing
    TRAIN_EVERY = 256
    AINIMAL_PARAMETERS = [
        {"name": "learning_rate", "display": "Learning rate", "type": "float", "default": 0.003,
         "range": [0.0001, 0.03]},
        {"name": "hidden", "display": "Hidden units", "type": "int", "default": 64, "range": [4, 1024]},
        {"name": "depth", "display": "Number of hidden layers", "type": "int", "default": 1, "range": [1, 10]},
        {"name": "discount", "display": "Discount", "type": "float", "default": 0.99, "range": [0.0, 1.0]},
    ]  # fmt: skip

    def __init__(self, learning_rate: float = 0.003, hidden: int = 64, depth: int = 1, discount: float = 0.99) -> None:
        self.discount = discount
        self.policy = _network(4, hidden, depth, 2)
        self.value = _network(4, hidden, depth, 1)
        self.optimizer = torch.optim.Adam([*self.policy.parameters(), *self.value.parameters()], lr=learning_rate)

    @property
    def input_modalities(self) -> dict[str, Modality]:
        return {"observation": Modality("observation", "VECTOR", (4,), names=("x", "speed", "angle", "spin"))}

    @property
    def output_modalities(self) -> dict[str, Modality]:
        return {
            "action": Modality.discrete("action", 2, labels=("left", "right")),
            "value": Modality.scalar("value"),
        }

    @property
    def state(self) -> dict[str, Any]:
        return {"learning_rate": self.optimizer.param_groups[0]["lr"]}

    def set_state(self, name: str, value: Any) -> None:
        if name != "learning_rate":
            raise KeyError(f"{name} cannot be set")
        self.optimizer.param_groups[0]["lr"] = float(value)

    @torch.no_grad()
    def forward(self, inputs: dict[str, Any]) -> dict[str, Any]:
        seen = torch.as_tensor(inputs["observation"], dtype=torch.float32)
        chances = torch.softmax(self.policy(seen), -1)
        return {"action": int(torch.multinomial(chances, 1)), "value": float(self.value(seen))}

    def train(self, traj: Trajectory) -> float:
        stacked = traj.stack()
        seen = torch.as_tensor(stacked.observations["observation"], dtype=torch.float32)
        actions = torch.as_tensor(stacked.actions)[:, None]
        with torch.no_grad():
            acted = torch.log_softmax(self.policy(seen), -1).gather(1, actions)[:, 0]
            advantages, returns = self._advantages(traj, seen)
        losses = []
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(seen)).split(BATCH):
                logs = torch.log_softmax(self.policy(seen[batch]), -1)
                entropy = -(logs.exp() * logs).sum(-1).mean()
                ratio = (logs.gather(1, actions[batch])[:, 0] - acted[batch]).exp()
                gain = torch.minimum(
                    ratio * advantages[batch], ratio.clamp(1 - CLIP, 1 + CLIP) * advantages[batch]
                ).mean()
                miss = 0.5 * (self.value(seen[batch])[:, 0] - returns[batch]).square().mean()
                loss = miss - gain - 0.01 * entropy
                self.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
                nn.utils.clip_grad_norm_(self.value.parameters(), 1.0)
                self.optimizer.step()
                losses.append(loss.item())
        self.log({"entropy": entropy.item(), "return_estimate": float(returns.mean())})
        return sum(losses) / len(losses)

    def _advantages(self, traj: Trajectory, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns how much better each action turned out than expected, and the returns that this implies."""
        values = self.value(seen)[:, 0]
        advantages = torch.zeros(len(traj))
        later = 0.0
        for index in reversed(range(len(traj))):
            step = traj[index]
            following = traj.following(index)
            if step.terminated or following is None:
                ahead = 0.0
            elif step.last or index + 1 == len(traj):
                ahead = float(self.value(torch.as_tensor(following["observation"], dtype=torch.float32)))
            else:
                ahead = float(values[index + 1])
            surprise = float(step.reward) + self.discount * ahead - float(values[index])
            later = surprise + (0.0 if step.last else self.discount * SMOOTHING * later)
            advantages[index] = later
        return (advantages - advantages.mean()) / (advantages.std() + 1e-8), advantages + values


def _network(inputs: int, hidden: int, depth: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in [inputs, *[hidden] * (depth - 1)]:
        layers += [nn.Linear(width, hidden), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(hidden, outputs))
