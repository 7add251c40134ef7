"""Steps: the zoo's part of a step that a script makes of its environment, before it and after.

reset -> [rules on inputs] -> the script's forward -> [rules, driver, clamps] -> env.step -> seen, recorded, paused
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from ainimal_zookeeper.environments.structure import Structure
from ainimal_zookeeper.spaces import tree_of_space

from ..arrows import Arrows, StepSink
from ..bell import Bell
from ..forwarding import action_of, inputs_of
from ..journal import Journal
from ..parts import shares
from ..training import kept
from .script import Script

EXECUTED = "zoo_action"  # the key of a step's info that says what was executed instead of what the script chose


class Steps:
    """Keeps count of one environment, or of a vector of them, and lets whoever stands at the arrows have their way.

    turn, begin, attend, leave: of the companion. While nobody looks, a step is counted and no more.
    """

    def __init__(
        self,
        env: Any,
        script: Script,
        arrows: Arrows,
        journal: Journal,
        bell: Bell,
        *,
        turn: threading.RLock,
        begin: Callable[[], None],
        attend: Callable[[], None],
        leave: Callable[[Exception], None],
    ) -> None:
        single = "single_" if hasattr(env, "single_observation_space") else ""
        self._many = bool(single)
        self._seen = Structure(tree_of_space(getattr(env, f"{single}observation_space"), "observation"))
        self._done = Structure(tree_of_space(getattr(env, f"{single}action_space"), "action"))
        self._names = tuple(self._done.modalities)
        self._script = script
        self._arrows = arrows
        self._journal = journal
        self._begin = begin
        self._attend = attend
        self._leave = leave
        self._bell = bell
        self._turn = turn
        self._has_begun = False
        self._changing = False
        self._sinks: list[StepSink] = []
        self._copies = False  # whether what a step was chosen by may be written into when it is made
        self._observation: Any = None
        self._before: Any = None  # what the step that is being made was chosen by
        self._chosen: Any = None
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
        with self._turn:
            try:
                self._observation = observation
                self._forget()
                self._arrows.began()
            except Exception as error:  # noqa: BLE001 - the script is its user's and goes on
                self._leave(error)
            return self._seen_by_script(observation)

    def chosen(self, action: Any) -> Any:
        """The script has chosen an action; returns the one to execute."""
        self._script.gate.acted()
        self._chosen = self._executed = action
        self._replaced = False
        self._before = kept(self._observation) if self._copies else self._observation
        if self._has_begun and not self._changing:
            return action
        with self._turn:
            if not self._has_begun:
                self._has_begun = True
                self._begin()
                self._look()
            try:
                return self._ruled(action) if self._changing else action
            except Exception as error:  # noqa: BLE001 - as above
                self._leave(error)
                return action

    def made(self, answer: tuple[Any, ...]) -> tuple[Any, ...]:
        """The step was made; returns what the script is to get, once nothing holds it any more.

        Raises what `Companion.attend` does.
        """
        observation, reward, terminated, truncated, info = answer
        self._journal.counters.step += 1
        self._observation = observation
        try:
            self._count(reward, terminated, truncated)
        except Exception as error:  # noqa: BLE001 - as above
            self._leave(error)
        if not (self._bell.rung or self._changing or self._sinks):
            return answer
        with self._turn:
            try:
                self._note(reward, terminated, truncated)
            except Exception as error:  # noqa: BLE001 - as above
                self._leave(error)
            if self._bell.rung and not self._copies and shares(observation, self._before):
                self._copies = True  # what this step was chosen by is gone: the next one is attended to
            elif self._bell.rung:
                self._attend()
                self._look()
                if self._script.cuts:
                    self._script.cuts, truncated = False, True
            if self._replaced:
                info = {**info, EXECUTED: self._done.nest(self._executed)}
            return self._seen_by_script(observation), reward, terminated, truncated, info

    def _look(self) -> None:
        """Asks who stands at the arrows: whoever comes or goes rings the bell."""
        arrows = self._arrows
        self._changing = arrows.changing
        self._sinks = [sink for sink in arrows.sinks if sink.active]
        self._copies |= bool(self._sinks)
        if not self._changing:
            arrows.clear()

    def _ruled(self, action: Any) -> Any:
        arrows, number = self._arrows, self._journal.counters.step + 1
        if self._begun != number:
            self._begun = number
            arrows.begin(number)
        outputs = arrows.outputs(self._named(action))
        self._executed = arrows.action(action_of(outputs, self._done.key, self._names), number)
        self._replaced = bool(arrows.overridden)
        return self._done.nest(self._executed) if self._replaced else action

    def _named(self, action: Any) -> dict[str, Any]:
        flat = self._done.flatten(action)
        return {self._done.key: flat} if self._done.key is not None else dict(flat)

    def _note(self, reward: Any, terminated: Any, truncated: Any) -> None:
        """Leaves the step to those at the arrows."""
        self._leave_moment(reward)
        moment = self._journal.moment
        if self._sinks:
            is_over = not self._many and (terminated or truncated)
            final = inputs_of(self._seen.flatten(self._observation), self._seen.key) if is_over else None
            for sink in self._sinks:
                sink.took(moment.inputs, moment.outputs, moment.action, reward, terminated, truncated, final)
        if self._changing:
            self._arrows.learnt()

    def _leave_moment(self, reward: Any) -> None:
        journal, arrows = self._journal, self._arrows
        moment = journal.moment
        moment.inputs = inputs_of(self._seen.flatten(self._before), self._seen.key)
        moment.outputs = self._named(self._chosen)
        moment.action = self._executed if self._replaced else self._done.flatten(self._executed)
        moment.reward = reward
        moment.overridden, moment.driver = arrows.overridden, arrows.driver
        moment.step = journal.counters.step
        moment.version += 1

    def _seen_by_script(self, observation: Any) -> Any:
        if not self._changing:
            return observation
        try:
            return self._shown(observation)
        except Exception as error:  # noqa: BLE001 - as above
            self._leave(error)
            return observation

    def _shown(self, observation: Any) -> Any:
        """Returns an observation as the rules would have it seen."""
        arrows = self._arrows
        self._begun = self._journal.counters.step + 1
        arrows.begin(self._begun)
        inputs = inputs_of(self._seen.flatten(observation), self._seen.key)
        ruled = arrows.inputs(inputs)
        if ruled is inputs:
            return observation
        return self._seen.nest(ruled if self._seen.key is None else ruled[self._seen.key])

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
