"""`zoo` against an API that answers from the project's schema."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import httpx
import pytest
from ainimal_zookeeper.checkpoints import Repository
from ainimal_zookeeper.cli.connection import Connector
from ainimal_zookeeper.cli.doctor import python_version
from ainimal_zookeeper.cli.exit_status import EXIT_STATUS, INTERRUPTED, UNEXPECTED, exit_status
from ainimal_zookeeper.cli.main import VERBS, zoo
from ainimal_zookeeper.cli.watching import sparkline
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain import errors
from click.testing import CliRunner, Result

from tests.conftest import ToolFinder
from tests.fakes.zoo_api import (
    FakeZoo,
    checkpoint_row,
    environment_row,
    instance_row,
    live_event,
    model_row,
    schema,
    value_row,
    world_row,
)
from tests.unit.checkpoints.lineage import open_bucket, snapshot

Zoo = Callable[..., Result]

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "cli.md"


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    parameters = [
        {"name": "lr", "type": "float", "required": False},
        {"name": "greeting", "type": "str", "required": True},
    ]
    fake.models = [model_row("Painter", parameters=parameters)]
    fake.environments = [environment_row("CartPole", parameters=[{"name": "g", "type": "float", "required": False}])]
    fake.instances = [instance_row("Rex")]
    return fake


@pytest.fixture
def run(fake: FakeZoo) -> Zoo:
    """`run("models", "--json")` is `zoo models --json` in a pipe."""
    connector = Connector(lambda url: Zookeeper(url, transport=fake.transport, sleep=lambda _seconds: None))

    def run(*arguments: str, input: str | None = None) -> Result:
        return CliRunner().invoke(zoo, arguments, obj=connector, input=input, catch_exceptions=False)

    return run


class TestExitStatus:
    """One table from errors to exit statuses."""

    def test_every_code_has_its_own_status(self) -> None:
        """The table is total over the API's codes, and no two share a status."""
        assert set(EXIT_STATUS) == set(schema().type_map["ErrorCode"].values)  # type: ignore[attr-defined]
        assert len(set(EXIT_STATUS.values())) == len(EXIT_STATUS)
        assert UNEXPECTED not in EXIT_STATUS.values()

    def test_an_unnamed_error_is_unexpected(self) -> None:
        """What the API could not name ends with 1."""
        assert exit_status(errors.ZookeeperError("bug")) == UNEXPECTED
        assert exit_status(errors.Transient("later")) == 12

    def test_the_message_goes_to_standard_error(self, run: Zoo) -> None:
        """Pipes get answers only."""
        result = run("pause", "Nobody")

        assert result.exit_code == 3
        assert result.stdout == ""
        assert "there is no instance 'Nobody'; there are: Rex" in result.stderr

    def test_no_zoo_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The address comes from ZOO_SERVER, and the message names it."""
        monkeypatch.setenv("ZOO_SERVER", "http://elsewhere:1")

        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        connector = Connector(lambda url: Zookeeper(url, transport=httpx.MockTransport(refuse)))
        result = CliRunner().invoke(zoo, ["models"], obj=connector)

        assert result.exit_code == 12
        assert "no zoo answers at http://elsewhere:1; start one with `zoo up`" in result.stderr

    def test_the_zoo_of_this_folder_is_meant(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a zoo runs, no address has to be given."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("ZOO_SERVER", raising=False)
        (tmp_path / ".zoo").mkdir()
        (tmp_path / ".zoo" / "lock").write_text('{"pid": 1, "url": "http://127.0.0.1:4321"}')
        asked: list[str] = []

        def note(url: str) -> Zookeeper:
            asked.append(url)
            return Zookeeper(url, transport=FakeZoo().transport)

        CliRunner().invoke(zoo, ["models"], obj=Connector(note))

        assert asked == ["http://127.0.0.1:4321"]


class TestBeforeTheVerb:
    """`zoo --server URL --json VERB` is `zoo VERB --server URL --json`."""

    @pytest.mark.parametrize(
        ("arguments", "server"),
        [
            (("--json", "--server", "http://first:1", "models"), "http://first:1"),
            (("--server", "http://first:1", "models", "--json"), "http://first:1"),
            (("--json", "models", "--server", "http://second:1"), "http://second:1"),
            (("--json", "--server", "http://first:1", "models", "--server", "http://second:1"), "http://second:1"),
            (("--json", "models"), "http://elsewhere:1"),
        ],
    )
    def test_options_before_the_verb_are_the_verbs(
        self, fake: FakeZoo, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], server: str
    ) -> None:
        """They precede ZOO_SERVER, and what stands after the verb precedes them."""
        monkeypatch.setenv("ZOO_SERVER", "http://elsewhere:1")
        asked: list[str] = []

        def note(url: str) -> Zookeeper:
            asked.append(url)
            return Zookeeper(url, transport=fake.transport)

        result = CliRunner().invoke(zoo, arguments, obj=Connector(note), catch_exceptions=False)

        assert asked == [server]
        assert [row["name"] for row in json.loads(result.stdout)] == ["Painter"]

    def test_a_verb_without_the_option_refuses_it(self, run: Zoo, fake: FakeZoo) -> None:
        """Nothing is done that was asked otherwise."""
        result = run("--json", "delete", "Rex")

        assert (result.exit_code, fake.asked) == (2, [])
        assert "--json" in result.stderr


class TestReading:
    """Verbs that show things."""

    @pytest.mark.parametrize(
        ("verb", "key"), [("models", "name"), ("environments", "name"), ("instances", "name"), ("worlds", "name")]
    )
    def test_json_is_what_the_api_answered(self, run: Zoo, fake: FakeZoo, verb: str, key: str) -> None:
        """--json prints a list of rows."""
        fake.worlds = [world_row("Arena")]

        rows = json.loads(run(verb, "--json").stdout)

        assert [row[key] for row in rows] == [
            {"models": "Painter", "environments": "CartPole", "instances": "Rex", "worlds": "Arena"}[verb]
        ]

    def test_pipes_are_plain(self, run: Zoo) -> None:
        """No colour, no lines, nothing cut: columns."""
        head, row = run("instances").stdout.splitlines()

        assert head.split()[:4] == ["name", "model", "environment", "phase"]
        assert row.startswith("Rex   CartPole learner")
        assert "\x1b" not in head + row

    def test_what_is_wrong_with_a_model_is_said(self, run: Zoo, fake: FakeZoo) -> None:
        """Findings stand below the table, outside of what a pipe gets."""
        fake.models = [model_row("Broken", findings=["line 3: syntax error"])]

        assert run("models").stderr == "Broken: line 3: syntax error\n"

    def test_a_model_that_cannot_be_launched_is_said_to_be_so(self, run: Zoo, fake: FakeZoo) -> None:
        """The API decides, not a word in a finding."""
        fake.models = [model_row("Broken", findings=["line 3: syntax error"], launchable=False)]

        assert run("models").stderr == "Broken cannot be launched: line 3: syntax error\n"

    def test_nothing_to_show(self, run: Zoo, fake: FakeZoo) -> None:
        """An empty list says what to do next, and not on standard output."""
        fake.instances = []
        result = run("instances")

        assert result.stdout == ""
        assert "launch one: zoo launch MODEL" in result.stderr

    def test_last_lines_of_a_log(self, run: Zoo, fake: FakeZoo) -> None:
        """-n takes from the end."""
        fake.instances[0]["logs"] = [{"at": f"t{n}", "stream": "stdout", "text": f"line {n}"} for n in range(5)]

        assert run("logs", "Rex", "-n", "2").stdout == "line 3\nline 4\n"
        assert run("logs", "Rex", "-n", "0").stdout == ""


class TestLaunch:
    """`zoo launch`."""

    def test_options_become_the_launch(self, run: Zoo, fake: FakeZoo) -> None:
        """Values are read by the parameter's type: text stays text."""
        result = run(
            "launch", "paint", "--env", "cart", "--param", "lr=1e-3", "--param", "greeting=12", "--env-param", "g=9.8",
            "--mode", "inference", "--seed", "1", "--paused", "--name", "Vincent", "--tag", "blue",
        )  # fmt: skip

        assert result.exit_code == 0
        assert fake.asked[0][1] == {
            "modelId": "mod_painter",
            "environmentId": "world_cartpole",
            "parameters": {"lr": 0.001, "greeting": "12"},
            "environmentParameters": {"g": 9.8},
            "mode": {"training": False, "inference": True},
            "seed": 1,
            "paused": True,
            "name": "Vincent",
            "tags": ["blue"],
        }
        assert result.stdout == "Vincent (ins_vincent) is PENDING\n"

    def test_waiting_tells_the_stages(self, run: Zoo, fake: FakeZoo) -> None:
        """Each stage is one line on standard error."""
        stages = iter(["importing torch", "importing torch", None])

        def next_stage(row: dict[str, object]) -> None:
            stage = next(stages)
            row.update(stage=stage, phase="STARTING" if stage else "RUNNING")

        fake.on_instance = next_stage
        result = run("launch", "Painter", "--wait")

        assert result.stdout == "Fresh (ins_fresh) is RUNNING\n"
        assert result.stderr.splitlines() == [
            "Fresh: waiting for a runner",
            "Fresh: importing torch",
            "Fresh: RUNNING",
        ]

    def test_a_failed_start_shows_its_traceback(self, run: Zoo, fake: FakeZoo) -> None:
        """The traceback goes to standard error, and the status is that of user code."""
        failure = {"code": "AINIMAL_FAULT", "message": "boom", "traceback": "Traceback: line 3"}
        fake.on_instance = lambda row: row.update(phase="FAILED", failure=failure)
        result = run("launch", "Painter", "--wait")

        assert result.exit_code == 14
        assert "Traceback: line 3" in result.stderr
        assert "Fresh is FAILED: boom" in result.stderr

    @pytest.mark.parametrize(
        ("arguments", "ending"),
        [
            (("launch", "Painter", "--wait"), r"Fresh \(ins_fresh\) goes on; to end it: zoo terminate ins_fresh"),
            (
                ("launch-world", "CartPole", "--wait"),
                r"Arena \(env_arena\) goes on; to end it: zoo terminate-world env_arena",
            ),
        ],
    )
    def test_an_interrupted_wait_says_what_goes_on(
        self, run: Zoo, fake: FakeZoo, arguments: tuple[str, ...], ending: str
    ) -> None:
        """Ctrl-C ends the wait, not what was launched."""
        fake.worlds = [world_row("Arena", phase="PENDING")]

        def interrupt(_row: dict[str, object]) -> None:
            raise KeyboardInterrupt

        fake.on_instance = fake.on_world = interrupt
        result = run(*arguments)

        assert result.exit_code == INTERRUPTED
        assert re.search(ending, result.stderr)

    @pytest.mark.parametrize("seed", ["99999999999", "-1"])
    def test_a_seed_out_of_range(self, run: Zoo, fake: FakeZoo, seed: str) -> None:
        """The message names the option and the range."""
        result = run("launch", "Painter", "--seed", seed)

        assert (result.exit_code, fake.asked) == (2, [])
        assert "'--seed'" in result.stderr
        assert "0<=x<=2147483647" in result.stderr

    def test_an_assignment_without_a_value(self, run: Zoo) -> None:
        """The message shows the form."""
        result = run("launch", "Painter", "--param", "lr")

        assert result.exit_code == 2
        assert "write --param name=value" in result.stderr


class TestWorlds:
    """Verbs for worlds on their own."""

    @pytest.fixture
    def fake(self, fake: FakeZoo) -> FakeZoo:
        fake.worlds = [world_row("Arena", phase="PENDING", stage="waiting for a runner")]
        return fake

    def test_a_launch_sends_the_kind_and_its_parameters(self, run: Zoo, fake: FakeZoo) -> None:
        """Values are read by the parameter's type; the answer names what to join."""
        result = run("launch-world", "cart", "--param", "g=1.6")

        assert result.stdout == "Arena (env_arena) is PENDING\n"
        assert fake.asked == [("environmentLaunch", {"environmentId": "world_cartpole", "parameters": {"g": 1.6}})]

    def test_waiting_tells_the_stages(self, run: Zoo, fake: FakeZoo) -> None:
        """Each stage is one line on standard error."""
        stages = iter(["loading the environment", None])

        def next_stage(row: dict[str, object]) -> None:
            stage = next(stages)
            row.update(stage=stage, phase="STARTING" if stage else "RUNNING")

        fake.on_world = next_stage
        result = run("launch-world", "CartPole", "--wait")

        assert result.stdout == "Arena (env_arena) is RUNNING\n"
        assert result.stderr.splitlines() == [
            "Arena: waiting for a runner",
            "Arena: loading the environment",
            "Arena: RUNNING",
        ]

    def test_a_world_that_breaks_shows_its_traceback(self, run: Zoo, fake: FakeZoo) -> None:
        """The status is that of the environment's code."""
        failure = {"code": "ENV_FAULT", "message": "no floor", "traceback": "Traceback: line 3"}
        fake.on_world = lambda row: row.update(phase="FAILED", failure=failure)
        result = run("launch-world", "CartPole", "--wait")

        assert result.exit_code == 15
        assert "Traceback: line 3" in result.stderr
        assert "Arena is FAILED: no floor" in result.stderr

    @pytest.mark.parametrize(
        ("verb", "mutation"), [("reset-world", "environmentReset"), ("terminate-world", "environmentTerminate")]
    )
    def test_a_verb_is_one_mutation(self, run: Zoo, fake: FakeZoo, verb: str, mutation: str) -> None:
        """A world goes by its name."""
        assert run(verb, "Arena").exit_code == 0
        assert fake.asked == [(mutation, {"environmentInstanceId": "env_arena"})]

    def test_an_end_can_be_waited_for(self, run: Zoo, fake: FakeZoo) -> None:
        """It returns once the world has ended."""
        fake.on_world = lambda row: row.update(phase="TERMINATED")

        assert run("terminate-world", "Arena", "--wait").stdout == "Arena (env_arena) is TERMINATED\n"


class TestSteering:
    """Verbs that change an instance."""

    @pytest.mark.parametrize(
        ("arguments", "mutation", "given"),
        [
            (["pause", "Rex"], "instancePause", {}),
            (["resume", "Rex"], "instanceResume", {}),
            (["step", "Rex", "3"], "instanceStep", {"count": 3}),
            (["rate", "Rex", "25"], "instanceRateSet", {"stepsPerSecond": 25.0}),
            (["rate", "Rex", "max"], "instanceRateSet", {"stepsPerSecond": None}),
            (["mode", "Rex", "training"], "instanceModeSet", {"mode": {"training": True, "inference": False}}),
            (
                ["update", "Rex", "--name", "Max", "--notes", "limps"],
                "instanceUpdate",
                {"name": "Max", "notes": "limps"},
            ),
            (["update", "Rex", "--tag", "calm", "--tag", "old"], "instanceUpdate", {"tags": ["calm", "old"]}),
            (["update", "Rex", "--tag", "", "--notes", ""], "instanceUpdate", {"tags": [], "notes": ""}),
            (["reset", "Rex"], "instanceReset", {}),
            (["terminate", "Rex"], "instanceTerminate", {}),
            (["delete", "Rex"], "instanceDelete", {}),
        ],
    )
    def test_a_verb_is_one_mutation(
        self, run: Zoo, fake: FakeZoo, arguments: list[str], mutation: str, given: dict[str, object]
    ) -> None:
        """Verbs send what they say."""
        result = run(*arguments)

        assert result.exit_code == 0
        assert fake.asked == [(mutation, {"instanceId": "ins_rex", **given})]

    def test_an_update_says_what_it_has_changed(self, run: Zoo) -> None:
        """One sentence, the row with --json, and a refusal when nothing is given."""
        assert run("update", "Rex", "--notes", "limps").stdout == "Rex (ins_rex) is updated\n"
        assert json.loads(run("update", "Rex", "--tag", "calm", "--json").stdout)["id"] == "ins_rex"
        assert run("update", "Rex").exit_code == 2

    def test_it_says_what_is_not_followed_yet(self, run: Zoo) -> None:
        """Asked is not done."""
        assert run("pause", "Rex").stdout == (
            "Rex (ins_rex) is RUNNING, mode both, at step 7 (asked; not yet followed)\n"
        )

    @pytest.mark.parametrize("rate", ["fast", "nan", "inf", "0", "1e7"])
    def test_a_rate_that_is_none(self, run: Zoo, fake: FakeZoo, rate: str) -> None:
        """The message names the argument, the value and what is allowed."""
        result = run("rate", "Rex", rate)

        assert (result.exit_code, fake.asked) == (2, [])
        assert "STEPS_PER_SECOND" in result.stderr
        assert f"{rate!r} is neither a number nor max: give steps per second, above 0" in result.stderr

    def test_as_fast_as_it_goes(self, run: Zoo, fake: FakeZoo) -> None:
        """max is no rate."""
        run("rate", "Rex", "MAX")
        run("rate", "Rex", "2.5")

        assert [given.get("stepsPerSecond") for _name, given in fake.asked] == [None, 2.5]

    @pytest.mark.parametrize("inputs", ['{"x": [1, 2]}', "-", "@FILE"])
    def test_inference_from_anywhere(self, run: Zoo, tmp_path: Path, inputs: str) -> None:
        """Inputs come from the command line, standard input or a file."""
        file = tmp_path / "inputs.json"
        file.write_text('{"x": [1, 2]}')

        result = run("infer", "Rex", inputs.replace("FILE", str(file)), input='{"x": [1, 2]}')

        assert json.loads(result.stdout) == {"x": [1, 2]}

    @pytest.mark.parametrize("inputs", ["{", "[1]", "@/no/such/file"])
    def test_inputs_that_are_none(self, run: Zoo, inputs: str) -> None:
        """What cannot be read is refused with the form."""
        assert run("infer", "Rex", inputs).exit_code == 2


class TestCheckpoints:
    """`zoo checkpoint`."""

    @pytest.fixture
    def fake(self, fake: FakeZoo) -> FakeZoo:
        fake.checkpoints = [checkpoint_row("calm", 20), checkpoint_row("wild", 10, instanceId="ins_ida")]
        return fake

    @pytest.mark.parametrize(
        ("arguments", "mutation", "given", "said"),
        [
            (
                ["save", "Rex", "--tag", "calm"],
                "checkpointSave",
                {"instanceId": "ins_rex", "tag": "calm"},
                f"Rex is saved as calm (chk_{20:040x}): step 20, 2,048 bytes\n",
            ),
            (
                ["restore", "Rex", "wild"],
                "checkpointRestore",
                {"instanceId": "ins_rex", "checkpointId": f"chk_{10:040x}"},
                "Rex (ins_rex) is RUNNING on timeline 0\n",
            ),
            (
                ["rm", "Painter", "wi"],
                "checkpointDelete",
                {"checkpointId": f"chk_{10:040x}"},
                f"wild (chk_{10:040x}) is removed\n",
            ),
        ],
    )
    def test_a_verb_is_one_mutation(
        self, run: Zoo, fake: FakeZoo, arguments: list[str], mutation: str, given: dict[str, object], said: str
    ) -> None:
        """Verbs send what they say, and say what was done."""
        result = run("checkpoint", *arguments)

        assert (result.exit_code, result.stdout) == (0, said)
        assert fake.asked == [(mutation, given)]

    def test_a_restore_can_be_waited_for(self, run: Zoo, fake: FakeZoo) -> None:
        """It returns once the instance runs from there."""
        fake.instances[0]["phase"] = "PENDING"
        looks = iter(["PENDING", "STARTING", "RUNNING"])
        fake.on_instance = lambda row: row.update(phase=next(looks), timeline=1)

        assert (
            run("checkpoint", "restore", "Rex", "calm", "--wait").stdout == "Rex (ins_rex) is RUNNING on timeline 1\n"
        )

    def test_a_list_is_of_a_model_or_of_an_instance(self, run: Zoo) -> None:
        """One of both has to be given."""
        of_model = json.loads(run("checkpoint", "ls", "Painter", "--json").stdout)
        of_instance = json.loads(run("--json", "checkpoint", "ls", "--instance", "Rex").stdout)

        assert [row["tag"] for row in of_model] == ["calm", "wild"]
        assert [row["tag"] for row in of_instance] == ["calm"]
        assert run("checkpoint", "ls").exit_code == 2
        assert run("checkpoint", "ls", "Painter", "--instance", "Rex").exit_code == 2

    def test_a_failed_save_says_why(self, run: Zoo, fake: FakeZoo) -> None:
        """With the status of what went wrong."""
        fake.user_errors = [{"code": "ALREADY_EXISTS", "message": "there is a tag calm already; choose another name"}]
        result = run("checkpoint", "save", "Rex", "--tag", "calm")

        assert (result.exit_code, result.stdout) == (4, "")
        assert "choose another name" in result.stderr

    def test_a_launch_from_one(self, run: Zoo, fake: FakeZoo) -> None:
        """By its tag."""
        run("launch", "Painter", "--checkpoint", "wild")

        assert fake.asked[0][1] == {"modelId": "mod_painter", "checkpointId": f"chk_{10:040x}"}

    @pytest.mark.parametrize("server", [("--server", "http://first:1"), ()])
    def test_options_may_stand_before_either_word(
        self, fake: FakeZoo, monkeypatch: pytest.MonkeyPatch, server: tuple[str, ...]
    ) -> None:
        """`zoo --json checkpoint --server URL ls MODEL` is `zoo checkpoint ls MODEL --server URL --json`."""
        monkeypatch.setenv("ZOO_SERVER", "http://elsewhere:1")
        asked: list[str] = []

        def note(url: str) -> Zookeeper:
            asked.append(url)
            return Zookeeper(url, transport=fake.transport)

        arguments = ["--json", "checkpoint", *server, "ls", "Painter"]
        result = CliRunner().invoke(zoo, arguments, obj=Connector(note), catch_exceptions=False)

        assert asked == [server[1] if server else "http://elsewhere:1"]
        assert len(json.loads(result.stdout)) == 2


class TestClone:
    """`zoo checkpoint clone`."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder in which an embedded zoo runs, whose model Painter has two checkpoints."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("ZOO_SERVER", raising=False)
        bucket = open_bucket(tmp_path / ".zoo" / "bucket")
        repository = Repository(bucket, "mod_painter")
        first = repository.save(snapshot(bucket, 1), "first")
        repository.save(snapshot(bucket, 2, first.commit), "second")
        (tmp_path / ".zoo" / "lock").write_text('{"pid": 1, "url": "http://127.0.0.1:4321"}')
        return tmp_path

    def test_git_reads_a_clone(self, run: Zoo, folder: Path, require_tool: ToolFinder) -> None:
        """On the machine of an embedded zoo, in its folder."""
        git = str(require_tool("git", "apt-get install git"))
        result = run("checkpoint", "clone", "Painter", "copy")

        assert result.stdout == f"{folder / 'copy'} has 2 checkpoints, second in its work tree\n"
        tags = subprocess.run([git, "tag"], cwd=folder / "copy", capture_output=True, text=True, check=True)
        assert tags.stdout.split() == ["first", "second"]

    def test_another_zoos_state_is_not_taken_for_it(self, run: Zoo, folder: Path) -> None:
        """A zoo elsewhere is refused, unless its state is named."""
        refused = run("checkpoint", "clone", "Painter", "copy", "--server", "http://elsewhere:1")
        named = run("checkpoint", "clone", "Painter", "copy", "--server", "http://elsewhere:1", "--state-dir", ".zoo")

        assert refused.exit_code == 2
        assert "is the state of http://127.0.0.1:4321, not of http://elsewhere:1" in refused.stderr
        assert named.exit_code == 0

    def test_a_zoo_of_another_machine(self, run: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The message says where to run it."""
        monkeypatch.chdir(tmp_path)
        result = run("checkpoint", "clone", "Painter", "copy")

        assert result.exit_code == 2
        assert "run this on the machine of the zoo" in result.stderr
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("profile", "todo"), [("gcp", "ask its operator"), ("emulators", "STORAGE_EMULATOR_HOST")])
    def test_a_bucket_out_of_reach(
        self, run: Zoo, fake: FakeZoo, monkeypatch: pytest.MonkeyPatch, profile: str, todo: str
    ) -> None:
        """What is in no folder of this machine is said to be so."""
        monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
        fake.profile = profile
        result = run("checkpoint", "clone", "Painter", "copy")

        assert result.exit_code == 2
        assert todo in result.stderr


class TestWatch:
    """`zoo watch`."""

    def test_values_by_lines(self, run: Zoo, fake: FakeZoo) -> None:
        """Step, path and value, separated by tabs; long arrays by dtype and shape."""
        tensor = {"dtype": "uint8", "shape": [64, 64, 3], "encoding": "JPEG", "data": "AAAA"}
        values = [value_row("env.reward", 3, scalar=0.5), value_row("env.frame", 4, tensor=tensor)]
        fake.streams = [[live_event(values=values)]]

        result = run("watch", "Rex", "env.reward", "env.frame")

        assert result.stdout == "3\tenv.reward\t0.5\n4\tenv.frame\tuint8[64, 64, 3] JPEG\n"

    def test_values_as_json_lines(self, run: Zoo, fake: FakeZoo) -> None:
        """One document a line; numbers that JSON lacks become text; --count ends it."""
        values = [value_row("metrics.loss", step, scalar="NaN") for step in range(3)]
        fake.streams = [[live_event(values=values)]]

        lines = run("watch", "Rex", "metrics.loss", "--json", "--count", "2").stdout.splitlines()

        assert [json.loads(line)["value"] for line in lines] == ["NaN", "NaN"]

    def test_without_a_path_it_lists_signals(self, run: Zoo, fake: FakeZoo) -> None:
        """So that paths need not be guessed."""
        modality = {"name": "reward", "kind": "SCALAR", "shape": [], "dtype": "float64"}
        fake.instances[0]["signals"] = [
            {"path": "env.reward", "observable": True, "overridable": False, "modality": modality}
        ]

        assert "env.reward" in run("watch", "Rex").stdout

    def test_a_sparkline_spans_its_numbers(self) -> None:
        """The least is the lowest bar, the greatest the highest, and what is not finite is marked."""
        assert sparkline([0, 1, 2, 3]) == "▁▃▆█"
        assert sparkline([float("nan"), 5.0]) == "?▁"
        assert sparkline([]) == ""


class TestDoctor:
    """`zoo doctor`."""

    def findings(self, result: Result) -> dict[str, tuple[str, str]]:
        return {item["check"]: (item["level"], item["next_step"]) for item in json.loads(result.stdout)}

    def test_a_healthy_zoo(self, run: Zoo, tmp_path: Path) -> None:
        """Everything that was looked at is ok or a warning, and the status is 0."""
        sqlite3.connect(tmp_path / "zoo.sqlite3").executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        result = run("doctor", "--json", "--state-dir", str(tmp_path))
        findings = self.findings(result)

        assert result.exit_code == 0
        assert findings["zoo"][0] == findings["database zoo.sqlite3"][0] == findings["state folder"][0] == "ok"

    @pytest.mark.parametrize(
        ("version", "level", "step"),
        [
            ((3, 9, 2), "fail", "install Python 3.11 or newer"),
            ((3, 10, 4), "warn", "for a zoo install Python 3.11 or newer; this runs models and `zoo`"),
            ((3, 11, 0), "ok", ""),
        ],
    )
    def test_an_old_python(self, version: tuple[int, ...], level: str, step: str) -> None:
        """What is enough for runners is not enough for a zoo."""
        finding = python_version(version)
        assert (finding.level, finding.next_step) == (level, step)

    def test_a_corrupt_database(self, run: Zoo, tmp_path: Path) -> None:
        """It fails, and says what to move away."""
        (tmp_path / "zoo.sqlite3").write_bytes(b"not a database, by far" * 100)
        result = run("doctor", "--json", "--state-dir", str(tmp_path))

        level, next_step = self.findings(result)["database zoo.sqlite3"]
        assert (result.exit_code, level) == (1, "fail")
        assert "move" in next_step

    def test_a_state_folder_that_is_a_file(self, run: Zoo, tmp_path: Path) -> None:
        """It fails with what is in the way."""
        (tmp_path / "file").touch()
        result = run("doctor", "--state-dir", str(tmp_path / "file"))

        assert result.exit_code == 1
        assert "is a file" in result.stdout

    def test_a_canary_is_removed_again(self, run: Zoo, fake: FakeZoo, tmp_path: Path) -> None:
        """It is launched, waited for, terminated and deleted."""
        looks = iter(["RUNNING", "TERMINATED"])
        fake.on_instance = lambda row: row.update(phase=next(looks))
        result = run("doctor", "--json", "--state-dir", str(tmp_path), "--canary", "Painter")

        assert self.findings(result)["canary"][0] == "ok"
        assert [name for name, _given in fake.asked] == ["instanceLaunch", "instanceTerminate", "instanceDelete"]


class TestDocumentation:
    """docs/cli.md."""

    @pytest.mark.parametrize("verb", list(VERBS))
    def test_every_verb_and_option_is_documented(self, verb: str) -> None:
        """What `zoo --help` shows stands in the documentation too, under the verb's heading."""
        sections = re.split(r"^## ", DOCUMENTATION.read_text(), flags=re.MULTILINE)
        section = next((text for text in sections if text.startswith(f"`zoo {verb}`")), "")
        shared = next(text for text in sections if text.startswith("Everywhere"))
        command = zoo.get_command(click.Context(zoo), verb)  # type: ignore[attr-defined]

        assert section, f"docs/cli.md has no heading for zoo {verb}"
        assert isinstance(command, click.Command)
        for each in [command, *(command.commands.values() if isinstance(command, click.Group) else ())]:
            for parameter in each.params:
                names = [*parameter.opts, *parameter.secondary_opts] if isinstance(parameter, click.Option) else []
                for name in names:
                    assert f"`{name}" in section + shared, f"docs/cli.md does not document {name} of zoo {verb}"

    def test_every_verb_of_a_group_is_documented(self) -> None:
        """By the line that is typed."""
        text = DOCUMENTATION.read_text()

        for verb in VERBS:
            group = zoo.get_command(click.Context(zoo), verb)  # type: ignore[attr-defined]
            for name in group.commands if isinstance(group, click.Group) else ():
                assert f"`zoo {verb} {name}" in text

    def test_every_exit_status_is_documented(self) -> None:
        """The table of statuses is complete."""
        text = DOCUMENTATION.read_text()

        assert all(f"| {status} | {code} |" in text for code, status in EXIT_STATUS.items())
        assert f"| {INTERRUPTED} | |" in text

    def test_options_of_every_verb_may_come_first(self) -> None:
        """What `zoo` takes itself stands under "Everywhere"."""
        shared = DOCUMENTATION.read_text().split("## Everywhere")[1].split("\n## ")[0]

        assert "before the verb" in shared
        assert {name for parameter in zoo.params for name in parameter.opts} <= {"--version", "--server", "--json"}
