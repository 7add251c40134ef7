"""Worlds that several agents share: `Env`s with seats, PettingZoo's parallel worlds, any world as one of one seat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ainimal_zookeeper.domain.errors import EnvFault, InvalidInput
from ainimal_zookeeper.env import Env
from ainimal_zookeeper.environments.outcome import first_observation, reset_of
from ainimal_zookeeper.environments.python_class import channels_declared, lone_or_named, make, world_of
from ainimal_zookeeper.environments.structure import Structure
from ainimal_zookeeper.environments.world import Outcome, Seat, SeatedWorld, SeatOutcome, World
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.source import failed
from ainimal_zookeeper.spaces import tree_of_space

Channels = tuple[Mapping[str, Modality], "str | None"]


def load(
    spec: Mapping[str, Any], parameters: Mapping[str, Any], *, seed: int | None, stage: Callable[[str], None]
) -> SeatedWorld:
    """Makes a world that several agents share; an environment of one seat becomes one with one seat."""
    if (count := int(spec.get("num_envs") or 1)) > 1:
        raise InvalidInput(
            f"num_envs is {count}, but a world on its own is one environment; let instances bring it, or offer it once "
            "more without num_envs",
            ("num_envs",),
        )
    if spec.get("path") and (spec.get("class_name") or spec.get("type") != "gymnasium"):
        env = make(spec, parameters, seed=seed, stage=stage)()
        return seats_of(env) or OneSeat(world_of(env, spec))
    from ainimal_zookeeper import environments

    return OneSeat(environments.load(spec, parameters, seed=seed, stage=stage))


def seats_of(env: Any) -> SeatedWorld | None:
    """Returns an environment object of several seats as a world; None for one of one seat.

    Raises: EnvFault when its channels cannot be read.
    """
    try:
        if isinstance(env, Env):
            return SeatedEnv(env) if env.seats > 1 else None
        if hasattr(env, "possible_agents") and callable(getattr(env, "observation_space", None)):
            return ParallelEnv(env)
    except Exception as error:
        raise failed(f"reading the channels of {type(env).__name__}", error, EnvFault) from error
    return None


class SeatedEnv:
    """An `Env` of several seats, all alike."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self.seats: tuple[Seat, ...] = tuple(map(str, range(env.seats)))
        self.frame_rate = env.frame_rate
        self._observation = Structure(lone_or_named(channels_declared(env, ("observation_modalities",)), "observation"))
        self._action = Structure(lone_or_named(channels_declared(env, ("action_modalities",)), "action"))
        self._reset = reset_of(env.reset)

    def observation_of(self, seat: Seat) -> Channels:  # noqa: ARG002 - all are alike
        return self._observation.modalities, self._observation.key

    def action_of(self, seat: Seat) -> Channels:  # noqa: ARG002 - all are alike
        return self._action.modalities, self._action.key

    def reset(self, seed: int | None = None) -> Mapping[Seat, Any]:
        seen = first_observation(self._reset(seed))
        return {seat: self._observation.flatten(value) for seat, value in seen.items()}

    def step(self, actions: Mapping[Seat, Any]) -> Mapping[Seat, SeatOutcome]:
        answers = self._env.step({seat: self._action.nest(action) for seat, action in actions.items()})
        if not isinstance(answers, Mapping):
            raise EnvFault(
                f"step of an Env with {len(self.seats)} seats returned a {type(answers).__name__}; "
                f"it must return a dict from seat to (observation, reward, terminated, truncated, info)"
            )
        return {seat: SeatOutcome(self._observation.flatten(seen), *rest) for seat, (seen, *rest) in answers.items()}

    def render(self) -> Any:
        return self._env.render()

    def close(self) -> None:
        self._env.close()


class ParallelEnv:
    """A PettingZoo parallel environment, told by what it has."""

    def __init__(self, env: Any) -> None:
        self._env = env
        self._agents = {str(agent): agent for agent in env.possible_agents}
        self.seats: tuple[Seat, ...] = tuple(self._agents)
        rate = (getattr(env, "metadata", None) or {}).get("render_fps")
        self.frame_rate = float(rate) if rate else None
        self._observations = {
            seat: Structure(tree_of_space(env.observation_space(agent), "observation"))
            for seat, agent in self._agents.items()
        }
        self._actions = {
            seat: Structure(tree_of_space(env.action_space(agent), "action")) for seat, agent in self._agents.items()
        }
        self._reset = reset_of(env.reset)

    def observation_of(self, seat: Seat) -> Channels:
        return self._observations[seat].modalities, self._observations[seat].key

    def action_of(self, seat: Seat) -> Channels:
        return self._actions[seat].modalities, self._actions[seat].key

    def reset(self, seed: int | None = None) -> Mapping[Seat, Any]:
        seen = first_observation(self._reset(seed))
        return {str(agent): self._observations[str(agent)].flatten(value) for agent, value in seen.items()}

    def step(self, actions: Mapping[Seat, Any]) -> Mapping[Seat, SeatOutcome]:
        given = {self._agents[seat]: self._actions[seat].nest(action) for seat, action in actions.items()}
        seen, rewards, terminated, truncated, infos = self._env.step(given)
        return {
            str(agent): SeatOutcome(
                self._observations[str(agent)].flatten(value),
                float(rewards[agent]),
                bool(terminated[agent]),
                bool(truncated[agent]),
                infos.get(agent, {}),
            )
            for agent, value in seen.items()
        }

    def render(self) -> Any:
        return self._env.render() if getattr(self._env, "render_mode", None) == "rgb_array" else None

    def close(self) -> None:
        self._env.close()


class OneSeat:
    """Any world as a shared one whose only seat is "0"."""

    seats: tuple[Seat, ...] = ("0",)

    def __init__(self, world: World) -> None:
        self._world = world
        self.frame_rate = world.frame_rate

    def observation_of(self, seat: Seat) -> Channels:  # noqa: ARG002 - there is one
        return self._world.observation, self._world.observation_key

    def action_of(self, seat: Seat) -> Channels:  # noqa: ARG002 - there is one
        return self._world.action, self._world.action_key

    def reset(self, seed: int | None = None) -> Mapping[Seat, Any]:
        return {"0": self._world.reset(seed)}

    def step(self, actions: Mapping[Seat, Any]) -> Mapping[Seat, SeatOutcome]:
        observation, reward, terminated, truncated, info = self._world.step(actions["0"])
        return {"0": SeatOutcome(observation, float(reward), bool(terminated), bool(truncated), info)}

    def render(self) -> Any:
        return self._world.render()

    def close(self) -> None:
        self._world.close()


class FirstSeat:
    """The first seat of a shared world as a world of its own; on the others, the neutral action acts."""

    num_envs = 1
    vectorized = False

    def __init__(self, world: SeatedWorld) -> None:
        self._world = world
        self._seat = world.seats[0]
        self.observation, self.observation_key = world.observation_of(self._seat)
        self.action, self.action_key = world.action_of(self._seat)
        self.frame_rate = world.frame_rate
        self._playing: tuple[Seat, ...] = world.seats
        self._last: Any = None
        self.step: Callable[[Any], Outcome] = self._step

    def reset(self, seed: int | None = None) -> Any:
        seen = self._world.reset(seed)
        self._playing = tuple(seen)
        self._last = seen[self._seat]
        return self._last

    def render(self) -> Any:
        return self._world.render()

    def inner(self) -> list[Any]:
        return [getattr(self._world, "_env", self._world)]

    def close(self) -> None:
        self._world.close()

    def _step(self, action: Any) -> Outcome:
        actions = {seat: neutral_action(self._world, seat) for seat in self._playing if seat != self._seat}
        outcomes = self._world.step({self._seat: action, **actions})
        self._playing = tuple(seat for seat, each in outcomes.items() if not (each.terminated or each.truncated))
        return Outcome(*outcomes[self._seat])


def neutral_action(world: SeatedWorld, seat: Seat) -> Any:
    """Returns what acts for a seat when nobody does, in the environment's own form."""
    modalities, key = world.action_of(seat)
    values = {name: modality.neutral_value() for name, modality in modalities.items()}
    return values if key is None else values[key]
