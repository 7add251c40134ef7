"""Zoos in Python: `Server(...)` is checked like YAML, and zoo.py is run, found and blamed by line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper import (
    ConfigurationError,
    DmEnvironment,
    GymnasiumEnvironment,
    Launch,
    LocalModelProvider,
    PythonEnvironment,
    PythonModel,
    Server,
    SideProcess,
    config,
)
from ainimal_zookeeper.domain.errors import InvalidInput

from tests.unit.config.zoos import furnish, problems


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    return furnish(tmp_path)


def test_models_say_when_they_are_saved_by_themselves(zoo: Path) -> None:
    """Each key alone or together, for one model or for all of a provider; without any nothing is said."""
    compiled = Server(
        model_providers=[LocalModelProvider(root=zoo / "models", autosave_minutes=2.5, autosave_steps=500)],
        models=[
            PythonModel(zoo / "models" / "walker.py", name="Kept", keep_checkpoints=10),
            PythonModel(zoo / "models" / "walker.py", name="Plain"),
        ],
    ).compile()
    said = {model["name"]: json.loads(model["specJson"]).get("autosave") for model in compiled.models}
    assert said == {
        "Kept": {"steps": None, "minutes": None, "keep": 10},
        "Plain": None,
        "Walker": {"steps": 500, "minutes": 2.5, "keep": None},
    }


def test_models_say_whose_tags_stay_in_the_zoo(zoo: Path) -> None:
    """Tags go where the source is unless a model, or the provider of it, says no."""
    compiled = Server(
        model_providers=[LocalModelProvider(root=zoo / "models", push_checkpoints=False)],
        models=[
            PythonModel(zoo / "models" / "walker.py", name="Told", push_checkpoints=True),
            PythonModel(zoo / "models" / "walker.py", name="Plain"),
        ],
    ).compile()
    said = {model["name"]: json.loads(model["specJson"]).get("push_checkpoints") for model in compiled.models}
    assert said == {"Told": None, "Plain": None, "Walker": False}


def test_models_say_how_far_back_they_can_be_recorded(zoo: Path) -> None:
    """Nothing unless it is said; 0 is not at all."""
    compiled = Server(
        model_providers=[LocalModelProvider(root=zoo / "models", flight_seconds=0)],
        models=[
            PythonModel(zoo / "models" / "walker.py", name="Long", flight_seconds=60),
            PythonModel(zoo / "models" / "walker.py", name="Plain"),
        ],
    ).compile()
    said = {model["name"]: json.loads(model["specJson"]).get("flight") for model in compiled.models}
    assert said == {"Long": {"seconds": 60.0}, "Plain": None, "Walker": {"seconds": 0.0}}


@pytest.mark.parametrize(
    "wrong", [{"autosave_minutes": 0}, {"autosave_steps": 0}, {"keep_checkpoints": -1}, {"flight_seconds": -1}]
)
def test_when_to_save_is_a_number_above_0(zoo: Path, wrong: dict[str, Any]) -> None:
    """Whoever wants none leaves the key out; the message names the key."""
    with pytest.raises(ConfigurationError, match=rf"{next(iter(wrong))}.* must be a (whole )?number of"):
        Server(models=[PythonModel(zoo / "models" / "walker.py", **wrong)]).compile()


def test_a_server_offers_what_it_is_made_of(zoo: Path) -> None:
    """Objects, plain dicts and bare commands may be mixed; types come from the classes."""
    compiled = Server(
        name="mine",
        port=0,
        model_providers=[LocalModelProvider(root=zoo / "models")],
        models=[PythonModel(zoo / "models" / "walker.py", name="Strider", rate=2), {"path": zoo / "models/walker.py"}],
        environments=[
            GymnasiumEnvironment("CartPole-v1", num_envs=4, max_instances=-1),
            PythonEnvironment(path=zoo / "field.py", class_name="Field", max_instances=10, step_function="step"),
            DmEnvironment(zoo / "field.py", name="Meadow", max_connected=2, step_timeout=1),
        ],
        launch=[Launch("Strider", "Meadow", name="first", parameters={"depth": 2}, environment_parameters={"size": 5})],
        launch_etc=[SideProcess("sleep 1", name="nap"), {"cmd": "sleep 2"}, "sleep 3"],
    ).compile()

    assert [model["name"] for model in compiled.models] == ["Strider", "Walker", "Walker"]
    assert len({model["id"] for model in compiled.models}) == 3
    assert [(world["type"], world["maxInstances"], world["maxConnected"]) for world in compiled.environments] == [
        ("gymnasium", None, 1),
        ("python_class", 10, 1),
        ("dm_env", None, 2),
    ]
    assert json.loads(compiled.environments[2]["specJson"])["step_timeout"] == 1.0
    assert compiled.launches[0]["environmentParameters"] == {"size": 5}
    assert [process.name for process in compiled.processes] == ["nap", "sleep", "sleep-2"]
    assert compiled.port == 0


def test_all_mistakes_of_a_server_are_reported_at_once(zoo: Path) -> None:
    """Unknown arguments, wrong types, missing ones and misplaced objects: one error, with the line of each object."""
    with pytest.raises(ConfigurationError) as caught:
        Server(
            prot=1,
            port="80",  # type: ignore[arg-type]
            models=[GymnasiumEnvironment("A-v1")],  # type: ignore[list-item]
            environments=[PythonEnvironment(zoo / "gone.py", max_instance=1)],
            model_providers=[LocalModelProvider()],
        )

    found = {problem.path: problem.message for problem in caught.value.problems}
    assert found == {
        "prot": "unknown key 'prot'; did you mean 'port'?",
        "port": "must be a port from 0 to 65535, not the text '80'; remove the quotes",
        "models[0]": "GymnasiumEnvironment belongs in environments",
        "environments[0].path": f"'{zoo}/gone.py' does not exist",
        "environments[0].max_instance": "unknown key 'max_instance'; did you mean 'max_instances'?",
        "model_providers[0]": "the key 'root' is missing",
    }
    assert {problem.place.file for problem in caught.value.problems} == {Path(__file__)}
    lines = {problem.path: problem.place.line for problem in caught.value.problems}
    source = Path(__file__).read_text().splitlines()
    assert "PythonEnvironment(" in source[(lines["environments[0].path"] or 0) - 1]


def test_listen_hands_over_to_the_host(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`listen` compiles and runs the host, with its own arguments before the configured ones."""
    import ainimal_zookeeper.server as host

    calls: list[dict[str, object]] = []
    monkeypatch.setattr(host, "run", lambda compilation, **given: calls.append({"name": compilation.port, **given}))
    Server(port=4000, state_dir=zoo, no_auth=True).listen("4001")

    assert calls == [
        {"name": 4001, "host": "127.0.0.1", "port": 4001, "client": True, "insecure": True, "profile": "embedded"}
    ]


@pytest.mark.parametrize("port", ["http", "-1", 70000, "8e3", ""])
def test_listen_names_a_bad_port(port: str) -> None:
    """A port that comes from a variable is checked like a written one."""
    with pytest.raises(InvalidInput, match="must be a whole number from 0 to 65535"):
        Server().listen(port)


ZOO_FILES = {
    "variable server": ("server = Server(name='chosen')\nother = Server(name='other')", "chosen"),
    "any variable": ("keeper = Server(name='chosen')", "chosen"),
    "the one that listens": ("a = Server(name='other')\nb = Server(name='chosen')\nb.listen(4000)", "chosen"),
    "nameless": ("Server(name='chosen').listen()", "chosen"),
    "in the guard": ("if __name__ == '__main__':\n    Server(name='chosen').listen()", "chosen"),
    "in a function": ("def main():\n    Server(name='chosen').listen()\nmain()", "chosen"),
    "with its neighbours": ("import neighbour\nserver = Server(name=neighbour.NAME)", "chosen"),
    "with its secrets": ("import os\nserver = Server(name=os.environ['ZOO_NAME_FOR_TEST'])", "chosen"),
    "with a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'int' = 1\nserver = Server(name='chosen')",
        "chosen",
    ),
}


@pytest.mark.parametrize(("text", "name"), ZOO_FILES.values(), ids=ZOO_FILES)
def test_the_server_of_a_zoo_py_is_found(zoo: Path, text: str, name: str) -> None:
    """However the file holds its server, `load` returns it, and nothing listens."""
    (zoo / "neighbour.py").write_text("NAME = 'chosen'")
    (zoo / ".env.local").write_text("ZOO_NAME_FOR_TEST=chosen")
    (zoo / "zoo.py").write_text("from ainimal_zookeeper import Server\n" + text)
    sys.modules.pop("neighbour", None)
    before = dict(sys.modules)

    assert config.load(zoo / "zoo.py", {}).compile().configuration["name"] == name
    assert sys.modules.get("__main__") is before["__main__"]
    assert str(zoo) not in sys.path


def test_listen_in_a_zoo_py_says_where(zoo: Path) -> None:
    """The arguments of a `listen` that was only noted count."""
    (zoo / "zoo.py").write_text("from ainimal_zookeeper import Server\nServer(port=1).listen(4000, host='::1')")

    compiled = config.load(zoo / "zoo.py", {}).compile()
    assert (compiled.port, compiled.host) == (4000, "::1")


BROKEN_FILES = {
    "raises": ("x = 1\nraise RuntimeError('no food')", "2: : RuntimeError: no food"),
    "raises deeper": (
        "import json\n\njson.loads('[')",
        "3: : JSONDecodeError: Expecting value: line 1 column 2 (char 1) (raised in ",
    ),
    "leaves": ("import sys\nsys.exit(3)", "2: : SystemExit: 3"),
    "not Python": ("def f(:\n", "1: : is not Python: "),
    "wrong name": ("serve = Sever()", "1: : NameError: name 'Sever' is not defined"),
    "missing variable": (
        "import os\nos.environ['NOT_SET_AT_ALL']",
        "2: : KeyError: 'NOT_SET_AT_ALL'; this variable is not set: export it or write it into .env.local",
    ),
    "no server": ("x = 1", "None: : makes no Server; write: server = Server(...)"),
    "two servers": (
        "from ainimal_zookeeper import Server\na = Server()\nb = Server()",
        "None: : makes 2 servers (a, b); call the one to run `server`",
    ),
    "bad server": (
        "from ainimal_zookeeper import Server\n\nserver = Server(prot=1)",
        "3: prot: unknown key 'prot'; did you mean 'port'?",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_broken_zoo_py_is_blamed_by_line(zoo: Path, text: str, expected: str) -> None:
    """Whatever the operator's file raises becomes one problem at the line of that file that led to it."""
    found = problems(zoo, text, name="zoo.py")

    assert len(found) == 1
    assert found[0].startswith(expected)


def test_what_a_zoo_py_raises_never_shows_secrets(zoo: Path) -> None:
    """Neither the message nor the chain of exceptions has the value."""
    (zoo / ".env.local").write_text("TOKEN=hunter2-hunter2")
    (zoo / "zoo.py").write_text("import os\nint(os.environ['TOKEN'])")
    with pytest.raises(ConfigurationError) as caught:
        config.load(zoo / "zoo.py", {})

    assert "invalid literal for int() with base 10: '***'" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
