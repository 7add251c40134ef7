"""Acting: the step contract (docs/protocols.md, ARCHITECTURE.md) for one environment.

    observation -> inputs -> forward -> outputs -> action -> env.step -> timestep -> train

`_act_only` is the same contract with nothing but counting around it, for when nobody learns, drives or records: it
leaves as soon as the bell rings. Whatever changes a value on its way is in `_act`, at its arrow (`arrows.py`).
"""

from __future__ import annotations

import math
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
from ainimal_zookeeper.models.settling import settle
from ainimal_zookeeper.timestep import Timestep

from .arrows import Arrows
from .bell import Bell
from .fault import fault_of
from .forwarding import action_of, inputs_of, neutral_action, of_one
from .journal import Journal
from .parts import shares
from .session import Leave
from .training import Trainer, kept


class Actor:
    """One agent in one environment. Methods run in the step thread and leave at the first ring of the bell."""

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
        self._forward = of_one(agent)
        self._names = tuple(world.action)
        self._neutral = neutral_action(world.action, world.action_key)
        self._outputs = {**agent.outputs, **world.action}
        self._check = compile_check(self._outputs)
        self._trainer: Trainer | None = None
        if agent.can.train is not None:
            proposed = partial(action_of, key=world.action_key, names=self._names)
            self._trainer = Trainer(agent.can.train, agent.train_every, on=agent.train_on, proposed=proposed)
        self._observation: Any = None
        self._episode_return = 0.0
        self._began_at = 0

    @property
    def can_learn(self) -> bool:
        return self._trainer is not None

    @property
    def has_past(self) -> bool:
        return self._trainer is not None and self._trainer.has_past

    def ready(self, _mode: Mode) -> bool:
        """Tells whether there is something to act on: an environment always is."""
        return True

    def begin(self) -> None:
        """Starts the first episode, or the next one: what was going on is cut off."""
        if self._trainer is not None:
            self._trainer.cut()
        self._begin()
        self._show()

    def _show(self) -> None:
        moment = self._journal.moment
        moment.inputs = inputs_of(self._observation, self._world.observation_key)
        moment.step = self._journal.counters.step
        moment.version += 1

    def snapshot(self) -> dict[str, Any]:
        """Returns what `put_back` takes."""
        steps = self._journal.counters.step - self._began_at
        return {
            "episodeStep": steps,
            "episodeReturn": self._episode_return,
            "observation": kept(self._observation),
            "world": self._memory.snapshot(at_start=steps == 0),
            "trainer": None if self._trainer is None else self._trainer.snapshot(),
            "journal": self._journal.snapshot(),
        }

    def put_back(self, kept: Mapping[str, Any] | None, become: Callable[[], None]) -> list[str]:
        """Goes on where `kept` was taken: in the same episode, or at the beginning of another one, and says so.

        `become` makes the agent, and chance, what they were. The counters are there already.
        """
        if kept is None:
            become()
            self.begin()
            return []
        memory, world = self._memory, kept["world"]
        told = why_not(memory, kept)
        if told is not None:
            self._seed = None
            become()
            memory.rewind({name: part for name, part in world.items() if name != "seed"})
            self.begin()
        else:
            self._seed = memory.rewind(world)
            self.begin()
            told = self._go_on(kept)
            become()
        if self._trainer is not None and kept["trainer"] is not None:
            self._trainer.put_back(kept["trainer"], goes_on=told is None)
        self._journal.put_back(kept["journal"])
        return [] if told is None else [told]

    def _go_on(self, kept: Mapping[str, Any]) -> str | None:
        """Takes up the episode of `kept` after one has begun; returns why it is another one, None when it is not."""
        memory, world = self._memory, kept["world"]
        if memory.gives_state and "state" in world:
            memory.go_on(world)
            self._observation = kept["observation"]
        elif not same(self._observation, kept["observation"]):
            return f"{memory.name} cannot restore its state: it began another episode than it had begun then"
        self._episode_return = kept["episodeReturn"]
        self._began_at = self._journal.counters.step - kept["episodeStep"]
        self._show()
        return None

    def cut(self) -> None:
        """Ends the trajectory here: learning was switched."""
        if self._trainer is not None:
            self._trainer.cut()

    def act(self, mode: Mode) -> None:
        """Makes at least one step in `mode`, and goes on until the bell rings."""
        self._arrows.clear()
        if mode["inference"] and not (mode["training"] and self.can_learn) and self._arrows.plain:
            self._act_only()
        else:
            self._act(mode)

    def relearn(self) -> None:
        """Learns from what is kept until the bell rings."""
        while self.has_past:
            self.relearn_once()
            if self._bell.rung:
                return

    def relearn_once(self) -> None:
        """Learns from the next of what is kept, of which there must be something."""
        assert self._trainer is not None  # noqa: S101  as there is something
        self._journal.learnt(self._trainer.relearn())
        self._arrows.learnt()

    def _act_only(self) -> None:
        # Locals and one attribute check: what this adds to the bare loop is measured by benchmarks/step_overhead.py.
        bell, journal, world = self._bell, self._journal, self._world
        counters = journal.counters
        # What the last step saw is shown after it, when the environment may have written the next into the same array.
        copied = bell.rung
        forward, check, step = self._forward, self._check, world.step
        input_key, output_key, names = world.observation_key, world.action_key, self._names
        observation, episode_return = (kept(self._observation) if copied else self._observation), self._episode_return
        number = begun_at = counters.step
        total, low, high = -episode_return, math.inf, -math.inf
        inputs: Any = None
        outputs: Any = None
        action: Any = None
        reward: Any = None
        try:
            while True:
                inputs = observation if input_key is None else {input_key: observation}
                try:
                    outputs = forward(inputs)
                    check(outputs)
                except BaseException as error:
                    raise fault_of(error, AInimalFault) from error
                action = outputs[output_key] if output_key is not None else {name: outputs[name] for name in names}
                try:
                    observation, reward, terminated, truncated, _ = step(action)
                    if type(reward) is not float:
                        reward = _number(reward)
                    over = bool(terminated or truncated)
                except Leave:
                    raise
                except BaseException as error:
                    raise fault_of(error, EnvFault) from error
                number += 1
                counters.step = number
                episode_return += reward
                low = min(low, reward)
                high = max(high, reward)
                if over:
                    total += episode_return
                    journal.episode(float(episode_return), number - self._began_at)
                    self._begin()
                    observation, episode_return = self._observation, 0.0
                if bell.rung:
                    if copied or not shares(observation, inputs if input_key is None else inputs.get(input_key)):
                        return
                    observation, copied = kept(observation), True
        finally:
            self._observation, self._episode_return = observation, episode_return
            if number > begun_at:
                journal.rewards.add_many(number - begun_at, float(total + episode_return), float(low), float(high))
            self._leave_moment(inputs, outputs, action, reward)

    def _act(self, mode: Mode) -> None:
        bell, journal, world, arrows = self._bell, self._journal, self._world, self._arrows
        counters = journal.counters
        input_key, output_key = world.observation_key, world.action_key
        trainer = self._trainer if mode["training"] else None
        acting, changing = mode["inference"], arrows.changing
        sinks = [sink for sink in arrows.sinks if sink.active]
        while True:
            inputs = inputs_of(kept(self._observation), input_key)
            outputs: Mapping[str, Any] | None = None
            if changing:
                arrows.begin(counters.step + 1)
            if acting:
                seen = arrows.inputs(inputs) if changing else inputs
                try:
                    outputs = self._forward(seen)
                    self._check(outputs)
                except BaseException as error:
                    raise fault_of(error, AInimalFault) from error
                action = action_of(arrows.outputs(outputs) if changing else outputs, output_key, self._names)
            else:
                action = self._neutral
            if changing:
                action = arrows.action(action, counters.step + 1)
            try:
                following, reward, terminated, truncated, info = world.step(action)
                reward = _number(reward)
                over = bool(terminated or truncated)
            except Leave:
                raise
            except BaseException as error:
                raise fault_of(error, EnvFault) from error
            self._observation = following
            counters.step += 1
            self._episode_return += reward
            journal.rewards.add(reward)
            self._leave_moment(inputs, outputs, action, reward)
            for sink in sinks:
                final = inputs_of(following, input_key) if over else None
                sink.took(inputs, outputs, action, reward, terminated, truncated, final)
            if trainer is not None:
                proposed, done, overridden = kept(outputs), kept(action), bool(arrows.overridden)
                timestep = Timestep(
                    inputs, proposed, done, reward, terminated, truncated, None, overridden, arrows.driver, info
                )
                losses = trainer.add(timestep, inputs_of(following, input_key))
                if losses is not None:
                    journal.learnt(losses)
                    arrows.learnt()
            if over:
                journal.episode(float(self._episode_return), counters.step - self._began_at)
                self._begin()
            if bell.rung:
                return

    def _begin(self) -> None:
        if self._agent.can.reset is not None:
            try:
                self._agent.can.reset(None)
            except BaseException as error:
                raise fault_of(error, AInimalFault) from error
        try:
            self._memory.begin(self._seed)
            self._observation = self._world.reset(self._seed)
        except Leave:
            raise
        except BaseException as error:
            raise fault_of(error, EnvFault) from error
        self._seed = None
        self._episode_return = 0.0
        self._began_at = self._journal.counters.step
        self._arrows.began()

    def _leave_moment(self, inputs: Any, outputs: Any, action: Any, reward: Any) -> None:
        moment = self._journal.moment
        if reward is None:
            return
        if not self._agent.outputs and outputs is not None:
            settle(self._agent, inputs, outputs)
        moment.inputs, moment.outputs, moment.action, moment.reward = inputs, outputs, action, reward
        moment.overridden, moment.driver = self._arrows.overridden, self._arrows.driver
        moment.step = self._journal.counters.step
        moment.version += 1


def why_not(memory: Memory, kept: Mapping[str, Any]) -> str | None:
    """Returns why `memory` cannot go on where `kept` was taken; None when it can."""
    name, before = memory.name, kept["world"]["name"]
    if memory.is_shared:
        return "it shares its world with others, which does not go back: a new episode starts"
    if name != before:
        return f"the checkpoint was saved in {before}: a new episode of {name} starts"
    if kept["episodeStep"] and not (memory.gives_state and "state" in kept["world"]):
        return f"{name} cannot restore its state: a new episode starts"
    return None


def same(one: Any, other: Any) -> bool:
    """Tells whether two observations are equal to the bit, as far as they are arrays or plain values."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return type(one) is type(other) and bool(one == other or one != one)  # noqa: PLR0124 - only NaN differs from itself


def _number(reward: Any) -> float:
    """Returns a reward as a float; an array of one number is one as well. Raises: EnvFault."""
    if isinstance(reward, (int, float)):
        return float(reward)
    array = np.asarray(reward)
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise EnvFault(f"step returned the reward {reward!r:.100}; it must be a number")
    return float(array.item())
