"""PPO in one file, written out as single-file libraries of reinforcement learning do: nothing to subclass, one loop."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import ainimal_zookeeper  # zoo
import gymnasium
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical


@dataclass
class Args:
    env_id: str = "CartPole-v1"
    seed: int = 1
    total_timesteps: int = 10_000_000
    learning_rate: float = 1e-3
    num_envs: int = 2
    num_steps: int = 64
    gamma: float = 0.99
    gae_lambda: float = 0.95
    minibatches: int = 4
    update_epochs: int = 2
    clip_coef: float = 0.2
    ent_coef: float = 0.01
    vf_coef: float = 0.5


class Agent(nn.Module):
    def __init__(self, envs):
        super().__init__()
        size = int(np.prod(envs.single_observation_space.shape))
        self.critic = nn.Sequential(nn.Linear(size, 32), nn.Tanh(), nn.Linear(32, 1))
        self.actor = nn.Sequential(nn.Linear(size, 32), nn.Tanh(), nn.Linear(32, int(envs.single_action_space.n)))

    def act(self, obs, action=None):
        choice = Categorical(logits=self.actor(obs))
        if action is None:
            action = choice.sample()
        return action, choice.log_prob(action), choice.entropy(), self.critic(obs).flatten()


def make_env(env_id):
    return lambda: gymnasium.make(env_id, render_mode="rgb_array")


def save(folder):
    torch.save({"agent": agent.state_dict(), "optimizer": optimizer.state_dict()}, f"{folder}/ppo.pt")


def load(folder):
    state = torch.load(f"{folder}/ppo.pt")
    agent.load_state_dict(state["agent"])
    optimizer.load_state_dict(state["optimizer"])


args = Args()
torch.manual_seed(args.seed)
torch.set_num_threads(1)
run = ainimal_zookeeper.attach(parameters=asdict(args), seed=args.seed)  # zoo
envs = gymnasium.vector.SyncVectorEnv([make_env(args.env_id)] * args.num_envs)
envs = run.env(envs)  # zoo
agent = Agent(envs)
optimizer = torch.optim.Adam(agent.parameters(), args.learning_rate)
run.watch(agent)  # zoo
run.checkpoints(save, load)  # zoo

shape = (args.num_steps, args.num_envs)
obs = torch.zeros(shape + envs.single_observation_space.shape)
actions, logprobs, rewards, dones, values = (torch.zeros(shape) for _ in range(5))
next_obs = torch.tensor(envs.reset(seed=args.seed)[0])
next_done = torch.zeros(args.num_envs)
for _iteration in range(args.total_timesteps // (args.num_envs * args.num_steps)):
    for step in range(args.num_steps):
        obs[step], dones[step] = next_obs, next_done
        with torch.no_grad():
            action, logprobs[step], _, values[step] = agent.act(next_obs)
        actions[step] = action
        observed, reward, terminated, truncated, _info = envs.step(action.numpy())
        rewards[step] = torch.tensor(reward)
        next_obs, next_done = torch.tensor(observed), torch.tensor(terminated | truncated, dtype=torch.float32)

    with torch.no_grad():
        following, carried = agent.critic(next_obs).flatten(), torch.zeros(args.num_envs)
        advantages, alive = torch.zeros(shape), 1.0 - next_done
        for step in reversed(range(args.num_steps)):
            error = rewards[step] + args.gamma * following * alive - values[step]
            carried = error + args.gamma * args.gae_lambda * alive * carried
            advantages[step], following, alive = carried, values[step], 1.0 - dones[step]
    returns = advantages + values

    flat = [part.flatten(0, 1) for part in (obs, actions, logprobs, advantages, returns)]
    for _epoch in range(args.update_epochs):
        for chosen in torch.randperm(args.num_envs * args.num_steps).chunk(args.minibatches):
            seen, done, before, advantage, target = (part[chosen] for part in flat)
            _, logprob, entropy, value = agent.act(seen, done)
            ratio = (logprob - before).exp()
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            clipped = ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)
            policy_loss = torch.max(-advantage * ratio, -advantage * clipped).mean()
            value_loss = 0.5 * ((value - target) ** 2).mean()
            loss = policy_loss - args.ent_coef * entropy.mean() + args.vf_coef * value_loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
