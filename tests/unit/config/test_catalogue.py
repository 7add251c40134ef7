"""What model files offer is read without running them, and noticed when it changes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper import LocalModelProvider, PackedModel, Server
from ainimal_zookeeper.config.source import read_source
from ainimal_zookeeper.domain.documents import ModelDoc


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def models(root: Path, **settings: Any) -> list[ModelDoc]:
    return Server(model_providers=[LocalModelProvider(root, **settings)]).compile().models


OFFERED = {
    "subclass": ("class A(AInimal):\n  def forward(self, x): ...", ["A"]),
    "subclass by its package": ("class A(ainimal_zookeeper.AInimal.Agent):\n  def forward(self, x): ...", ["A"]),
    "subclass of a subclass": ("class A(AInimal): ...\nclass B(A):\n  def forward(self, x): ...", ["B"]),
    "plain classes": (
        """
class A:
  def act(self, x): ...
class B:
  def predict(self, x): ...
class C:
  def __call__(self): ...
class D:
  async def forward(self, x): ...
class E:
  def run(self): ...
""",
        ["A", "B", "C", "D"],
    ),
    "parts of a model": (
        "class Layer(nn.Module):\n  def forward(self, x): ...\nclass A(AInimal):\n  def forward(self, x): ...",
        ["A"],
    ),
    "private and abstract": (
        "class _A:\n  def act(self): ...\nclass B(Protocol):\n  def act(self): ...\nclass C(Enum):\n  act = 1",
        [],
    ),
    "worlds": (
        """
class A(AInimal.Env):
  def act(self): ...
class B:
  def reset(self): ...
  def step(self, a): ...
  def act(self): ...
class C(gym.Env[int, int]):
  def __call__(self): ...
""",
        [],
    ),
    "inside functions": ("def f():\n  class A(AInimal): ...", []),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("text", "names"), OFFERED.values(), ids=OFFERED)
def test_the_right_classes_are_models(root: Path, text: str, names: list[str]) -> None:
    """Those that declare themselves, else those that can act; never worlds, parts, private or abstract ones."""
    (root / "file.py").write_text(text)

    assert [model["name"] for model in models(root)] == names


@pytest.mark.filterwarnings("error")
def test_odd_escape_sequences_are_the_authors_business(root: Path) -> None:
    """What Python only warns of is not reported by the zoo."""
    (root / "file.py").write_text("class A:\n  x = '\\d'\n  def act(self): ...")

    assert models(root)[0]["findings"] == []


def test_nothing_is_executed(root: Path) -> None:
    """Reading a file has no effect, whatever the file would do."""
    (root / "file.py").write_text("raise SystemExit\nclass A:\n  def act(self): ...")

    assert [model["name"] for model in models(root)] == ["A"]


def test_private_hidden_and_test_files_are_left_out(root: Path) -> None:
    """Only what an author means to offer is offered, subfolders included."""
    places = ["a.py", "sub/b.py", "_c.py", ".d.py", "test_e.py", "conftest.py", "tests/f.py", "_x/g.py", ".venv/h.py",
              "env/pyvenv.cfg", "env/i.py", "j.txt"]  # fmt: skip
    for place in places:
        (root / place).parent.mkdir(exist_ok=True)
        (root / place).write_text("class A:\n  def act(self): ...")
    found = models(root)

    assert [Path(model["source"]).relative_to(root).as_posix() for model in found] == ["a.py", "sub/b.py"]
    assert len({model["id"] for model in found}) == 2


def test_declared_parameters_are_read_as_literals(root: Path) -> None:
    """AINIMAL_PARAMETERS, also inherited or annotated, become typed parameters; the docstring the description."""
    (root / "file.py").write_text(
        'class Base(AInimal):\n  AINIMAL_PARAMETERS: list = [{"name": "rate", "type": "float", "default": 1, '
        '"range": [0, 2]}]\n\nclass A(Base):\n  """Walks far."""\n  def __init__(self, other=1): ...\n'
        "  def forward(self, x): ..."
    )
    [model] = models(root)

    assert model["description"] == "Walks far."
    assert model["findings"] == []
    assert [(one["name"], one["type"], one["defaultJson"], one["maximum"]) for one in model["parameters"]] == [
        ("rate", "float", "1.0", 2)
    ]


@pytest.mark.parametrize(
    ("declared", "finding"),
    [
        ("make()", "line 2: AINIMAL_PARAMETERS is not a literal"),
        ("'rate'", "line 2: AINIMAL_PARAMETERS is str; it must be a list of dicts"),
        ("[{'name': 'a', 'typ': 'int'}]", "line 2: AINIMAL_PARAMETERS: parameter a: unknown key 'typ'"),
        (
            "[{'name': 'a', 'type': 'int', 'default': 11, 'range': [1, 10]}]",
            "parameter a is 11; it must be from 1 to 10",
        ),
        ("[3]", "line 2: AINIMAL_PARAMETERS: a parameter is a mapping"),
        ("[{'name': 'a'}, {'name': 'a'}]", "line 2: AINIMAL_PARAMETERS: a is declared twice"),
    ],
)
def test_bad_declarations_are_findings(root: Path, declared: str, finding: str) -> None:
    """What is wrong with a declaration is shown with its line, and the model is offered all the same."""
    (root / "file.py").write_text(f"class A:\n  AINIMAL_PARAMETERS = {declared}\n  def act(self): ...")
    [model] = models(root)

    assert len(model["findings"]) == 1
    assert finding in model["findings"][0]


def test_constructors_show_parameters_when_none_are_declared(root: Path) -> None:
    """Types come from annotations, else from defaults; what the zoo itself gives is left out."""
    (root / "file.py").write_text(
        "class A:\n  def __init__(self, must, a: int, b=0.5, c: 'float | None' = None, d: Optional[int] = None, "
        "e: Literal['x', 'y'] = 'x', f=True, g=(1, 2), h: float = 1, i=make(), save_path='', *args, j: str = 'k', "
        "**more): ...\n  def act(self): ..."
    )
    [model] = models(root)

    assert [
        (one["name"], one["type"], one["defaultJson"], one["choicesJson"], one["required"])
        for one in model["parameters"]
    ] == [
        ("must", "json", None, None, True),
        ("a", "int", None, None, True),
        ("b", "float", "0.5", None, False),
        ("c", "float", "null", None, False),
        ("d", "int", "null", None, False),
        ("e", "str", '"x"', '["x", "y"]', False),
        ("f", "bool", "true", None, False),
        ("g", "json", "[1, 2]", None, False),
        ("h", "float", "1.0", None, False),
        ("j", "str", '"k"', None, False),
    ]
    names = ", ".join(one["name"] for one in model["parameters"])
    assert model["findings"] == [
        "line 2: the default of i is not plain JSON, so launches do not offer it",
        f"parameters were inferred from the constructor: {names}; AINIMAL_PARAMETERS would declare them",
    ]


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (b"x = 1\nclass A(:\n", "broken.py line 2: "),
        (b"x = '\xff'\n", "broken.py line "),
        (b"x = 1\0\n", "broken.py "),
    ],
)
def test_a_broken_file_is_a_finding_and_harms_nobody(root: Path, content: bytes, finding: str) -> None:
    """It stands in the catalogue with its line, beside the models of the other files."""
    (root / "broken.py").write_bytes(content)
    (root / "good.py").write_text("class A:\n  def act(self): ...")
    broken, good = models(root)

    assert (broken["name"], good["name"]) == ("broken", "A")
    assert broken["findings"][0].startswith(finding)
    assert broken["defect"] == broken["findings"][0]
    assert good["findings"] == []
    assert good["defect"] is None


def test_a_huge_file_leaves_room_for_the_others(root: Path) -> None:
    """A model is one document of bounded size: long descriptions are cut, too many parameters are a finding."""
    declared = [{"name": f"p{number}", "type": "str", "default": "x" * 500} for number in range(1_000)]
    (root / "a.py").write_text(f'class A:\n  """{"x" * 2_000_000}"""\n  def act(self): ...')
    (root / "b.py").write_text(f"class B:\n  AINIMAL_PARAMETERS = {declared!r}\n  def act(self): ...")
    long, many = models(root)

    assert len(long["description"] or "") == 10_000
    assert (many["parameters"], len(many["findings"])) == ([], 1)
    assert many["findings"][0].startswith("line 1: its parameters take ")


def test_a_file_whose_name_is_no_text_is_left_out(root: Path) -> None:
    """No document can hold such a name; the files beside it are offered."""
    for name in (b"a.py", b"\xff.py"):
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_text("class A:\n  def act(self): ...")

    assert [Path(model["source"]).name for model in models(root)] == ["a.py"]


def test_a_launch_survives_a_broken_file(root: Path) -> None:
    """The model it names may be in the broken file: the zoo starts without that launch."""
    (root / "broken.py").write_text("class A(:")
    compiled = Server(model_providers=[LocalModelProvider(root)], launch=[{"model": "A"}]).compile()

    assert compiled.launches == []
    assert len(compiled.models) == 1


def test_a_provider_offers_worlds_only_when_asked(root: Path) -> None:
    """`environments=True` lists classes that are worlds; one named in the configuration goes first."""
    (root / "file.py").write_text(
        "class Field:\n  def __init__(self, size=3): ...\n  def reset(self): ...\n  def step(self, a): ..."
    )

    def worlds(**settings: Any) -> list[tuple[str, int | None]]:
        compiled = Server(
            model_providers=[LocalModelProvider(root, environments=settings.pop("offer", None))], **settings
        ).compile()
        return [(world["id"], world["maxInstances"]) for world in compiled.environments]

    assert worlds() == []
    assert worlds(offer=True) == [("world_field", None)]
    assert worlds(offer=True, environments=[{"path": root / "file.py", "max_instances": 2}]) == [("world_field", 2)]


def test_changes_are_noticed_and_nothing_else_costs(root: Path) -> None:
    """Compiling again returns the same object until a file changes, appears or goes; ids stay."""
    path = root / "file.py"
    path.write_text("class A:\n  def act(self): ...")
    server = Server(model_providers=[LocalModelProvider(root)])
    first = server.compile()
    assert server.compile() is first
    assert first.recompile() is first

    path.write_text("class A:\n  def act(self): ...\nclass B:\n  def act(self): ...")
    os.utime(path, ns=(1, 1))  # clocks of file systems are coarse
    second = server.compile()
    path.unlink()
    third = server.compile()

    assert [model["name"] for model in second.models] == ["A", "B"]
    assert second.models[0]["id"] == first.models[0]["id"]
    assert second.models[0]["revision"] != first.models[0]["revision"]
    assert second.configuration["revision"] != first.configuration["revision"]
    assert third.models == []


def test_a_named_model_that_breaks_later_is_a_finding(root: Path) -> None:
    """At the start a missing class is a mistake; later it is shown, and the zoo goes on."""
    path = root / "file.py"
    path.write_text("class A:\n  def act(self): ...")
    server = Server(models=[{"path": path, "class_name": "A"}])
    path.write_text("class Other:\n  def act(self): ...")
    os.utime(path, ns=(1, 1))
    [model] = server.compile().models

    assert model["findings"] == [f"there is no 'A' in {path}; there are: Other"]


def test_names_that_only_a_run_can_know_are_taken_on_trust(root: Path) -> None:
    """A class that is imported or made by a call may be named."""
    path = root / "file.py"
    path.write_text("from elsewhere import *\n")
    assert Server(models=[{"path": path, "class_name": "Anything"}]).compile().models[0]["name"] == "Anything"
    path.write_text("A = make()\nfrom b import B\n")
    os.utime(path, ns=(2, 2))

    assert read_source(path).names == frozenset({"A", "B"})
    assert Server(models=[{"path": path, "class_name": "A"}]).compile().models[0]["findings"] == []


def test_interpreters_reach_the_specifications(root: Path, tmp_path: Path) -> None:
    """A model's own `python` goes before its provider's; a compute provider's is for whoever names none."""
    (root / "file.py").write_text("class A:\n  def act(self): ...")
    pythons = []
    for name in ("one", "two", "three"):
        python = tmp_path / name
        python.write_text("#!/bin/sh\n")
        python.chmod(0o755)
        pythons.append(str(python))
    compiled = Server(
        models=[{"path": root / "file.py", "python": pythons[0], "name": "own"}],
        model_providers=[LocalModelProvider(root, python=pythons[1])],
        environments=[{"env_name": "A-v1"}],
        compute_providers=[{"type": "local"}, {"type": "local", "name": "other", "python": pythons[2]}],
    ).compile()

    specs = [json.loads(document["specJson"]) for document in [*compiled.models, *compiled.environments]]
    assert [spec.get("python") for spec in specs] == [pythons[0], pythons[1], None]
    assert [compute["python"] for compute in compiled.configuration["computes"]] == [None, pythons[2]]


def test_files_that_are_whole_models_are_offered_unopened(root: Path) -> None:
    """By the names of their files, with the hash of their bytes; nothing is known of what is in them."""
    (root / "rex.pkl").write_bytes(b"\x80\x04N.")
    (root / "Max.PICKLE").write_bytes(b"not even a pickle")
    (root / "deep").mkdir()
    (root / "deep" / "walker.zip").write_bytes(b"nor a zip")
    (root / "legs.onnx").write_bytes(b"nor a graph")
    (root / "notes.txt").write_text("no model")
    (root / "_private.pkl").write_bytes(b"")

    found = models(root, rate=5)

    offered = [(model["name"], model["type"], model["defect"]) for model in found]
    assert offered == [
        ("Max", "pickle", None),
        ("walker", "archive", None),
        ("legs", "onnx", None),
        ("rex", "pickle", None),
    ]
    rex = found[-1]
    assert rex["revision"] == hashlib.sha256(b"\x80\x04N.").hexdigest()[:12]
    assert rex["parameters"] == []
    spec = json.loads(rex["specJson"])
    assert (spec["type"], spec["rate"]) == ("pickle", 5.0)
    assert Path(spec["path"]).name == "rex.pkl"
    assert len({model["id"] for model in found}) == 4


def test_a_pickle_that_changes_is_another_revision(root: Path) -> None:
    """Of the same model, noticed by the next compilation."""
    (root / "rex.pkl").write_bytes(b"\x80\x04N.")
    server = Server(model_providers=[LocalModelProvider(root)])
    (before,) = server.compile().models
    (root / "rex.pkl").write_bytes(b"\x80\x04K\x01.")
    (after,) = server.compile().models
    assert after["id"] == before["id"]
    assert after["revision"] != before["revision"]


def test_one_pickle_or_zip_is_named(root: Path) -> None:
    """With what a model may be told; by its file or by its type."""
    (root / "rex.pkl").write_bytes(b"\x80\x04N.")
    (root / "walker.zip").write_bytes(b"PK")
    walker = {"type": ".zip", "path": root / "walker.zip", "class_name": "Walker", "create_params": [{"name": "depth"}]}
    server = Server(models=[PackedModel(root / "rex.pkl", name="Rex", act_func="move"), walker])
    rex, packed = server.compile().models
    assert (rex["name"], rex["type"], packed["name"], packed["type"]) == ("Rex", "pickle", "walker", "archive")
    assert json.loads(rex["specJson"])["act_func"] == "move"
    assert json.loads(packed["specJson"])["class_name"] == "Walker"
    assert [parameter["name"] for parameter in packed["parameters"]] == ["depth"]
