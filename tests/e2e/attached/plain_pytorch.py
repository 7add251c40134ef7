"""A plain PyTorch loop: a small network learns the sine."""

from __future__ import annotations

import argparse

import ainimal_zookeeper  # zoo
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=1_000_000)
parser.add_argument("--learning-rate", type=float, default=1e-3)
args = parser.parse_args()
torch.manual_seed(1)
torch.set_num_threads(1)
model = torch.nn.Sequential(torch.nn.Linear(1, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), args.learning_rate)


def save(folder: str) -> None:
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, f"{folder}/state.pt")


def load(folder: str) -> None:
    state = torch.load(f"{folder}/state.pt")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])


run = ainimal_zookeeper.attach(parameters=vars(args), seed=1)  # zoo
run.watch(model)  # zoo
run.checkpoints(save, load)  # zoo
for step in range(args.steps):
    inputs = torch.rand(64, 1) * 6.0 - 3.0
    loss = torch.nn.functional.mse_loss(model(inputs), torch.sin(inputs))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log({"loss": loss}, step=step)  # zoo
