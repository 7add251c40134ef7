"""Steps: the zoo's part of a step that a script makes of its environment, before it and after.

reset -> [rules on inputs] -> the script's forward -> [rules, driver, clamps] -> env.step -> seen, recorded, paused
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from ainimal_zookeeper.environments.structure import Structure
from ainimal_zookeeper.spaces import tree_of_space

from ..arrows import Arrows
from ..forwarding import action_of, inputs_of
from ..journal import Journal
from ..training import kept
from .script import Script

EXECUTED = "zoo_action"  # the key of a step's info that says what was executed instead of what the script chose


class Steps:
    """Keeps count of one environment, or of a vector of them, and lets whoever stands at the arrows have their way.

    begin, attend, leave: of the companion, whose turn is held by whoever calls; `attend` when it is rung for.
    """

    def __init__(
        self,
        env: Any,
        script: Script,
        arrows: Arrows,
        journal: Journal,
        *,
        begin: Callable[[], None],
        attend: Callable[[], None],
        leave: Callable[[Exception], None],
    ) -> None:
        single = "single_" if hasattr(env, "single_observation_space") else ""
        self._seen = Structure(tree_of_space(getattr(env, f"{single}observation_space"), "observation"))
        self._done = Structure(tree_of_space(getattr(env, f"{single}action_space"), "action"))
        self._names = tuple(self._done.modalities)
        self._script = script
        self._arrows = arrows
        self._journal = journal
        self._begin = begin
        self._attend = attend
        self._leave = leave
        self._observation: Any = None
        self._before: Any = None  # what the step that is being made was chosen by
        self._reuses = False  # whether the environment writes its next observation into the last
        self._proposed: Any = None
        self._executed: Any = None
        self._replaced = False
        self._begun = 0  # the step that those at the arrows are told of
        self._count: Callable[[Any, Any, Any], None]
        self._forget: Callable[[], None]
        if single:
            count = int(env.num_envs)
            self._returns, self._lengths = np.zeros(count), np.zeros(count, np.int64)
            self._resting = np.zeros(count, np.bool_)
            mode = (getattr(env, "metadata", None) or {}).get("autoreset_mode")
            self._rests = getattr(mode, "name", str(mode)).upper() == "NEXT_STEP"
            self._count, self._forget = self._count_batch, self._forget_batch
        else:
            self._return, self._length = 0.0, 0
            self._count, self._forget = self._count_one, self._forget_one

    def began(self, observation: Any) -> Any:
        """The environment was reset; returns what the script is to see."""
        try:
            self._observation = observation
            self._forget()
            self._arrows.began()
            return self._shown(observation)
        except Exception as error:  # noqa: BLE001 - the script is its user's and goes on
            self._leave(error)
            return observation

    def chosen(self, action: Any) -> Any:
        """The script has chosen an action; returns the one to execute."""
        self._begin()
        try:
            return self._ruled(action)
        except Exception as error:  # noqa: BLE001 - as above
            self._leave(error)
            return action

    def made(self, answer: tuple[Any, ...]) -> tuple[Any, ...]:
        """The step was made; returns what the script is to get, once nothing holds it any more.

        Raises what `Companion.attend` does.
        """
        observation, reward, terminated, truncated, info = answer
        try:
            self._note(observation, reward, terminated, truncated)
            if self._replaced:
                info = {**info, EXECUTED: self._done.nest(self._executed)}
        except Exception as error:  # noqa: BLE001 - as above
            self._leave(error)
        self._attend()
        if self._script.cuts:
            self._script.cuts, truncated = False, True
        try:
            shown = self._shown(observation)
        except Exception as error:  # noqa: BLE001 - as above
            self._leave(error)
            shown = observation
        return shown, reward, terminated, truncated, info

    def _ruled(self, action: Any) -> Any:
        self._script.gate.acted()
        arrows, number = self._arrows, self._journal.counters.step + 1
        self._before = kept(self._observation) if self._reuses or self._is_kept() else self._observation
        proposed = self._done.flatten(action)
        self._proposed = {self._done.key: proposed} if self._done.key is not None else dict(proposed)
        self._replaced = False
        if arrows.changing:
            if self._begun != number:
                arrows.begin(number)
            outputs = arrows.outputs(self._proposed)
            flat = arrows.action(action_of(outputs, self._done.key, self._names), number)
            self._replaced = bool(arrows.overridden)
            self._executed = flat
            return self._done.nest(flat) if self._replaced else action
        self._executed = proposed
        return action

    def _note(self, observation: Any, reward: Any, terminated: Any, truncated: Any) -> None:
        journal, arrows = self._journal, self._arrows
        journal.counters.step += 1
        if not self._reuses and _shares(observation, self._before):
            self._reuses = True
        self._observation = observation
        moment = journal.moment
        moment.inputs = inputs_of(self._seen.flatten(self._before), self._seen.key)
        moment.outputs, moment.action, moment.reward = self._proposed, self._executed, reward
        moment.overridden, moment.driver = arrows.overridden, arrows.driver
        moment.step = journal.counters.step
        moment.version += 1
        for sink in arrows.sinks:
            if sink.active:
                sink.took(moment.inputs, self._proposed, self._executed, reward, terminated, truncated)
        self._count(reward, terminated, truncated)
        if arrows.changing:
            arrows.learnt()

    def _shown(self, observation: Any) -> Any:
        """Returns an observation as the rules would have it seen."""
        arrows = self._arrows
        if not arrows.changing:
            arrows.clear()
            return observation
        self._begun = self._journal.counters.step + 1
        arrows.begin(self._begun)
        inputs = inputs_of(self._seen.flatten(observation), self._seen.key)
        ruled = arrows.inputs(inputs)
        if ruled is inputs:
            return observation
        return self._seen.nest(ruled if self._seen.key is None else ruled[self._seen.key])

    def _is_kept(self) -> bool:
        return any(sink.active for sink in self._arrows.sinks)

    def _forget_one(self) -> None:
        self._return, self._length = 0.0, 0

    def _forget_batch(self) -> None:
        self._returns[:] = 0
        self._lengths[:] = 0
        self._resting[:] = False

    def _count_one(self, reward: Any, terminated: Any, truncated: Any) -> None:
        value = float(reward)
        self._journal.rewards.add(value)
        self._return += value
        self._length += 1
        if terminated or truncated:
            self._journal.episode(self._return, self._length)
            self._return, self._length = 0.0, 0

    def _count_batch(self, reward: Any, terminated: Any, truncated: Any) -> None:
        rewards = np.asarray(reward, np.float64)
        ended = np.asarray(terminated, np.bool_) | np.asarray(truncated, np.bool_)
        self._journal.rewards.add_many(rewards.size, float(rewards.sum()), float(rewards.min()), float(rewards.max()))
        lived = ~self._resting
        self._returns[lived] += rewards[lived]
        self._lengths[lived] += 1
        for index in np.flatnonzero(ended):
            self._journal.episode(float(self._returns[index]), int(self._lengths[index]))
        self._returns[ended] = 0
        self._lengths[ended] = 0
        if self._rests:
            self._resting = ended


def _shares(tree: Any, other: Any) -> bool:
    """Tells whether an array of `tree` lies in the memory of the one in its place in `other`."""
    if isinstance(tree, np.ndarray):
        return isinstance(other, np.ndarray) and np.may_share_memory(tree, other)
    if isinstance(tree, Mapping) and isinstance(other, Mapping):
        return any(_shares(part, other.get(name)) for name, part in tree.items())
    if isinstance(tree, tuple) and isinstance(other, tuple):
        return any(map(_shares, tree, other))
    return False
