"""Plain classes as agents: what they do not say is inferred."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.modality import Modality

from tests.unit.sdk.author import Author, episode, told

SEEN = np.array([0.5, -0.5])


@pytest.mark.parametrize(
    ("method", "takes"),
    [
        ("def act(self, obs): return int(obs[0] > 0)", "bare value as obs"),
        ("def forward(self, x): return 1", "bare value as x"),
        ("def predict(self, observation, deterministic=True): return 1, None", "bare value as observation"),
        ("def __call__(self, inputs): return {'action': int(inputs['observation'][0] > 0)}", "dict of inputs"),
        ("def act(self, seen: dict[str, float]): return {'action': len(seen)}", "dict of inputs, as it is annotated"),
        ("def act(self): return 1", "takes no inputs"),
        ("def act(self, *args): return int(args[0][0] > 0)", "bare value as args"),
    ],
)  # fmt: skip
def test_acting_is_found_by_name_and_form(author: Author, method: str, takes: str) -> None:
    """The usual names act, bare or with a dict, and answer bare or with a dict."""
    agent = author.load(f"class Plain:\n    {method}\n")
    assert agent.forward({"observation": SEEN}) == {"action": 1}
    assert takes in told(agent, "inputs")


def test_several_inputs_come_as_arguments_or_as_a_dict(author: Author) -> None:
    """Arguments named as the inputs get them one by one."""
    world = {"eye": Modality.scalar("eye"), "ear": Modality.scalar("ear")}
    apart = author.load("class Plain:\n    def act(self, ear, eye): return ear * 10 + eye\n", observation=world)
    assert apart.forward({"eye": 1, "ear": 2}) == {"action": 21}
    together = author.load("class Plain:\n    def act(self, obs): return obs['ear']\n", observation=world)
    assert together.forward({"eye": 1, "ear": 2}) == {"action": 2}


def test_async_and_generator_methods_are_driven_by_the_runner(author: Author) -> None:
    """The adapter is of the same kind as the method that it wraps."""
    later = author.load("class Plain:\n    async def act(self, obs): return 2\n")
    assert later.forward_kind == "async"
    assert asyncio.run(later.forward({"observation": SEEN})) == {"action": 2}
    parts = author.load("class Plain:\n    def act(self, obs):\n        yield 1\n        yield 2\n")
    assert parts.forward_kind == "generator"
    assert list(parts.forward({"observation": SEEN})) == [{"action": 1}, {"action": 2}]


def test_the_documents_keys_override_the_inference(author: Author) -> None:
    """act_func and its like name methods; a wrong name is told."""
    text = """
        class Plain:
            def act(self, obs): return 0
            def decide(self, obs): return 2
            def study(self, trajectory): return len(trajectory)
            def obs_shape(self): return [0.0, 0.0]
            def store(self, path): open(path + "/x", "w").close()
            def restart(self): self.restarted = True
    """
    agent = author.load(
        text, act_func="decide", train_func="study", input_modalities_func="obs_shape", save_func="store",
        reset_func="restart",
    )  # fmt: skip
    assert agent.forward({"observation": SEEN}) == {"action": 2}
    assert agent.can.train is not None
    assert agent.can.train(episode(1, 1, 1)) == 3
    assert agent.can.save is not None
    assert agent.can.reset is not None
    agent.can.reset(None)
    assert agent.subject.restarted
    for subject in ("forward", "train", "save"):
        assert next(finding for finding in agent.findings if finding.subject == subject).certainty == "configured"
    for key in ("act_func", "train_func", "input_modalities_func", "load_func", "reset_func"):
        with pytest.raises(AInimalFault, match=f"{key} names nothing"):
            author.load(text, **{key: cast("Any", "nothing")})


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("def learn(self, trajectory): return len(trajectory)", 2),
        ("def train(self, timestep): return timestep.reward", [1.0, 2.0]),
        ("def learn(self, obs, action, reward, next_obs, done): return (obs, action, reward, next_obs, done)",
         [(0.0, 1, 1.0, 1.0, False), (1.0, 1, 2.0, 2.0, True)]),
        ("def update(self, s, a, r, s_, terminated, truncated): return (s_, terminated, truncated)",
         [(1.0, False, False), (2.0, True, False)]),
        ("def fit(self, *, obs, reward): return (obs, reward)", [(0.0, 1.0), (1.0, 2.0)]),
        ("def learn(self): return 7", 7),
    ],
)  # fmt: skip
def test_learning_is_found_by_name_and_signature(author: Author, method: str, answer: object) -> None:
    """A trajectory, a timestep, or one transition at a time, as the arguments say."""
    agent = author.load(f"class Plain:\n    def act(self, obs): return 0\n    {method}\n")
    assert agent.can.train is not None
    assert agent.can.train(episode(1.0, 2.0)) == answer


def test_learning_step_by_step_is_asked_at_every_step(author: Author) -> None:
    """What takes one transition is meant to be called with each; a cut-off one is not made up."""
    agent = author.load("""
        class Plain:
            def act(self, obs): return 0
            def update(self, obs, action, reward, next_obs): return reward
    """)
    assert agent.train_every == 1
    assert agent.can.train is not None
    assert agent.can.train(episode(1.0, 2.0, 3.0)[:2]) == 1.0


@pytest.mark.parametrize("method", ["fit(self, X, y)", "update(self, gradient, momentum)"])
def test_learning_that_a_world_cannot_feed_is_left_out(author: Author, method: str) -> None:
    """Labels are not invented; the finding says what is missing."""
    agent = author.load(f"class Plain:\n    def act(self, obs): return 0\n    def {method}: return 1\n")
    assert agent.can.train is None
    assert "it does not learn" in told(agent, "train")
    with pytest.raises(AInimalFault, match="needs"):
        author.load(
            f"class Plain:\n    def act(self, obs): return 0\n    def {method}: return 1\n",
            train_func=method.partition("(")[0],
        )


@pytest.mark.parametrize(
    ("save", "load"),
    [
        ("def save(self, path): Path(path).write_text(self.word)",
         "def load(self, path): self.word = Path(path).read_text()"),
        ("def save(self, filename): Path(filename).write_text(self.word)",
         "def load(self, filename): self.word = Path(filename).read_text()"),
        ("def save(self, folder): Path(folder, 'w').write_text(self.word)",
         "def load(self, folder): self.word = Path(folder, 'w').read_text()"),
    ],
)  # fmt: skip
def test_saving_works_for_files_and_for_folders(author: Author, tmp_path: Path, save: str, load: str) -> None:
    """A class that writes one file gets a file's path, one that writes a folder the folder."""
    agent = author.load(f"""
        from pathlib import Path
        class Plain:
            word = "old"
            def act(self, obs): return 0
            {save}
            {load}
    """)
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    assert agent.can.save is not None
    assert agent.can.load is not None
    agent.subject.word = "new"
    agent.can.save(str(folder))
    agent.subject.word = "lost"
    agent.can.load(str(folder))
    assert agent.subject.word == "new"


def test_a_loader_that_makes_another_object_is_not_used(author: Author) -> None:
    """A classmethod cannot change the running one; the finding says so."""
    agent = author.load("""
        class Plain:
            def act(self, obs): return 0
            @classmethod
            def load(cls, path): return cls()
            def reset(self, goal): ...
    """)
    assert agent.can.load is None
    assert "cannot change this one" in told(agent, "load")
    assert agent.can.reset is None
    assert "needs goal" in told(agent, "reset")


def test_without_a_world_arguments_are_the_inputs(author: Author) -> None:
    """Annotations say what they are; the output is called so."""
    agent = author.load(
        "class Plain:\n    def predict(self, text: str, times: int): return text * times\n",
        observation=None,
        action=None,
    )
    assert {name: modality.kind.value for name, modality in agent.inputs.items()} == {"text": "TEXT", "times": "SCALAR"}
    assert agent.forward({"text": "ha", "times": 3}) == {"output": "hahaha"}


@pytest.mark.parametrize(
    ("text", "told_of"),
    [
        (
            "class Plain:\n    def go(self): ...\n",
            "Plain has none of the methods act, predict, forward, __call__; name the one",
        ),
        (
            "class A:\n    def act(self, o): ...\nclass B:\n    def act(self, o): ...\n",
            r"several classes that fit \(A, B\)",
        ),
        (
            "class Plain:\n    def act(self, obs, goal): ...\n",
            "needs obs, goal, but what there is to give is observation",
        ),
        ("x = 1\n", "it has: none"),
    ],
)
def test_a_file_without_a_model_says_what_it_has(author: Author, text: str, told_of: str) -> None:
    """The message names the classes or the arguments that there are."""
    with pytest.raises(AInimalFault, match=told_of):
        author.load(text)


def test_a_bare_answer_where_several_are_needed_is_a_fault(author: Author) -> None:
    """A number cannot be two outputs."""
    world = {"steer": Modality.scalar("steer"), "gas": Modality.scalar("gas")}
    agent = author.load("class Plain:\n    def act(self, obs): return 0.5\n", action=world)
    with pytest.raises(AInimalFault, match="bare float where a dict with steer, gas is needed"):
        agent.forward({"observation": SEEN})


def test_a_plain_class_may_name_its_lone_output_otherwise(author: Author) -> None:
    """What it declares and returns under its own name has the world's name outside."""
    agent = author.load("""
        from gymnasium import spaces
        class Plain:
            output_modalities = {"hand": spaces.Discrete(3)}
            def act(self, obs): return {"hand": 2}
    """)
    assert agent.forward({"observation": SEEN}) == {"action": 2}


def test_a_torch_module_gets_tensors_and_gives_numbers(author: Author) -> None:
    """A module is called itself, without gradients; `train`, which switches its mode, is not learning."""
    text = """
        import torch
        class Net(torch.nn.Module):
            def forward(self, x):
                assert isinstance(x, torch.Tensor)
                return (x > 0).sum() + torch.zeros((), dtype=torch.int64)
    """
    if importlib.util.find_spec("torch") is None:
        with pytest.raises(AInimalFault, match="needs the package torch"):
            author.load(text)
        return
    agent = author.load(text)
    answer = agent.forward({"observation": SEEN})
    assert answer == {"action": 1}
    assert isinstance(answer["action"], np.int64)
    assert agent.can.train is None
