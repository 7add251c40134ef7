"""Stable-Baselines3's PPO, which owns its loop within `learn`."""

from __future__ import annotations

import sys

import ainimal_zookeeper  # zoo
import gymnasium
import torch
from stable_baselines3 import PPO

torch.set_num_threads(1)
run = ainimal_zookeeper.attach(parameters={"n_steps": 256}, seed=1)  # zoo
env = gymnasium.make("CartPole-v1", render_mode="rgb_array")
env = run.env(env)  # zoo
model = PPO("MlpPolicy", env, n_steps=256, seed=1, device="cpu")
run.watch(model.policy)  # zoo
run.checkpoints(lambda to: model.save(f"{to}/ppo"), lambda at: model.set_parameters(f"{at}/ppo"))  # zoo
model.learn(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
