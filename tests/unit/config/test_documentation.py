"""What is said of the configuration agrees with what it takes."""

from __future__ import annotations

import inspect
import json
import os
import re
from pathlib import Path

import pytest
from ainimal_zookeeper import config
from ainimal_zookeeper.config.keys import TABLES, TYPES

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs" / "configuration.md").read_text()
HEADINGS = {"the zoo": "## The zoo", "server": "## The zoo"}
CLASSES = {
    config.Server: "the zoo",
    config.PythonModel: "models",
    config.PackedModel: "models",
    config.LocalModelProvider: "model_providers",
    config.GymnasiumEnvironment: "environments",
    config.PythonEnvironment: "environments",
    config.DmEnvironment: "environments",
    config.LocalComputeProvider: "compute_providers",
    config.Launch: "launch",
    config.SideProcess: "launch_etc",
}


def chapter(table: str) -> str:
    heading = HEADINGS.get(table, f"## `{table}`")
    return REFERENCE.split(f"\n{heading}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_documented(table: str) -> None:
    """Each key has a row in the table of its chapter, and each row is a key."""
    rows = set(re.findall(r"^\| `(\w+)`", chapter(table), re.MULTILINE))
    keys = set(TABLES[table])

    assert keys <= rows
    assert rows <= keys or table == "server"


def test_every_other_name_of_a_key_is_documented() -> None:
    """The older words for keys stand beside them."""
    aliases = [(table, alias) for table, keys in TABLES.items() for key in keys.values() for alias in key.aliases]

    assert [alias for table, alias in aliases if f"(`{alias}`)" not in chapter(table)] == []


def test_every_type_is_documented() -> None:
    """All that may stand behind `type` is listed."""
    missing = [
        name
        for table, names in TYPES.items()
        for name in names
        if f"`{name}`" not in chapter(table) and f"`type: {name}`" not in chapter(table)
    ]
    assert missing == []


@pytest.mark.parametrize("written", CLASSES, ids=lambda written: written.__name__)
def test_python_classes_take_the_keys_of_their_table(written: type) -> None:
    """No argument of a class is a key that does not exist."""
    arguments = set(inspect.signature(written).parameters) - {"unknown"}

    assert arguments <= set(TABLES[CLASSES[written]])
    assert written.__name__ + "(" in REFERENCE


def test_every_key_can_be_said_in_python() -> None:
    """Together the classes of a section have all its keys but `type`, which the class itself tells."""
    for table, keys in TABLES.items():
        arguments = {
            name
            for written, of_table in CLASSES.items()
            if of_table == table
            for name in inspect.signature(written).parameters
        }
        left_out = {"type", "server", "authentication_providers", "authorization_provider"}
        assert table == "server" or set(keys) - left_out <= arguments


def test_the_two_examples_offer_the_same() -> None:
    """zoo.py and docs/zoo.yaml describe the same zoo."""
    in_python = config.load(ROOT / "zoo.py", os.environ).compile()
    in_yaml = config.load(ROOT / "docs" / "zoo.yaml", os.environ).compile()

    def offered(compilation: config.Compilation) -> object:
        models = [{**model, "source": "", "specJson": ""} for model in compilation.models]
        worlds = [
            {**world, "specJson": {**json.loads(world["specJson"]), "path": ""}} for world in compilation.environments
        ]
        settings = {**compilation.configuration, "revision": ""}
        return models, worlds, settings, compilation.launches, compilation.port

    assert offered(in_yaml) == offered(in_python)


def test_the_snippets_of_the_reference_work(tmp_path: Path) -> None:
    """The zoo of the first chapter compiles in both languages, to the same port."""
    (tmp_path / "models").mkdir()
    snippets = dict(re.findall(r"```(python|yaml)\n(.*?)```", REFERENCE, re.DOTALL))
    (tmp_path / "zoo.py").write_text(snippets["python"])
    (tmp_path / "zoo.yaml").write_text(snippets["yaml"])

    compiled = [config.load(tmp_path / name, os.environ).compile() for name in ("zoo.py", "zoo.yaml")]
    assert [compilation.environments[0]["maxInstances"] for compilation in compiled] == [4, 4]
