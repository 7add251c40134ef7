"""Batching: the step contract for a vector of environments that step together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.documents import Mode
from ainimal_zookeeper.domain.errors import AInimalFault, EnvFault
from ainimal_zookeeper.environments.memory import Memory
from ainimal_zookeeper.environments.world import World
from ainimal_zookeeper.models.agent import Agent
from ainimal_zookeeper.models.outputs import compile_check
from ainimal_zookeeper.timestep import Timestep

from .acting import same, why_not
from .arrows import Arrows
from .bell import Bell
from .fault import fault_of
from .forwarding import action_of, inputs_of, neutral_action, of_many
from .journal import Journal
from .training import LONGEST, Trainer, kept

_FINAL = frozenset({"final_obs", "_final_obs", "final_info", "_final_info"})


class BatchActor:
    """One agent in `num_envs` environments, which begin new episodes by themselves.

    A VECTORIZED agent learns from timesteps that hold batches; another one from a trajectory of each environment.
    Where an episode has ended, `final_inputs` hold its last observation, not the first of the next.
    """

    def __init__(
        self,
        agent: Agent,
        world: World,
        journal: Journal,
        bell: Bell,
        seed: int | None,
        arrows: Arrows | None = None,
    ) -> None:
        self._agent = agent
        self._arrows = arrows or Arrows()
        self._world = world
        self._journal = journal
        self._bell = bell
        self._seed = seed
        self._memory = Memory(world)
        self._began_at = 0
        count = self._count = world.num_envs
        self._forward = of_many(agent, count)
        self._check = compile_check({**agent.outputs, **world.action}, count)
        self._neutral = neutral_action(world.action, world.action_key, count)
        self._names = tuple(world.action)
        train, on = agent.can.train, agent.train_on
        proposed = partial(action_of, key=world.action_key, names=self._names)
        self._batches: Trainer | None = None
        self._singles: list[Trainer] = []
        if train is not None and agent.vectorized:
            every = agent.train_every if agent.train_every != "episode" else max(1, LONGEST // count)
            self._batches = Trainer(train, every, on=on, proposed=proposed)
        elif train is not None:
            self._singles = [Trainer(train, agent.train_every, on=on, proposed=proposed) for _ in range(count)]
        self._observation: Any = None
        self._returns = np.zeros(count)
        self._lengths = np.zeros(count, np.int64)

    @property
    def can_learn(self) -> bool:
        return self._batches is not None or bool(self._singles)

    @property
    def has_past(self) -> bool:
        return any(trainer.has_past for trainer in self._trainers())

    def ready(self, _mode: Mode) -> bool:
        return True

    def begin(self) -> None:
        """Starts new episodes in all environments."""
        self.cut()
        self._reset_agent(None)
        try:
            self._memory.begin(self._seed)
            self._observation = self._world.reset(self._seed)
        except BaseException as error:
            raise fault_of(error, EnvFault) from error
        self._seed = None
        self._began_at = self._journal.counters.step
        self._returns[:] = 0
        self._lengths[:] = 0
        self._arrows.began()
        moment = self._journal.moment
        moment.inputs = inputs_of(self._observation, self._world.observation_key)
        moment.step = self._journal.counters.step
        moment.version += 1

    def snapshot(self) -> dict[str, Any]:
        """Returns what `put_back` takes. Only before its first step all environments are where an episode begins."""
        steps = self._journal.counters.step - self._began_at
        return {
            "episodeStep": steps,
            "observation": kept(self._observation),
            "world": self._memory.snapshot(at_start=steps == 0),
            "trainers": [trainer.snapshot() for trainer in self._trainers()],
            "journal": self._journal.snapshot(),
        }

    def put_back(self, kept: Mapping[str, Any] | None, become: Callable[[], None]) -> list[str]:
        """As `Actor.put_back`; what was going on in the environments is cut off but at their very beginning."""
        if kept is None:
            become()
            self.begin()
            return []
        told = why_not(self._memory, kept)
        world = kept["world"] if told is None else {**kept["world"], "seed": None}
        if told is None:
            self._seed = self._memory.rewind(world)
            self.begin()
            become()
            if not same(self._observation, kept["observation"]):
                told = f"{self._memory.name} cannot restore its state: it began other episodes than it had begun then"
        else:
            become()
            self._seed = self._memory.rewind(world)
            self.begin()
        for trainer, before in zip(self._trainers(), kept.get("trainers", ()), strict=False):
            trainer.put_back(before, goes_on=told is None)
        self._journal.put_back(kept["journal"])
        return [] if told is None else [told]

    def cut(self) -> None:
        """Ends all trajectories here."""
        for trainer in self._trainers():
            trainer.cut()

    def relearn(self) -> None:
        """Learns from what is kept until the bell rings."""
        while True:
            for trainer in self._trainers():
                if trainer.has_past:
                    self._journal.learnt(trainer.relearn())
                    self._arrows.learnt()
                if self._bell.rung:
                    return

    def act(self, mode: Mode) -> None:
        """Makes at least one step in `mode`, and goes on until the bell rings."""
        while True:
            self._step(mode)
            if self._bell.rung:
                return

    def _step(self, mode: Mode) -> None:
        world, journal, arrows = self._world, self._journal, self._arrows
        learns = mode["training"] and self.can_learn
        number = journal.counters.step + 1
        inputs = inputs_of(kept(self._observation), world.observation_key)
        outputs = None
        action = self._neutral
        arrows.begin(number)
        if mode["inference"]:
            seen = arrows.inputs(inputs)
            try:
                outputs = self._forward(seen)
                self._check(outputs)
            except BaseException as error:
                raise fault_of(error, AInimalFault) from error
            action = action_of(arrows.outputs(outputs), world.action_key, self._names)
        action = arrows.action(action, number)
        try:
            following, reward, terminated, truncated, info = world.step(action)
        except BaseException as error:
            raise fault_of(error, EnvFault) from error
        self._observation = following
        journal.counters.step += 1
        reward = np.asarray(reward, np.float64)
        terminated, truncated = np.asarray(terminated, np.bool_), np.asarray(truncated, np.bool_)
        journal.rewards.add_many(self._count, float(reward.sum()), float(reward.min()), float(reward.max()))
        moment = journal.moment
        moment.inputs, moment.outputs, moment.action, moment.reward = inputs, outputs, action, reward
        moment.overridden, moment.driver = arrows.overridden, arrows.driver
        moment.step = journal.counters.step
        moment.version += 1
        ended = terminated | truncated
        sinks = [sink for sink in arrows.sinks if sink.active]
        if sinks:
            final = self._with_last(inputs_of(following, world.observation_key), ended, info) if ended.any() else None
            for sink in sinks:
                sink.took(inputs, outputs, action, reward, terminated, truncated, final)
        if learns:
            self._learn(inputs, kept(outputs), kept(action), (reward, terminated, truncated), info, following)
        self._returns += reward
        self._lengths += 1
        for index in np.flatnonzero(ended):
            journal.episode(float(self._returns[index]), int(self._lengths[index]))
        self._returns[ended] = 0
        self._lengths[ended] = 0
        if ended.any():
            self._reset_agent(ended)

    def _learn(
        self, inputs: Any, outputs: Any, action: Any, outcome: tuple[Any, Any, Any], info: Any, following: Any
    ) -> None:
        reward, terminated, truncated = outcome
        overridden, driver = bool(self._arrows.overridden), self._arrows.driver
        next_inputs = inputs_of(following, self._world.observation_key)
        if self._batches is not None:
            timestep = Timestep(inputs, outputs, action, reward, terminated, truncated, None, overridden, driver, info)
            losses = self._batches.add_batch(timestep, self._with_last(next_inputs, timestep.last, info))
            if losses is not None:
                self._journal.learnt(losses)
                self._arrows.learnt()
            return
        for index, trainer in enumerate(self._singles):
            timestep = Timestep(
                _part(inputs, index),
                None if outputs is None else _part(outputs, index),
                _part(action, index),
                float(reward[index]),
                bool(terminated[index]),
                bool(truncated[index]),
                overridden=overridden,
                driver=driver,
                info=self._info_of(info, index, bool(terminated[index] or truncated[index])),
            )
            final = info["final_obs"][index] if timestep.last and "final_obs" in info else None
            seen = _part(next_inputs, index) if final is None else inputs_of(final, self._world.observation_key)
            losses = trainer.add(timestep, seen)
            if losses is not None:
                self._journal.learnt(losses)
                self._arrows.learnt()

    def _info_of(self, info: Any, index: int, ended: bool) -> dict[str, Any]:
        """Returns what environment `index` added to its step; an ended one's stands apart from its next episode's."""
        if not ended or "final_info" not in info:
            return _part_of_info({key: info[key] for key in info if key not in _FINAL}, index, self._count)
        final = info["final_info"]
        return _part_of_info(final, index, self._count) if isinstance(final, Mapping) else dict(final[index] or {})

    def _with_last(self, inputs: Any, ended: Any, info: Any) -> dict[str, Any]:
        """Returns `inputs` with the last observation of each ended episode in place of the first of the next."""
        if not ended.any() or "final_obs" not in info:
            return inputs  # type: ignore[no-any-return]
        seen = {name: list(value) if isinstance(value, tuple) else kept(value) for name, value in inputs.items()}
        for index in np.flatnonzero(ended):
            for name, value in inputs_of(info["final_obs"][index], self._world.observation_key).items():
                seen[name][index] = value
        return seen

    def _trainers(self) -> list[Trainer]:
        return self._singles if self._batches is None else [self._batches]

    def _reset_agent(self, mask: Any) -> None:
        if self._agent.can.reset is None:
            return
        try:
            self._agent.can.reset(mask)
        except BaseException as error:
            raise fault_of(error, AInimalFault) from error


def _part(tree: Any, index: int) -> Any:
    return {name: value[index] for name, value in tree.items()} if isinstance(tree, dict) else tree[index]


def _part_of_info(info: Mapping[str, Any], index: int, count: int) -> dict[str, Any]:
    """Returns one environment's part of a vector's info, in which the mask `_key` says who has `key`."""
    part = {}
    for key, value in info.items():
        mask: Any = info.get(f"_{key}")
        is_mask = key.startswith("_") and key[1:] in info
        if is_mask or (_is_batch(mask, count) and not mask[index]):
            continue
        if isinstance(value, Mapping):
            part[key] = _part_of_info(value, index, count)
        else:
            part[key] = value[index] if _is_batch(value, count) else value
    return part


def _is_batch(value: Any, count: int) -> bool:
    return isinstance(value, (np.ndarray, list, tuple)) and getattr(value, "ndim", 1) > 0 and len(value) == count
