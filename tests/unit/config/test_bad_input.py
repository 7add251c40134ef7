"""Each mistake in a configuration is named, with its line, its path and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ainimal_zookeeper import config

from tests.unit.config.zoos import furnish, load, problems


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    return furnish(tmp_path)


MISTAKES = yaml.safe_load((Path(__file__).parent / "mistakes.yaml").read_text())


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(zoo: Path, mistake: dict[str, str]) -> None:
    """The one problem says line, path, what is wrong and what to do."""
    assert problems(zoo, mistake["zoo"]) == [mistake["says"].replace("{zoo}", str(zoo))]


def test_all_mistakes_are_reported_at_once(zoo: Path) -> None:
    """One error lists every problem in the order of the file, each with its file and line."""
    with pytest.raises(config.ConfigurationError) as caught:
        load(zoo, "prt: 1\nno_auth: true,\nmodels:\n  - path: gone.py\nname: ''\n")

    assert caught.value.message.splitlines() == [
        "the configuration has 4 problems:",
        f"  {zoo}/zoo.yaml:1: prt: unknown key 'prt'; did you mean 'port'?",
        f"  {zoo}/zoo.yaml:2: no_auth: must be true or false, not the text 'true,'; remove the comma",
        f"  {zoo}/zoo.yaml:4: models[0].path: 'gone.py' does not exist (looked for {zoo}/gone.py)",
        f"  {zoo}/zoo.yaml:5: name: is empty",
    ]
    assert caught.value.code == "INVALID_INPUT"


def test_a_type_that_is_not_settled_hides_no_other_mistake(zoo: Path) -> None:
    """What is certainly wrong is said together with the type, whichever of its alternatives is chosen."""
    text = "envs:\n  - type: gym.Env | dm_env.Env\n    path: gone.py\n    max_instances: -1,\n    later: 1\n"

    assert [found.partition(": ")[2].partition(":")[0] for found in problems(zoo, text)] == [
        "envs[0].type",
        "envs[0].path",
        "envs[0].max_instances",
    ]


def test_a_type_of_later_hides_no_mistake_in_what_every_type_has(zoo: Path) -> None:
    """What only that type could explain, such as its path, is not examined; what is the same for all is."""
    text = (
        "envs:\n  - type: pyros\n    path: limbs.ros\n    autostart: true,\n    max_instances: 1,\n"
        "models:\n  - type: .tflite\n    path: a.tflite\n    rate: -1\n    layers: 3\n"
        "model_hubs:\n  - type: github\n    name: ''\n    root: nowhere\n"
    )

    assert [found.partition(": ")[2].partition(": ")[0] for found in problems(zoo, text)] == [
        "envs[0].type",
        "envs[0].autostart",
        "envs[0].max_instances",
        "models[0].type",
        "models[0].rate",
        "model_hubs[0].type",
        "model_hubs[0].name",
    ]


JSON_MISTAKES = {
    "with tabs": ('{\n\t"server":\t{\n\t\t"port":\t-1\n\t}\n}',
                  "3: server.port: must be a port from 0 to 65535, not -1"),
    "key twice": ('{"port": 1,\n "port": 2}', "2: port: 'port' is given already in line 1; keep one of them"),
    "escapes": ('{\n"name": "\\ud83d\\udc2f\\/",\n"prt": "x"}', "3: prt: unknown key 'prt'; did you mean 'port'?"),
    "trailing comma": ('{\n"port": 1,\n}', None),
    "cut off": ('{"port": ', "1: : is not JSON: Expecting value (column 10)"),
    "empty": ("", "1: : is not JSON: Expecting value (column 1)"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), JSON_MISTAKES.values(), ids=JSON_MISTAKES)
def test_json_is_checked_like_yaml(zoo: Path, text: str, expected: str | None) -> None:
    """JSON has the same checks with the same lines, tabs and escapes included."""
    found = problems(zoo, text, name="zoo.json")

    assert len(found) == 1
    assert found[0] == expected if expected is not None else "is not JSON" in found[0]


def test_aliases_of_aliases_do_not_fill_the_memory(zoo: Path) -> None:
    """Eight lines could stand for a billion values."""
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
    (found,) = problems(zoo, "\n".join(lines))

    assert "makes more than 100,000 values; use fewer aliases (*) of aliases" in found


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A missing file, a folder without a configuration, bytes and foreign endings each get a sentence."""

    def message(path: Path) -> str:
        with pytest.raises(config.ConfigurationError) as caught:
            config.load(path, {})
        return str(caught.value.problems[0])

    (tmp_path / "empty").mkdir()
    (tmp_path / "zoo.ini").touch()
    (tmp_path / "zoo.yaml").write_bytes(b"name: ok\nhost: \xff")
    (tmp_path / "dir.yaml").mkdir()

    assert message(tmp_path / "gone.yaml") == f"{tmp_path}/gone.yaml: does not exist"
    assert (
        message(tmp_path / "empty")
        == f"{tmp_path}/empty: has no configuration: none of zoo.py, zoo.yaml, zoo.yml, zoo.json"
    )
    assert "must end in .py, .yaml, .yml or .json" in message(tmp_path / "zoo.ini")
    assert message(tmp_path / "zoo.yaml") == f"{tmp_path}/zoo.yaml:2: is not UTF-8 text; save it as UTF-8"


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "{}", "models:\nenvs: []\nlaunch_etc:\nauthentication_providers: []"]
)
def test_what_is_empty_is_no_mistake(tmp_path: Path, text: str) -> None:
    """Keys without a value count as not given, and an empty zoo is a zoo."""
    assert problems(tmp_path, text) == []
