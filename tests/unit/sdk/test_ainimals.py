"""Subclasses of AInimal as agents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ainimal_zookeeper import AInimal, Env
from ainimal_zookeeper.ainimal import losses
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput

from tests.unit.sdk.author import ACTION, Author, episode, told

FULL = """
    import json, os
    from ainimal_zookeeper import AInimal, Modality

    class Full(AInimal):
        AINIMAL_PARAMETERS = [{"name": "gain", "type": "float", "default": 2.0}]
        TRAIN_ON = "proposed"
        TRAIN_EVERY = 32

        def __init__(self, gain, flag=False):
            self.gain, self.flag, self.calls = gain, flag, []

        def forward(self, inputs):
            return {"action": 1}

        def train(self, traj):
            self.log({"entropy": 0.5})
            return [1.0, 3.0]

        def save(self, path):
            with open(os.path.join(path, "gain.json"), "w") as file:
                json.dump(self.gain, file)

        def load(self, path):
            with open(os.path.join(path, "gain.json")) as file:
                self.gain = json.load(file)

        def reset(self, mask=None):
            self.calls.append(("reset", mask))

        def handover(self, driver, last_action):
            self.calls.append(("handover", driver, last_action))

        def on_mode(self, training, inference):
            self.calls.append(("mode", training, inference))

        @property
        def state(self):
            return {"gain": self.gain}

        def set_state(self, name, value):
            setattr(self, name, value)
"""
BARE = """
    from ainimal_zookeeper import AInimal

    class Bare(AInimal):
        def forward(self, inputs):
            return {"action": 2}
"""


def test_all_that_is_written_is_found(author: Author, tmp_path: Path) -> None:
    """Every method that the author wrote is an ability of the agent."""
    agent = author.load(FULL, {"gain": 3.0})
    can = agent.can
    assert agent.forward({"observation": np.zeros(2)}) == {"action": 1}
    assert (agent.train_on, agent.train_every, agent.vectorized) == ("proposed", 32, False)
    assert can.train is not None
    assert losses(can.train(episode(1.0))) == {"loss": 2.0}
    assert can.metrics is not None
    assert can.metrics() == {"entropy": 0.5}
    assert can.metrics() == {}
    assert can.state is not None
    assert can.set_state is not None
    assert can.save is not None
    assert can.load is not None
    can.save(str(tmp_path))
    can.set_state("gain", 9.0)
    assert can.state() == {"gain": 9.0}
    can.load(str(tmp_path))
    assert can.state() == {"gain": 3.0}
    assert can.reset is not None
    assert can.handover is not None
    assert can.on_mode is not None
    can.reset(None)
    can.handover("ann", 1)
    can.on_mode(True, False)
    assert agent.subject.calls == [("reset", None), ("handover", "ann", 1), ("mode", True, False)]


def test_only_forward_is_needed(author: Author) -> None:
    """What is not written is no ability, and the world says what goes in and out."""
    agent = author.load(BARE)
    can = agent.can
    assert [can.train, can.save, can.load, can.reset, can.handover, can.on_mode, can.state, can.set_state] == [None] * 8
    assert list(agent.inputs) == ["observation"]
    assert agent.outputs == ACTION
    assert agent.train_every == "episode"
    assert "does not learn" in told(agent, "train")


def test_a_constructor_may_ask_for_its_save_path(author: Author) -> None:
    """The document's other constructor gets a folder: a fresh one, or the checkpoint's."""
    text = """
        import os
        from ainimal_zookeeper import AInimal

        class Saved(AInimal.Agent):
            def __init__(self, save_path):
                self.found = os.listdir(save_path)

            def forward(self, inputs):
                return {"action": 0}
    """
    assert author.load(text).subject.found == []
    (author.folder / "checkpoint").mkdir()
    (author.folder / "checkpoint" / "weights").touch()
    assert author.load(text, save_path=str(author.folder / "checkpoint")).subject.found == ["weights"]


def test_init_params_refer_to_parameters_and_keep_their_types(author: Author) -> None:
    """A reference that is the whole text is the parameter itself; inside a text it is written out."""
    text = """
        from ainimal_zookeeper import AInimal

        class Built(AInimal):
            def __init__(self, layers, title="", depth=0):
                self.made = (layers, title, depth)

            def forward(self, inputs):
                return {"action": 0}
    """
    agent = author.load(
        text, {"depth": 3, "spare": 1}, init_params={"layers": ["${params.depth}"], "title": "depth ${params.depth}"}
    )
    assert agent.subject.made == ([3], "depth 3", 0)
    assert "spare" in told(agent, "parameters")
    with pytest.raises(InvalidInput, match=r"params.deph.*did you mean depth"):
        author.load(text, {"depth": 3}, init_params={"layers": "${params.deph}"})
    with pytest.raises(AInimalFault, match=r"'titel', which Built.__init__ does not take; did you mean 'title'"):
        author.load(text, {}, init_params={"layers": 1, "titel": ""})
    with pytest.raises(AInimalFault, match=r"Built.__init__ needs layers, and nothing gives it"):
        author.load(text)


def test_modalities_may_be_properties_methods_or_spaces(author: Author) -> None:
    """What the author declares is filled up with what the world knows."""
    agent = author.load("""
        from gymnasium import spaces
        from ainimal_zookeeper import AInimal, Modality

        class Declared(AInimal):
            input_modalities = {"observation": Modality("observation", "VECTOR", (2,), names=("x", "y"))}

            def output_modalities(self):
                return {"action": spaces.Discrete(3), "value": Modality.scalar("value")}

            def forward(self, inputs):
                return {"action": 0, "value": 1.0}
    """)
    assert agent.inputs["observation"].names == ("x", "y")
    assert agent.inputs["observation"].low == -1.0
    assert list(agent.outputs) == ["action", "value"]


def test_a_lone_channel_may_be_called_otherwise(author: Author) -> None:
    """Outside everything has the world's names, the author sees their own, in training too."""
    agent = author.load("""
        from ainimal_zookeeper import AInimal, Modality

        class Other(AInimal):
            input_modalities = {"eye": Modality.vector("eye", 2)}
            output_modalities = {"hand": Modality.discrete("hand", 3)}

            def forward(self, inputs):
                return {"hand": int(inputs["eye"][0])}

            def train(self, traj):
                return {"seen": traj[0].observation["eye"], "done": traj[0].outputs["hand"],
                        "last": traj[-1].final_inputs["eye"]}
    """)
    assert agent.forward({"observation": np.array([2.0, 0.0])}) == {"action": 2}
    assert list(agent.inputs) == ["observation"]
    assert agent.can.train is not None
    assert agent.can.train(episode(1.0)) == {"seen": 0.0, "done": 1, "last": 1.0}


@pytest.mark.parametrize(
    ("declared", "told_of"),
    [
        ('input_modalities = {"eye": Modality.vector("eye", 2), "ear": Modality.scalar("ear")}',
         "needs the input eye, but the world shows observation"),
        ('output_modalities = {"hand": Modality.scalar("hand"), "foot": Modality.scalar("foot")}',
         "the world takes action, but Odd returns hand, foot"),
        ('input_modalities = {"observation": Modality.vector("observation", 7)}',
         r"input observation is declared as float32\[7\], but the world's observation is float32\[2\]"),
        ('output_modalities = {"action": Modality.text("action")}', "is declared as text"),
        ('output_modalities = {"action": Modality("action", "DISCRETE", dtype="int8")}', "needs low and high"),
        ('TRAIN_ON = "all"', 'TRAIN_ON is \'all\'; it must be "executed", "proposed" or "skip"'),
        ("TRAIN_EVERY = 0", "TRAIN_EVERY is 0"),
    ],
)  # fmt: skip
def test_a_promise_that_does_not_fit_is_told_at_the_start(author: Author, declared: str, told_of: str) -> None:
    """An AInimal that cannot live in its world is refused before the first step."""
    with pytest.raises(AInimalFault, match=told_of):
        author.load(f"""
        from ainimal_zookeeper import AInimal, Modality

        class Odd(AInimal):
            {declared}

            def forward(self, inputs):
                return {{}}
        """)


def test_forward_may_be_async_or_a_generator(author: Author) -> None:
    """The runner is told how to drive it."""
    text = """
        from ainimal_zookeeper import AInimal

        class Slow(AInimal):
            {} forward(self, inputs):
                {} {{"action": 0}}
    """
    assert author.load(text.format("async def", "return")).forward_kind == "async"
    assert author.load(text.format("def", "yield")).forward_kind == "generator"
    with pytest.raises(AInimalFault, match="async generator"):
        author.load(text.format("async def", "yield"))


def test_recurrent_state_is_kept_for_each_conversation(author: Author) -> None:
    """What one conversation changes in place, another does not see."""
    agent = author.load("""
        from ainimal_zookeeper import AInimal

        class Talker(AInimal):
            def __init__(self):
                self.recurrent_state = []

            def forward(self, inputs):
                self.recurrent_state.append(1)
                return {"action": len(self.recurrent_state)}
    """)
    assert agent.can.get_recurrent is not None
    assert agent.can.set_recurrent is not None
    blank = agent.can.get_recurrent()
    assert agent.forward({}) == {"action": 1}
    agent.can.set_recurrent(blank)
    assert agent.forward({}) == {"action": 1}
    assert blank == []


def test_without_a_world_a_dry_run_shows_the_outputs(author: Author) -> None:
    """What nobody declares is measured, and what the dry run changed is put back."""
    agent = author.load(
        """
        import numpy as np
        from ainimal_zookeeper import AInimal, Modality

        class Model(AInimal):
            input_modalities = {"image": Modality.image("image", 16, 16)}
            recurrent_state = 0

            def forward(self, inputs):
                self.recurrent_state += 1
                return {"scores": np.zeros(10, np.float32), "label": "cat"}
        """,
        observation=None,
        action=None,
    )
    assert {name: modality.kind.value for name, modality in agent.outputs.items()} == {
        "scores": "VECTOR",
        "label": "TEXT",
    }
    assert agent.subject.recurrent_state == 0
    assert agent.findings[-1].certainty == "measured"


def test_the_names_of_the_document_are_there() -> None:
    """`AInimal.Agent` and `AInimal.Env` are what the document's notes ask for."""
    assert AInimal.Agent is AInimal
    assert AInimal.Env is Env


@pytest.mark.parametrize(
    ("returned", "numbers"),
    [
        (None, {}),
        (0.5, {"loss": 0.5}),
        (np.float32(2), {"loss": 2.0}),
        (np.array([1.0, 3.0]), {"loss": 2.0}),
        ([1, 2, 3], {"loss": 2.0}),
        ({"policy": 1, "value": np.array([2.0, 4.0])}, {"policy": 1.0, "value": 3.0}),
    ],
)
def test_losses_are_numbers_by_name(returned: object, numbers: dict[str, float]) -> None:
    """A number, one for each batch element, or several by name."""
    assert losses(returned) == numbers
