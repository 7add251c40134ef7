"""The step contract: who sees what, in which order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.documents import Mode
from ainimal_zookeeper.domain.errors import AInimalFault, EnvFault
from ainimal_zookeeper.environments.world import Outcome
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.models.agent import Agent, Capabilities
from ainimal_zookeeper.timestep import Trajectory
from zookeeper_runner.acting import Actor
from zookeeper_runner.batching import BatchActor
from zookeeper_runner.bell import Bell
from zookeeper_runner.history import History
from zookeeper_runner.journal import Journal
from zookeeper_runner.session import Session
from zookeeper_runner.signals import Signals

from tests.fakes.runner_link import launch_of

ACT: Mode = {"training": False, "inference": True}
BOTH: Mode = {"training": True, "inference": True}
NEUTRAL: Mode = {"training": False, "inference": False}


class Corridor:
    """Episodes of three steps; each observation is the number of steps made in it."""

    observation_key: str | None = "place"
    action_key: str | None = "move"
    num_envs = 1
    vectorized = False
    frame_rate = None

    def __init__(self, *, truncates: bool = False, reuses: bool = False, breaks: bool = False) -> None:
        self.observation = {"place": Modality.vector("place", 1)}
        self.action = {"move": Modality.discrete("move", 3)}
        self.actions: list[Any] = []
        self.seeds: list[int | None] = []
        self._truncates, self._reuses, self._breaks = truncates, reuses, breaks
        self._buffer = np.zeros(1, np.float32)
        self._at = 0

    def reset(self, seed: int | None = None) -> Any:
        self.seeds.append(seed)
        self._at = 0
        return self._seen()

    def step(self, action: Any) -> Outcome:
        if self._breaks:
            raise OSError("no more road")
        self.actions.append(action)
        self._at += 1
        over = self._at == 3
        return Outcome(self._seen(), 0.5, over and not self._truncates, over and self._truncates, {"at": self._at})

    def render(self) -> Any:
        return None

    def close(self) -> None:
        return

    def _seen(self) -> Any:
        if not self._reuses:
            return np.full(1, self._at, np.float32)
        self._buffer[0] = self._at
        return self._buffer


class Setting:
    def __init__(self, world: Any, *, agent: Agent | None = None, train_every: Any = "episode") -> None:
        self.bell = Bell()
        self.session = Session(launch_of(), self.bell)
        self.signals = Signals(self.bell)
        self.history = History(0)
        self.journal = Journal(self.session, self.signals, self.history)
        self.trajectories: list[Trajectory] = []
        self.resets: list[Any] = []

        def train(trajectory: Trajectory) -> float:
            self.trajectories.append(trajectory)
            return 0.25

        self.agent = agent or Agent(
            forward=lambda inputs: {"move": int(inputs["place"][0]) % 3, "value": 1.5},
            inputs=dict(world.observation),
            outputs={**world.action, "value": Modality.scalar("value")},
            can=Capabilities(train=train, reset=self.resets.append),
            train_every=train_every,
        )
        kind = BatchActor if world.vectorized else Actor
        self.actor: Any = kind(self.agent, world, self.journal, self.bell, 11)
        self.actor.begin()

    def steps(self, count: int, mode: Mode = ACT) -> None:
        """Makes `count` single steps."""
        for _ in range(count):
            self.bell.ring()
            self.actor.act(mode)


@pytest.mark.parametrize("mode", [ACT, BOTH])
def test_the_environment_receives_what_forward_chose(mode: Mode) -> None:
    """Inputs are as the environment emits them, the action is the output of its name."""
    world = Corridor()
    setting = Setting(world)

    setting.steps(4, mode)

    moment = setting.signals.moment
    assert world.actions == [0, 1, 2, 0]
    assert moment.inputs["place"].tolist() == [0.0]
    assert moment.outputs == {"move": 0, "value": 1.5}
    assert (moment.action, moment.reward, moment.step) == (0, 0.5, 4)


@pytest.mark.parametrize("mode", [ACT, BOTH])
def test_episodes_are_counted_and_begun(mode: Mode) -> None:
    """Return and length of each are exact, the agent is reset with each, and only the first reset is seeded."""
    world = Corridor()
    setting = Setting(world)

    setting.steps(7, mode)
    setting.journal.flush()

    counters = setting.session.counters
    assert (counters.step, counters.episode, counters.episode_return) == (7, 2, 1.5)
    assert world.seeds == [11, None, None]
    assert setting.resets == [None, None, None]
    series = {each["path"]: each for each in setting.history.to_document()}
    assert series["env.reward"]["mean"] == [0.5]
    assert series["metrics.episode_length"]["max"] == [3.0]


def test_many_steps_in_one_go_count_like_single_ones() -> None:
    """Rewards and returns do not depend on when the bell rings."""
    world = Corridor()
    setting = Setting(world)
    made, bell = 0, setting.bell
    plain = world.step

    def counted(action: Any) -> Outcome:
        nonlocal made
        made += 1
        if made == 7:
            bell.ring()
        return plain(action)

    world.step = counted  # type: ignore[method-assign]
    setting.actor.act(ACT)

    rewards = setting.journal.rewards
    assert (rewards.count, rewards.total, rewards.low, rewards.high) == (7, 3.5, 0.5, 0.5)
    assert setting.session.counters.episode == 2


def test_without_inference_the_neutral_action_acts() -> None:
    """Forward does not run."""
    world = Corridor()
    setting = Setting(world)

    setting.steps(2, NEUTRAL)

    assert [int(action) for action in world.actions] == [0, 0]
    assert setting.signals.moment.outputs is None


@pytest.mark.parametrize("truncates", [True, False])
def test_a_timestep_holds_what_happened(truncates: bool) -> None:
    """Observation, outputs, action, reward, both ends apart, and the inputs that followed the last."""
    setting = Setting(Corridor(truncates=truncates))

    setting.steps(3, BOTH)

    (trajectory,) = setting.trajectories
    last = trajectory[-1]
    assert [step.observation["place"].tolist() for step in trajectory] == [[0.0], [1.0], [2.0]]
    assert [step.action for step in trajectory] == [0, 1, 2]
    assert last.outputs == {"move": 2, "value": 1.5}
    assert (last.terminated, last.truncated) == (not truncates, truncates)
    assert last.final_inputs is not None
    assert last.final_inputs["place"].tolist() == [3.0]
    assert last.info == {"at": 3}
    assert setting.session.counters.loss == 0.25


def test_an_environment_that_reuses_its_array_does_not_spoil_the_past() -> None:
    """What was seen is copied where the environment would overwrite it."""
    setting = Setting(Corridor(reuses=True))

    setting.steps(3, BOTH)

    assert [step.observation["place"].tolist() for step in setting.trajectories[0]] == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize("mode", [ACT, BOTH, NEUTRAL])
def test_a_reused_array_is_shown_as_it_was_seen(mode: Mode) -> None:
    """After a single step the moment's inputs are those that led to its outputs, not what came next."""
    setting = Setting(Corridor(reuses=True))

    setting.steps(2, mode)

    assert setting.signals.moment.inputs["place"].tolist() == [1.0]


@pytest.mark.parametrize(("reuses", "made"), [(True, 6), (False, 5)])
def test_who_rings_amid_free_steps_sees_what_the_last_one_saw(reuses: bool, made: int) -> None:
    """Where the environment writes into its array again, one more step is made with a copy of it."""
    world = Corridor(reuses=reuses)
    setting = Setting(world)
    plain = world.step

    def watched(action: Any) -> Outcome:
        if len(world.actions) == 4:
            setting.signals.request("inputs.place", -1)
        return plain(action)

    world.step = watched  # type: ignore[method-assign]
    setting.actor.act(ACT)

    moment = setting.signals.moment
    assert (moment.step, len(world.actions)) == (made, made)
    assert moment.inputs["place"].tolist() == [(made - 1) % 3]
    assert moment.outputs == {"move": (made - 1) % 3, "value": 1.5}


def test_views_of_one_array_do_not_spoil_the_past() -> None:
    """A new view at each step shows the same memory: what was seen, done and seen last stays what it was."""

    class Views(Corridor):
        def _seen(self) -> Any:
            self._buffer[0] = self._at
            return self._buffer[:]

    world = Views()
    answer = np.zeros((), np.int64)

    def forward(inputs: Any) -> Any:
        answer[...] = int(inputs["place"][0])
        return {"move": answer}

    trajectories: list[Trajectory] = []
    can = Capabilities(train=trajectories.append)
    setting = Setting(world, agent=Agent(forward=forward, outputs=dict(world.action), can=can))

    setting.steps(4, BOTH)

    (trajectory,) = trajectories
    assert [step.observation["place"].tolist() for step in trajectory] == [[0.0], [1.0], [2.0]]
    assert [int(step.action) for step in trajectory] == [0, 1, 2]
    assert trajectory[-1].final_inputs is not None
    assert trajectory[-1].final_inputs["place"].tolist() == [3.0]


@pytest.mark.parametrize("mode", [ACT, BOTH])
@pytest.mark.parametrize("answer", [{"move": 3, "value": 1.0}, {"move": 0, "value": float("nan")}, {"value": 1.0}, 5])
def test_outputs_that_break_their_promise_are_faults(mode: Mode, answer: Any) -> None:
    """Out of range, NaN, missing, or no dict at all."""
    world = Corridor()
    agent = Agent(
        forward=lambda _: answer,
        inputs=dict(world.observation),
        outputs={**world.action, "value": Modality.scalar("value")},
    )
    with pytest.raises(AInimalFault, match=r"forward|move|value"):
        Setting(world, agent=agent).steps(1, mode)


@pytest.mark.parametrize("mode", [ACT, BOTH])
def test_what_the_environment_raises_is_its_fault(mode: Mode) -> None:
    """The text of the exception is kept."""
    with pytest.raises(EnvFault, match="OSError: no more road"):
        Setting(Corridor(breaks=True)).steps(1, mode)


class Paying(Corridor):
    """Its steps return any reward and any end."""

    def __init__(self, reward: Any, over: Any = False) -> None:
        super().__init__()
        self._outcome = reward, over

    def step(self, action: Any) -> Outcome:
        reward, over = self._outcome
        return super().step(action)._replace(reward=reward, terminated=over)


@pytest.mark.parametrize("mode", [ACT, BOTH])
@pytest.mark.parametrize("reward", [2, np.float32(2), np.array([2.0]), np.array(2)])
def test_any_single_number_is_a_reward(mode: Mode, reward: Any) -> None:
    """Environments return numbers of all kinds, also arrays of one."""
    setting = Setting(Paying(reward))
    setting.steps(2, mode)

    assert setting.actor._episode_return == 4.0


@pytest.mark.parametrize("mode", [ACT, BOTH])
@pytest.mark.parametrize("reward", [None, "one", np.array([1.0, 2.0]), {}, [None]])
def test_what_is_no_reward_is_the_environments_fault(mode: Mode, reward: Any) -> None:
    """The message names the value and what it must be."""
    with pytest.raises(EnvFault, match=r"step returned the reward .*; it must be a number"):
        Setting(Paying(reward)).steps(2, mode)


@pytest.mark.parametrize("mode", [ACT, BOTH])
def test_an_end_that_is_neither_yes_nor_no_is_the_environments_fault(mode: Mode) -> None:
    """Whatever cannot be told true from false."""
    with pytest.raises(EnvFault, match="truth value"):
        Setting(Paying(1.0, np.array([True, False]))).steps(2, mode)


@pytest.mark.parametrize("kind", ["async", "generator"])
def test_coroutines_and_generators_are_driven(kind: str) -> None:
    """A coroutine to its end, a generator to its last value."""
    world = Corridor()

    async def awaited(inputs: Any) -> Any:
        return {"move": 2}

    def yielded(inputs: Any) -> Any:
        yield {"move": 0}
        yield {"move": 2}

    forward: Any = awaited if kind == "async" else yielded
    agent = Agent(forward=forward, forward_kind=kind, outputs=dict(world.action))  # type: ignore[arg-type]
    Setting(world, agent=agent).steps(1)

    assert world.actions == [2]


def test_a_vectorized_agent_gets_batches_of_one() -> None:
    """In a single environment too, its arrays have a first axis."""
    world = Corridor()
    shapes = []

    def forward(inputs: Any) -> Any:
        shapes.append(inputs["place"].shape)
        return {"move": np.array([1])}

    Setting(world, agent=Agent(forward=forward, outputs=dict(world.action), vectorized=True)).steps(1)

    assert shapes == [(1, 1)]
    assert world.actions == [1]


class Corridors:
    """Two corridors that begin anew by themselves, the second after twice as many steps."""

    observation_key: str | None = "place"
    action_key: str | None = "move"
    num_envs = 2
    vectorized = True
    frame_rate = None

    def __init__(self) -> None:
        self.observation = {"place": Modality.vector("place", 1)}
        self.action = {"move": Modality.discrete("move", 3)}
        self.actions: list[Any] = []
        self._at = np.zeros(2, np.int64)

    def reset(self, seed: int | None = None) -> Any:
        self._at[:] = 0
        return self._at.astype(np.float32)[:, None]

    def step(self, action: Any) -> Outcome:
        self.actions.append(np.asarray(action).tolist())
        self._at += 1
        over = self._at >= np.array([2, 4])
        info: dict[str, Any] = {}
        if over.any():
            final = np.empty(2, object)
            for index in np.flatnonzero(over):
                final[index] = np.full(1, self._at[index], np.float32)
            info = {"final_obs": final, "_final_obs": over}
        self._at[over] = 0
        return Outcome(self._at.astype(np.float32)[:, None], np.ones(2), over, np.zeros(2, np.bool_), info)

    def render(self) -> Any:
        return None

    def close(self) -> None:
        return


def test_a_plain_agent_is_asked_once_per_environment() -> None:
    """Its trajectories are those of single environments, ended by what each saw last."""
    world = Corridors()
    trajectories: list[Trajectory] = []
    agent = Agent(
        forward=lambda inputs: {"move": min(int(inputs["place"][0]), 2)},
        inputs=dict(world.observation),
        outputs=dict(world.action),
        can=Capabilities(train=trajectories.append),
    )
    setting = Setting(world, agent=agent)

    setting.steps(4, BOTH)

    assert world.actions[:2] == [[0, 0], [1, 1]]
    assert [len(trajectory) for trajectory in trajectories] == [2, 2, 4]
    assert trajectories[0][-1].final_inputs["place"].tolist() == [2.0]  # type: ignore[index]
    assert setting.session.counters.episode == 3
    assert setting.session.counters.episode_return in {2.0, 4.0}


def test_a_plain_agent_is_told_what_its_environment_added() -> None:
    """Of a vector's info each trajectory has its part: what the masks leave it, and at an end what the step said."""

    class Telling(Corridors):
        def step(self, action: Any) -> Outcome:
            outcome = super().step(action)
            over = outcome.terminated
            only_second = np.array([False, True])
            fruit = {"mass": np.array([0.0, 2.5]), "_mass": only_second}
            info = {**outcome.info, "at": self._at.copy(), "_at": np.array([True, True]), "shared": "sky"}
            info |= {"fruit": fruit, "_fruit": only_second, "_secret": np.array([1, 2])}
            if over.any():
                info |= {"final_info": {"at": np.array([2, 4]), "_at": over}, "_final_info": over}
            return outcome._replace(info=info)

    world = Telling()
    trajectories: list[Trajectory] = []
    agent = Agent(
        forward=lambda _: {"move": 0}, outputs=dict(world.action), can=Capabilities(train=trajectories.append)
    )

    Setting(world, agent=agent).steps(4, BOTH)

    first, _, second = trajectories
    assert [step.info for step in first] == [{"at": 1, "shared": "sky", "_secret": 1}, {"at": 2}]
    assert second[1].info == {"at": 2, "shared": "sky", "fruit": {"mass": 2.5}, "_secret": 2}
    assert second[3].info == {"at": 4}


def test_a_vectorized_agent_learns_from_batches_and_is_told_which_began() -> None:
    """Timesteps hold arrays over num_envs; reset gets a mask."""
    world = Corridors()
    trajectories: list[Trajectory] = []
    masks: list[Any] = []
    agent = Agent(
        forward=lambda _: {"move": np.array([0, 1])},
        inputs=dict(world.observation),
        outputs=dict(world.action),
        can=Capabilities(train=trajectories.append, reset=masks.append),
        train_every=2,
        vectorized=True,
    )
    setting = Setting(world, agent=agent)

    setting.steps(2, BOTH)

    assert trajectories[0].stack().observations["place"].shape == (2, 2, 1)
    assert trajectories[0][-1].terminated.tolist() == [True, False]
    assert [None if mask is None else mask.tolist() for mask in masks] == [None, [True, False]]


def test_a_batch_tells_what_an_episode_saw_last() -> None:
    """Where one has ended, what follows is its own last observation, not the first of the next."""
    world = Corridors()
    trajectories: list[Trajectory] = []
    agent = Agent(
        forward=lambda _: {"move": np.array([0, 1])},
        inputs=dict(world.observation),
        outputs=dict(world.action),
        can=Capabilities(train=trajectories.append),
        train_every=3,
        vectorized=True,
    )

    Setting(world, agent=agent).steps(3, BOTH)

    stacked = trajectories[0].stack()
    assert stacked.next_observations is not None
    assert stacked.observations["place"][:, 0, 0].tolist() == [0.0, 1.0, 0.0]
    assert stacked.next_observations["place"][:, 0, 0].tolist() == [1.0, 2.0, 1.0]
    assert stacked.next_observations["place"][:, 1, 0].tolist() == [1.0, 2.0, 3.0]


def test_an_agent_with_memory_is_refused_in_many_environments() -> None:
    """What it remembers would run from one environment into the next."""
    world = Corridors()
    agent = Agent(forward=lambda _: {}, outputs=dict(world.action), can=Capabilities(reset=lambda _: None))

    with pytest.raises(AInimalFault, match="VECTORIZED"):
        Setting(world, agent=agent)
