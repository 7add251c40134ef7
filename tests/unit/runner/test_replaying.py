"""Replaying: what was recorded is done once more, to the bit, or the first difference is named."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper import environments, models
from ainimal_zookeeper.domain.documents import Mode, OverrideDoc
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.recordings import DRIVEN, FIRST, FLAGS, OVERRIDDEN, PATCHES, TERMINATED, TRUNCATED
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.recording import Channel, StepRecorder
from ainimal_zookeeper.recording.recording import Recording
from zookeeper_runner.acting import Actor
from zookeeper_runner.arrows import Arrows
from zookeeper_runner.bell import Bell
from zookeeper_runner.checkpoint import seal, write
from zookeeper_runner.gate import Gate
from zookeeper_runner.history import History
from zookeeper_runner.journal import Journal
from zookeeper_runner.manifest import manifest_of
from zookeeper_runner.overrides import Overrides
from zookeeper_runner.recorder.plan import encoded
from zookeeper_runner.replaying.opening import Opened
from zookeeper_runner.session import Leave, Session
from zookeeper_runner.signals import Signals
from zookeeper_runner.stage import Stage
from zookeeper_runner.taps import Taps

from tests.conftest import give_up
from tests.fakes.runner_link import launch_of

AINIMALS = Path(__file__).parents[3] / "ainimals"
CARTPOLE = {"type": "gymnasium", "env_name": "CartPole-v1"}
SHORT = {**CARTPOLE, "init_params": {"max_episode_steps": 12}}  # most of its episodes are truncated
BOTH: Mode = {"training": True, "inference": True}
ACT: Mode = {"training": False, "inference": True}

RECURRENT = '''
import torch
from ainimal_zookeeper import AInimal, Modality

torch.set_num_threads(1)


class Recurrent(AInimal):
    """Acts by chance on what it has seen in its episode, and remembers who drove it."""

    def __init__(self):
        self.cell = torch.nn.GRUCell(4, 8)
        self.head = torch.nn.Linear(8, 2)
        self.hidden = torch.zeros(8)
        self.handovers = 0

    @property
    def input_modalities(self):
        return {"observation": Modality("observation", "VECTOR", (4,))}

    @property
    def output_modalities(self):
        return {"action": Modality.discrete("action", 2), "right": Modality.scalar("right")}

    @torch.no_grad()
    def forward(self, inputs):
        seen = torch.as_tensor(inputs["observation"], dtype=torch.float32)
        self.hidden = self.cell(seen, self.hidden) + 0.01 * self.handovers
        chances = torch.softmax(self.head(self.hidden), -1)
        return {"action": int(torch.multinomial(chances, 1)), "right": float(chances[1])}

    def reset(self, mask=None):
        self.hidden = torch.zeros(8)

    def handover(self, driver, last_action):
        self.handovers += 1 + len(driver)
'''


class Wheel:
    """Somebody who drives left at some steps."""

    def __init__(self, steps: Sequence[int], handover: Callable[..., Any] | None) -> None:
        self.active = bool(steps)
        self._steps = frozenset(steps)
        self._handover = handover

    def pass_over(self, step: int, last: Any) -> str | None:
        """Returns who drives from now on, "" where nothing changes."""
        before, now = step - 1 in self._steps, step in self._steps
        if before == now:
            return ""
        if self._handover is not None:
            self._handover("ada" if now else "model", last)
        return "ada" if now else None

    def drive(self, action: Any, step: int) -> tuple[Any, str | None]:
        return (0, "ada") if step in self._steps else (action, None)


class Life:
    """An AInimal in its world, as a runner has them."""

    def __init__(
        self, spec: Mapping[str, Any], seed: int = 5, world: Mapping[str, Any] = CARTPOLE, **parameters: Any
    ) -> None:
        np.random.seed(seed)
        if "torch" in sys.modules:
            sys.modules["torch"].manual_seed(seed)
        self.bell = Bell()
        self.session = Session(launch_of(), self.bell)
        self.signals = Signals(self.bell)
        self.journal = Journal(self.session, self.signals, History(0))
        self.world = environments.load(world, {}, seed=seed, stage=lambda _: None)
        self.parameters = parameters
        self.agent = models.load(
            spec, parameters, observation=self.world.observation, action=self.world.action, stage=lambda _: None
        )
        self.gate = Gate()
        self.taps = Taps(self.agent, self.gate)
        self.arrows = Arrows()
        self.rules = Overrides(self.session, self.arrows, lambda: self.taps, self._fetch)
        self.patch: Callable[[OverrideDoc], Any] = lambda _: None
        self.seed = seed

    def _fetch(self, document: OverrideDoc) -> Any:
        return self.patch(document)

    @property
    def counters(self) -> Any:
        return self.session.counters

    def save(self, folder: Path, body: Any) -> dict[str, int]:
        folder.mkdir(parents=True)
        written = write(self.agent, self.counters, body, self.parameters)
        with written.place:
            seal(written, folder / "state.zip")
        return {"step": written.step, "episode": written.episode}


class Recorded(Life):
    """A life that is recorded, `steps` of it after a checkpoint in the middle of an episode."""

    def __init__(
        self,
        folder: Path,
        spec: Mapping[str, Any],
        *,
        steps: int,
        mode: Mode = BOTH,
        before: int = 7,
        rules: Mapping[int, Sequence[OverrideDoc]] | None = None,
        driven: Sequence[int] = (),
        more: Sequence[str] = (),
        copied: Sequence[str] = (),
        copied_at: int | None = None,
        relearns: Mapping[int, int] | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(spec, **parameters)
        self.active = False
        self._copied_at = copied_at
        self._relearns = relearns or {}
        self.patch = lambda document: PATCHES_OF[document["path"]]
        self._copied = {path.removeprefix("weights."): path for path in copied}
        self._first = False
        self._more = tuple(more)
        self.wheel = Wheel(driven, self.agent.can.handover)
        self.arrows.sinks.append(self)
        self.actor = Actor(self.agent, self.world, self.journal, self.bell, self.seed, self.arrows)
        self.actor.begin()
        self._steps(before, mode, {})
        self.point = self.save(folder / "checkpoint", self.actor)
        about = manifest_of(self.agent.inputs, self.agent.outputs, action=self.world.action, taps=self.taps.signals())
        self.manifest_signals = about["signals"]
        self.recorder = StepRecorder(
            self._channels(), lambda _: None, folder=_made(folder / "recording"), timeline=1, tail_s=None,
            rare=[Channel("final_inputs.observation", "float32", (4,), "vector"), Channel(PATCHES, "json", (), "json")],
        )  # fmt: skip
        self.active = True
        self.arrows.driving = self.wheel
        self.rules.listeners.append(self._ruled)
        self.taps.observe("recorder", frozenset(path for path in more if path.startswith("activations.")))
        self._event("mode", mode)
        if self._copied:
            self._copy()
        self._steps(steps, mode, rules or {})
        self.recorder.close()
        self.active = False

    def _steps(self, count: int, mode: Mode, rules: Mapping[int, Sequence[OverrideDoc]]) -> None:
        last = self.counters.step + count
        while self.counters.step < last:
            step = self.counters.step + 1
            if self.active and (driver := self.wheel.pass_over(step, self.journal.moment.action)) != "":
                self._event("driver", {"driver": driver})
            for standing in (rules[step],) if step in rules else ():
                self.rules.heed({**self.session.wanted()[0], "overrides": list(standing)})
            self.bell.ring()
            self.actor.act(mode)
            if self.active and (calls := self._relearns.get(self.counters.step, 0)):
                self._learn(calls, mode)
            if self.counters.step == self._copied_at:
                self._copy()

    def _learn(self, calls: int, mode: Mode) -> None:
        """Learns without acting, as a loop has it do."""
        self._event("mode", {"training": True, "inference": False})
        for _ in range(calls):
            self.bell.ring()
            self.actor.relearn()
        self._event("learnt", {"calls": calls})
        self._event("mode", mode)

    def _channels(self) -> list[Channel]:
        observed = {"inputs.observation": ("float32", (4,)), "action": ("int64", ()), "env.reward": ("float64", ())}
        outputs = {f"outputs.{name}": ("int64" if name == "action" else "float64", ()) for name in self.agent.outputs}
        taps = {path: (str(np.asarray(self.taps.read(path)).dtype), np.asarray(self.taps.read(path)).shape)
                for path in self._more if not path.startswith("activations.")}  # fmt: skip
        within = {path: ("float32", (8,)) for path in self._more if path.startswith("activations.")}
        every = {**observed, **outputs, **taps, **within, FLAGS: ("uint8", ())}
        self._paths = list(every)
        return [Channel(path, dtype, shape, "vector" if shape else "scalar") for path, (dtype, shape) in every.items()]

    def took(
        self, inputs: Any, outputs: Any, action: Any, reward: Any, terminated: Any, truncated: Any, final: Any = None
    ) -> None:
        arrows = self.arrows
        flags = (TERMINATED if terminated else 0) | (TRUNCATED if truncated else 0) | (FIRST if self._first else 0)
        flags |= (OVERRIDDEN if arrows.overridden else 0) | (DRIVEN if arrows.driver else 0)
        self._first = False
        told = {**{f"inputs.{name}": value for name, value in inputs.items()}, "action": action, "env.reward": reward}
        told |= {f"outputs.{name}": value for name, value in outputs.items()} | {FLAGS: flags}
        told |= {path: self.taps.read(path) for path in self._more}
        patched = {key: encoded(value) for key, value in (arrows.patched or {}).items()}
        rare = [None if final is None else final["observation"], patched or None]
        self.recorder.take(self.counters.step, [told[path] for path in self._paths], rare)

    def _copy(self) -> None:
        found = {name: np.asarray(self.taps.read(path)) for name, path in self._copied.items()}
        self.recorder.weights(self.counters.step, found)

    def began(self) -> None:
        self._first = True

    def _ruled(self, kind: str, data: Mapping[str, Any]) -> None:
        self._event(kind, data)

    def _event(self, kind: str, data: Mapping[str, Any]) -> None:
        self.recorder.event(self.counters.step, kind, data)


class Replayed(Life):
    """The replay of a recording, to its end."""

    def __init__(
        self,
        folder: Path,
        recorded: Recorded,
        spec: Mapping[str, Any],
        planes: Sequence[str] = ("INPUTS",),
        *,
        from_step: int | None = None,
        to_step: int | None = None,
        spoil: Callable[[Life], None] | None = None,
        spoil_at: int | None = None,
        seed: int = 77,
        signals: Sequence[Any] | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(spec, seed, **parameters)
        self.told: list[str] = []
        self.done = False
        self.report: Any = None
        told = signals or recorded.manifest_signals
        told = [each for each in told if each["path"].split(".")[0] in _TOLD]
        asked = {"planes": list(planes), "fromStep": from_step, "toStep": to_step, "signals": told}
        recording = Recording.open(folder / "recording")
        opened = Opened(asked, recording)
        world = opened.world or self.world
        actor = Actor(self.agent, world, self.journal, self.bell, self.seed, self.arrows)
        self.replayer = opened.replayer(
            self.agent,
            world,
            actor,
            self.journal,
            self.bell,
            taps=lambda: self.taps,
            on_mode=self.agent.can.on_mode,
            tell=self._tell,
            done=self._done,
            ends=lambda: False,
            warn=self.told.append,
        )
        self.arrows.sinks.append(self.replayer)
        self.arrows.driving = self.replayer.driver
        heeds = opened.rules(self.rules, self.journal, self.told.append)
        self.patch = opened.values
        self.counters.step, self.counters.episode = recorded.point["step"], recorded.point["episode"]
        stage = Stage(self.replayer, self.agent, parameters=parameters, keeps=self.replayer)
        self.told += stage.put_back(str(folder / "checkpoint"), recorded.point)
        if spoil is not None and spoil_at is None:
            spoil(self)
        with suppress(Leave):
            while True:
                self.bell.answer()
                if spoil is not None and spoil_at == self.counters.step + 1:
                    spoil(self)
                heeds.heed(self.session.wanted()[0])
                if spoil_at is not None:
                    self.bell.ring()
                self.replayer.act(ACT)
        recording.close()

    def _tell(self, report: Any) -> None:
        self.report = report

    def _done(self) -> None:
        self.done = True


_TOLD = frozenset({"inputs", "outputs", "action", "env"})


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def rule(id: str, path: str, how: str, value: str, order: int = 1) -> OverrideDoc:
    return {
        "id": id,
        "order": order,
        "path": path,
        "rule": how,  # type: ignore[typeddict-item]
        "valueJson": value,
        "expiresAt": None,
        "expiresInSteps": None,
        "authorId": None,
        "setAt": "2026-01-01T00:00:00.000000Z",
    }


BALANCER = {"type": "python_class", "path": str(AINIMALS / "balancer.py"), "class_name": "Balancer"}
RULES = {
    60: [rule("ovr_a", "inputs.observation", "SCALE", '{"value": 0.5}')],
    130: [
        rule("ovr_a", "inputs.observation", "SCALE", '{"value": 0.5}'),
        rule("ovr_b", "action", "SET", '{"value": 1}', 2),
    ],
    150: [],
}


PATCH = '{"patch": {"recordingId": "rec_9", "fromStep": 0}}'
PATCHES_OF: dict[str, Callable[[int], Any]] = {
    "inputs.observation": lambda at: np.full(4, np.sin(at) / 50, np.float32) if at < 40 else None,
    "action": lambda at: np.int64(at // 3 % 2),
    "weights.weights.policy_in_bias": lambda at: np.full(64, at / 1_000),
}


@pytest.fixture
def recurrent(tmp_path: Path) -> dict[str, Any]:
    try:
        import torch  # noqa: F401
    except ImportError:
        give_up("torch is not installed; run make foreign")
    file = tmp_path / "recurrent.py"
    file.write_text(RECURRENT)
    return {"type": "python_class", "path": str(file), "class_name": "Recurrent"}


def identical(steps: int) -> dict[str, Any]:
    return {"comparedSteps": steps, "identical": True, "first": None}


class TestToTheBit:
    def test_a_numpy_agent_that_learns_is_the_same_over_a_thousand_steps(self, tmp_path: Path) -> None:
        """Rules, a takeover and four calls of train included: outputs and actions are those that were recorded."""
        recorded = Recorded(tmp_path, BALANCER, steps=1_100, rules=RULES, driven=range(300, 320))

        replayed = Replayed(tmp_path, recorded, BALANCER)

        assert replayed.report == identical(1_100)
        assert replayed.done
        assert replayed.told == []
        for name, weight in recorded.agent.subject.weights.items():
            assert replayed.agent.subject.weights[name].tobytes() == weight.tobytes()

    def test_what_follows_the_end_of_an_episode_is_learnt_from_as_it_was(self, tmp_path: Path) -> None:
        """Episodes are truncated again and again, and the return of each goes on with what was seen last."""
        recorded = Recorded(tmp_path, BALANCER, steps=1_100, world=SHORT)

        replayed = Replayed(tmp_path, recorded, BALANCER)

        assert recorded.counters.episode > 40
        assert replayed.report == identical(1_100)
        for name, weight in recorded.agent.subject.weights.items():
            assert replayed.agent.subject.weights[name].tobytes() == weight.tobytes()

    def test_what_rules_took_from_other_recordings_is_put_in_place_again(self, tmp_path: Path) -> None:
        """Of inputs, actions and weights, also where learning goes on, until they ended and no longer."""
        names = ["inputs.observation", "action", "weights.weights.policy_in_bias"]
        seen, done, within = (rule(f"ovr_{name}", name, "PATCH", PATCH) for name in names)
        rules = {60: [seen], 130: [seen, done], 150: [done], 240: [within], 300: []}
        recorded = Recorded(tmp_path, BALANCER, steps=600, rules=rules)

        replayed = Replayed(tmp_path, recorded, BALANCER)

        assert replayed.report == identical(600)
        assert replayed.told == []
        for name, weight in recorded.agent.subject.weights.items():
            assert replayed.agent.subject.weights[name].tobytes() == weight.tobytes()

    def test_learning_without_acting_is_repeated(self, tmp_path: Path) -> None:
        """As many calls of train, at the same step, with what had been lived through by then; at the end as well."""
        copied = ["weights.weights.policy_in"]
        recorded = Recorded(tmp_path, BALANCER, steps=800, relearns={300: 3, 555: 2, 807: 1}, copied=copied)

        replayed = Replayed(tmp_path, recorded, BALANCER)

        assert replayed.report == identical(800)
        assert replayed.counters.trained == recorded.counters.trained == 9
        for name, weight in recorded.agent.subject.weights.items():
            assert replayed.agent.subject.weights[name].tobytes() == weight.tobytes()

    def test_a_recurrent_torch_agent_is_the_same_over_a_thousand_steps(
        self, tmp_path: Path, recurrent: dict[str, Any]
    ) -> None:
        """Its hidden state in the middle of an episode, chance, rules, and handovers to a driver and back included."""
        more = ["activations.cell", "weights.head.bias"]
        recorded = Recorded(tmp_path, recurrent, steps=1_100, mode=ACT, rules=RULES, driven=range(300, 320), more=more)

        replayed = Replayed(tmp_path, recorded, recurrent)

        assert replayed.report == identical(1_100)
        assert set(more) <= set(replayed.replayer._comparison.paths)

    def test_the_environment_is_run_once_more_where_nothing_drives(self, tmp_path: Path) -> None:
        """From the beginning of an episode the world is the same too: inputs and rewards are compared as well."""
        recorded = Recorded(tmp_path, BALANCER, steps=300, before=0, rules=RULES, driven=range(200, 220))

        replayed = Replayed(tmp_path, recorded, BALANCER, planes=[])

        assert replayed.report == identical(300)

    def test_recorded_actions_drive_an_environment(self, tmp_path: Path) -> None:
        """Another model changes nothing of what the world does; its inputs and rewards are those that were recorded."""
        recorded = Recorded(tmp_path, BALANCER, steps=200, before=0, mode=ACT)

        def another(life: Life) -> None:
            for weight in life.agent.subject.weights.values():
                np.add(weight, 1.0, out=weight)

        replayed = Replayed(tmp_path, recorded, BALANCER, planes=["OUTPUTS"], spoil=another)

        assert replayed.report == identical(200)


class TestDifferences:
    def test_a_flipped_weight_is_located(self, tmp_path: Path, recurrent: dict[str, Any]) -> None:
        """One bit of one weight at step 407: the report names that weight, that step and how far it is off."""
        more = ["weights.head.bias", "activations.cell"]
        recorded = Recorded(tmp_path, recurrent, steps=600, mode=ACT, more=more)

        def flip(life: Life) -> None:
            bias = np.array(life.taps.read("weights.head.bias"))
            bias[1] = np.nextafter(bias[1], np.float32(9.0), dtype=np.float32)
            life.taps.write("weights.head.bias", bias)

        replayed = Replayed(tmp_path, recorded, recurrent, spoil=flip, spoil_at=407)

        first = replayed.report["first"]
        assert (first["step"], first["path"]) == (407, "weights.head.bias")
        assert 0 < first["magnitude"] < 1e-6
        assert replayed.report["comparedSteps"] == 400
        assert replayed.counters.step == 607
        assert "weights.head.bias" in replayed.told[0]

    def test_a_flipped_weight_that_was_not_recorded_is_seen_in_what_comes_of_it(
        self, tmp_path: Path, recurrent: dict[str, Any]
    ) -> None:
        """The first activation after it differs at once; what comes before it does not."""
        recorded = Recorded(tmp_path, recurrent, steps=100, mode=ACT, more=["activations.cell"])

        def flip(life: Life) -> None:
            life.agent.subject.cell.bias_hh.data[3] += 1e-3

        replayed = Replayed(tmp_path, recorded, recurrent, spoil=flip, spoil_at=50)

        assert replayed.report["first"]["step"] == 50
        assert replayed.report["first"]["path"] == "activations.cell"

    def test_without_a_rule_that_stood_the_action_differs(self, tmp_path: Path) -> None:
        """The comparison sees what rules do: taking one out of the record is a difference at the step it began."""
        rules = {60: [rule("ovr_b", "action", "SET", '{"value": 1}')]}
        recorded = Recorded(tmp_path, BALANCER, steps=100, rules=rules)

        def forget(life: Life) -> None:
            life.rules.heed = lambda _: None  # type: ignore[assignment, method-assign]

        replayed = Replayed(tmp_path, recorded, BALANCER, spoil=forget)

        assert replayed.report["first"]["path"] == "action"
        assert replayed.report["first"]["step"] >= 60
        assert replayed.report["first"]["magnitude"] == 1.0

    def test_a_flipped_weight_of_the_checkpoint_is_located(self, tmp_path: Path, recurrent: dict[str, Any]) -> None:
        """Weights are copied before the first step: another one is named there, before all that comes of it."""
        copied = ["weights.head.bias", "weights.cell.weight_hh"]
        recorded = Recorded(tmp_path, recurrent, steps=50, mode=ACT, copied=copied)

        def flip(life: Life) -> None:
            life.agent.subject.cell.weight_hh.data[2, 3] += 0.5

        assert Replayed(tmp_path, recorded, recurrent).report == identical(50)
        first = Replayed(tmp_path, recorded, recurrent, spoil=flip).report["first"]
        assert first == {"step": 8, "path": "weights.cell.weight_hh", "magnitude": pytest.approx(0.5)}

    def test_weights_that_were_learnt_are_compared_where_they_were_copied(self, tmp_path: Path) -> None:
        """What train has made of them between two steps is the same, or the step after which it is not is named."""
        copied = ["weights.weights.policy_in"]
        recorded = Recorded(tmp_path, BALANCER, steps=400, copied=copied, copied_at=300)

        def hurry(life: Life) -> None:
            life.agent.subject.learning_rate *= 1.5

        assert Replayed(tmp_path, recorded, BALANCER).report == identical(400)
        first = Replayed(tmp_path, recorded, BALANCER, spoil=hurry).report["first"]
        assert first["step"] <= 301


class TestPlanes:
    def test_copied_weights_are_written_where_they_were_copied(self, tmp_path: Path, recurrent: dict[str, Any]) -> None:
        """The copy of the first step puts a model right that has become another one."""
        names = ["head.weight", "head.bias", "cell.weight_ih", "cell.weight_hh", "cell.bias_ih", "cell.bias_hh"]
        recorded = Recorded(tmp_path, recurrent, steps=80, mode=ACT, copied=[f"weights.{name}" for name in names])

        def spoilt(life: Life) -> None:
            life.agent.subject.head.bias.data += 1.0

        replayed = Replayed(tmp_path, recorded, recurrent, planes=["INPUTS", "WEIGHTS"], spoil=spoilt)

        assert replayed.report == identical(80)

    def test_recorded_weights_are_written_at_their_steps(self, tmp_path: Path, recurrent: dict[str, Any]) -> None:
        """A model that has become another one is put right by them, and its outputs are the recorded ones."""
        names = ["head.weight", "head.bias", "cell.weight_ih", "cell.weight_hh", "cell.bias_ih", "cell.bias_hh"]
        recorded = Recorded(tmp_path, recurrent, steps=80, mode=ACT, more=[f"weights.{name}" for name in names])

        def spoilt(life: Life) -> None:
            life.agent.subject.head.bias.data += 1.0

        replayed = Replayed(tmp_path, recorded, recurrent, planes=["INPUTS", "WEIGHTS"], spoil=spoilt)

        assert replayed.report == identical(80)

    def test_recorded_activations_take_the_place_of_computed_ones(
        self, tmp_path: Path, recurrent: dict[str, Any]
    ) -> None:
        """With the cell's outputs recorded, another cell comes to the same."""
        recorded = Recorded(tmp_path, recurrent, steps=80, mode=ACT, more=["activations.cell"])

        def spoilt(life: Life) -> None:
            life.agent.subject.cell.bias_hh.data += 1.0

        replayed = Replayed(tmp_path, recorded, recurrent, planes=["INPUTS", "ACTIVATIONS"], spoil=spoilt)

        assert replayed.report == identical(80)

    def test_a_part_is_compared(self, tmp_path: Path) -> None:
        """Steps before the first that is asked for are made and not compared; the last one is the end."""
        recorded = Recorded(tmp_path, BALANCER, steps=100)

        replayed = Replayed(tmp_path, recorded, BALANCER, from_step=50, to_step=59)

        assert replayed.report == identical(10)
        assert replayed.counters.step == 59


class TestRefusals:
    def test_a_model_with_other_outputs_is_refused(self, tmp_path: Path, recurrent: dict[str, Any]) -> None:
        """The error names the signal that was recorded and is not there, and those that are."""
        recorded = Recorded(tmp_path, BALANCER, steps=20)

        with pytest.raises(InvalidInput, match=r"outputs\.value was recorded.*outputs\.right"):
            Replayed(tmp_path, recorded, recurrent)

    def test_a_model_with_other_weights_is_refused(self, tmp_path: Path, recurrent: dict[str, Any]) -> None:
        """Weights that were recorded and are not there are named, with what is near."""
        recorded = Recorded(tmp_path, recurrent, steps=20, mode=ACT, more=["weights.head.bias"])
        other = tmp_path / "other.py"
        other.write_text(RECURRENT.replace("self.head", "self.top"))

        with pytest.raises(InvalidInput, match=r"not the one that was recorded.*weights\.head\.bias.*weights\.top"):
            Replayed(tmp_path, recorded, {**recurrent, "path": str(other)})


def test_a_model_without_an_environment_is_asked_once_more(tmp_path: Path) -> None:
    """Its inputs are what it was asked, and its outputs are compared; nothing else is there."""
    file = tmp_path / "adder.py"
    file.write_text(
        "import numpy as np\n"
        "class Adder:\n"
        "    def forward(self, inputs):\n"
        "        return {'sum': np.float64(inputs['a'].sum() + np.random.random())}\n"
    )
    channels = [Channel(FLAGS, "uint8", (), "scalar"), Channel("inputs.a", "float32", (3,), "vector")]
    channels.append(Channel("outputs.sum", "float64", (), "scalar"))
    agent = models.load(
        {"type": "python_class", "path": str(file), "class_name": "Adder"}, {}, observation=None, action=None,
        stage=lambda _: None,
    )  # fmt: skip
    bell = Bell()
    session = Session(launch_of(), bell)
    signals = Signals(bell)
    journal = Journal(session, signals, History(0))
    recorder = StepRecorder(channels, lambda _: None, folder=_made(tmp_path / "recording"), timeline=1, tail_s=None)
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    written = write(agent, session.counters, None, {})
    with written.place:
        seal(written, folder / "state.zip")
    before = np.random.get_state()
    for step in range(1, 21):
        seen = np.full(3, step, np.float32)
        recorder.take(step, [0, seen, agent.forward({"a": seen})["sum"]])
    recorder.close()
    np.random.set_state(before)
    vector = manifest_of({"a": Modality.vector("a", 3)}, {}, has_world=False)["signals"]
    opened = Opened({"planes": ["INPUTS"], "signals": vector}, Recording.open(tmp_path / "recording"))
    assert opened.world is not None
    assert not opened.has_world
    arrows = Arrows()
    actor = Actor(agent, opened.world, journal, bell, None, arrows)
    reports: list[Any] = []
    replayer = opened.replayer(
        agent, opened.world, actor, journal, bell, taps=lambda: None, on_mode=None, tell=reports.append,
        done=lambda: None, ends=lambda: False, warn=reports.append,
    )  # fmt: skip
    arrows.sinks.append(replayer)
    arrows.driving = replayer.driver
    Stage(replayer, agent, keeps=replayer).put_back(str(folder), {"step": 0, "episode": 0})
    with suppress(Leave):
        while True:
            bell.answer()
            replayer.act(ACT)

    assert reports[-1] == identical(20)


def test_what_is_to_drive_must_have_been_recorded(tmp_path: Path) -> None:
    """The error names the signal."""
    recorded = Recorded(tmp_path, BALANCER, steps=5)
    signals = [*recorded.manifest_signals]
    signals.append({**signals[0], "path": "inputs.lidar"})

    with pytest.raises(InvalidInput, match=r"inputs\.lidar was not recorded"):
        Replayed(tmp_path, recorded, BALANCER, signals=signals)


def test_a_difference_is_as_large_as_its_largest_element() -> None:
    """Bits count: zeros of another sign differ by nothing, other shapes and texts by everything."""
    from zookeeper_runner.replaying.comparison import difference

    vector = Channel("outputs.x", "float32", (3,), "vector")
    before = np.array([1.0, np.nan, 0.0], np.float32)

    assert difference(vector, before, before.copy()) is None
    assert difference(vector, before, np.array([1.5, np.nan, -1.0], np.float32)) == 1.0
    assert difference(vector, before, np.array([1.0, np.nan, -0.0], np.float32)) == 0.0
    assert difference(vector, before, np.array([1.0, 2.0, 0.0], np.float32)) == math.inf
    assert difference(vector, before, np.zeros(4, np.float32)) == math.inf
    assert difference(vector, before, None) == math.inf
    assert difference(Channel("outputs.t", "str", (), "text"), "yes", "no") == math.inf
