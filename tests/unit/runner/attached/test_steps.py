"""What the zoo sees of a script's steps, and what of them it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest

from tests.conftest import give_up
from tests.fakes.runner_link import wanted

from .conftest import Attached
from .worlds import Line, Parts

Attach = Callable[..., Attached]
ACTION = {"arm": {"turn": 1}, "ring": 0}


def rule(path: str, value: Any = None, kind: str = "SET", **given: Any) -> dict[str, Any]:
    """Returns a rule that stands from the next step on."""
    import json

    values = {"value": value} if value is not None else {}
    return {
        "id": f"ovr_{path}", "order": 1, "path": path, "rule": kind, "valueJson": json.dumps({**values, **given}),
        "expiresAt": None, "expiresInSteps": None, "authorId": None, "setAt": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip


def stand(attached: Attached, env: Any, *rules: dict[str, Any]) -> Any:
    """Lets rules stand, and makes steps until they do; returns the last answer."""
    desired: Any = {**wanted(training=True), "overrides": list(rules)}
    generation = attached.link.desire("ins_1", desired)
    session = attached.run._companion._session
    while session.report()["observedGeneration"] < generation:
        answer = env.step(1)
        if answer[2] or answer[3]:
            env.reset()
    return answer


def test_the_zoo_is_told_of_each_step(attach: Attach) -> None:
    """Steps, episodes, returns, and what there is to see: by the end the zoo knows them all."""
    attached = attach()
    env = attached.run.env(Line(length=10))
    env.reset(seed=1)
    for _ in range(25):
        if env.step(2)[2]:
            env.reset()
    attached.run.close()
    last = attached.link.reports["ins_1"][-1]

    stats = last["report"]["stats"]
    assert (last["report"]["phase"], stats["step"], stats["episode"], stats["episodeReturn"]) == (
        "TERMINATED",
        25,
        2,
        20,
    )
    assert {each["path"] for each in last["series"]} == {
        "env.reward", "metrics.episode_return", "metrics.episode_length",
    }  # fmt: skip


def test_what_there_is_to_see_is_described_after_the_first_step(attach: Attach) -> None:
    """Inputs, outputs, action, frames and rewards, of the environment's spaces."""
    attached = attach()
    env = attached.run.env(Line(length=1000))
    env.reset()
    while not (found := [each for each in attached.link.reports["ins_1"] if "manifest" in each]):
        env.step(1)
    manifest = found[0]["manifest"]

    paths = {signal["path"] for signal in manifest["signals"]}
    assert {"inputs.observation", "outputs.action", "action", "env.frame", "env.reward", "metrics.loss"} <= paths
    assert (manifest["trainable"], manifest["frameRate"], manifest["previewPaths"]) == (True, 50, ["env.frame"])


def test_what_the_environment_returns_passes_as_it_is(attach: Attach) -> None:
    """Nobody watches or changes anything: the script gets the very objects."""
    inner = Line()
    env = attach().run.env(inner)
    first, _ = env.reset()
    action = np.int64(2)
    answer = env.step(action)

    assert (first is not answer[0], inner.done[0] is action, answer[0] is inner._place) == (True, True, True)
    assert env.unwrapped is inner
    assert answer[4] == {}


def test_a_rule_on_the_action_is_what_the_environment_gets(attach: Attach) -> None:
    """The script's own choice stays the output, and the step's info says what was done instead."""
    attached, inner = attach(), Line(length=100_000)
    env = attached.run.env(inner)
    env.reset()
    stand(attached, env, rule("action", 2))
    *_, info = env.step(0)
    moment = attached.run._companion._journal.moment

    assert (inner.done[-1], info["zoo_action"]) == (2, 2)
    assert (moment.outputs, moment.action, moment.overridden) == ({"action": 0}, 2, frozenset({"action"}))


def test_a_rule_on_an_input_is_what_the_script_sees(attach: Attach) -> None:
    """From the step on in which it begins to stand; what the environment emitted stays what is recorded."""
    attached = attach()
    env = attached.run.env(Line(length=100_000))
    env.reset()
    seen = stand(attached, env, rule("inputs.observation", [7.0]))[0]
    again, *_ = env.step(1)
    moment = attached.run._companion._journal.moment

    assert (seen.tolist(), again.tolist()) == ([7.0], [7.0])
    assert moment.inputs["observation"].tolist() != [7.0]
    assert "inputs.observation" in moment.overridden


def test_values_that_nest_are_named_by_their_paths(attach: Attach) -> None:
    """Rules reach into them, and the environment gets them as it nests them."""
    attached, inner = attach(), Parts()
    env = attached.run.env(inner)
    env.reset()
    env.step(ACTION)
    moment = attached.run._companion._journal.moment
    assert (set(moment.inputs), moment.action) == ({"arm.angle", "bell"}, {"arm.turn": 1, "ring": 0})
    desired: Any = {**wanted(training=True), "overrides": [rule("action.arm.turn", 2)]}
    generation = attached.link.desire("ins_1", desired)
    while attached.run._companion._session.report()["observedGeneration"] < generation:
        env.step(ACTION)
    env.step(ACTION)

    assert inner.did == {"arm": {"turn": 2}, "ring": 0}


def test_the_inputs_of_a_step_are_those_before_it(attach: Attach) -> None:
    """Also where the environment writes its next observation into the last, once that was seen."""
    attached = attach()
    env = attached.run.env(Line(length=100, reuses=True))
    env.reset()
    companion = attached.run._companion
    for _ in range(3):
        companion._bell.ring()
        env.step(1)

    assert companion._journal.moment.inputs["observation"].tolist() == [2.0]


def test_those_at_its_steps_are_told_what_an_episode_ended_in(attach: Attach) -> None:
    """It is no step's input: the next one is the first of another episode."""
    attached, told = attach(), []

    class Sink:
        active = True

        def took(self, *step: Any) -> None:
            told.append((step[0]["observation"].tolist(), step[6] and step[6]["observation"].tolist()))

        def began(self) -> None:
            """Nothing depends on it."""

    env = attached.run.env(Line(length=2))
    attached.run._companion._arrows.sinks.append(Sink())
    env.reset()
    for _ in range(4):
        if env.step(1)[2]:
            env.reset()

    assert told == [([0.0], None), ([1.0], [2.0]), ([0.0], None), ([1.0], [2.0])]


def test_an_asked_for_episode_begins_as_if_time_were_up(attach: Attach) -> None:
    """The script resets its environment itself, as always at an end."""
    attached = attach()
    env = attached.run.env(Line(length=100_000))
    env.reset()
    attached.desire(resets=1)
    while not env.step(1)[3]:
        pass

    assert env.step(1)[3] is False


@pytest.mark.parametrize("mode", ["NEXT_STEP", "SAME_STEP"])
def test_a_vector_counts_the_episodes_of_all(attach: Attach, mode: str) -> None:
    """Whenever its environments begin anew, an episode has the steps that were made in it."""
    attached = attach()
    autoreset = gymnasium.vector.AutoresetMode[mode]
    env = attached.run.env(gymnasium.vector.SyncVectorEnv([Line, Line], autoreset_mode=autoreset))
    env.reset(seed=1)
    for _ in range(23):
        env.step(np.array([1, 2]))
    session = attached.run._companion._session
    env.close()

    assert (session.counters.step, session.counters.episode, session.counters.episode_return) == (23, 4, 20)


def test_what_the_environment_raises_comes_through(attach: Attach) -> None:
    """A script's own failure is the script's own."""

    class Broken(Line):
        def step(self, action: Any) -> Any:
            raise ZeroDivisionError("the floor gives way")

    env = attach().run.env(Broken())
    env.reset()

    with pytest.raises(ZeroDivisionError, match="floor"):
        env.step(1)


def test_one_environment_is_watched(attach: Attach, caplog: pytest.LogCaptureFixture) -> None:
    """Another one is handed back as it is, and so is what is none."""
    run = attach().run
    run.env(Line())
    other, none = Line(), object()

    assert run.env(other) is other
    assert run.env(none) is none
    assert ["second environment" in each.message for each in caplog.records] == [True, False]


def test_a_vector_of_stable_baselines_is_seen_as_others_are(attach: Attach) -> None:
    """It steps in two halves, and what was executed in the place of its choice is in each info."""
    try:
        from stable_baselines3.common.vec_env import DummyVecEnv
    except ImportError:
        give_up("stable-baselines3 is not installed; run make foreign")
    attached = attach()
    env = attached.run.env(DummyVecEnv([Line, lambda: Line(length=5)]))
    env.reset()
    for _ in range(23):
        env.step(np.array([1, 2]))
    session = attached.run._companion._session
    assert (session.counters.step, session.counters.episode, session.counters.episode_return) == (23, 6, 10)
    desired: Any = {**wanted(training=True), "overrides": [rule("action", 2)]}
    generation = attached.link.desire("ins_1", desired)
    while session.report()["observedGeneration"] < generation:
        env.step(np.array([1, 1]))
    *_, infos = env.step(np.array([0, 1]))

    assert [info["zoo_action"] for info in infos] == [2, 2]
    assert env.render_mode == "rgb_array"
