"""What is deployed is the same for every clone, and holds neither secrets nor paths of one machine."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from ainimal_zookeeper import config
from ainimal_zookeeper.config.home import Home

from tests.unit.config.zoos import furnish, load

SECRET = "sk-hunter2-hunter2"
GOOD = """
name: Zoo
models:
  - {path: models/walker.py, name: named, init_params: {depth: 3}}
model_providers:
  - {type: local_filesystem, root: models}
envs:
  - {path: ./models/../field.py, init_params: {size: 4}}
  - {name: A, env_name: '${env.WORLD}', init_params: {key: 'Bearer ${process.env.TOKEN}', deep: [{a: '${env.TOKEN}'}]}}
launch:
  - {model: named, environment: Field}
"""
ENVIRON = {"PATH": "/usr/bin:/bin", "WORLD": "A-v1"}


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    folder = tmp_path / "zoo"
    folder.mkdir()
    furnish(folder)
    (folder / ".env.local").write_text(f"TOKEN={SECRET}\n")
    return folder


def reasons(server: config.Server) -> list[str]:
    with pytest.raises(config.ConfigurationError) as caught:
        server.compile().document()
    return [f"{problem.place.line}: {problem.path}: {problem.message}" for problem in caught.value.problems]


def test_every_clone_deploys_the_same(zoo: Path, tmp_path: Path) -> None:
    """Ids, revisions and all the rest do not depend on where a clone lies, nor on what its variables hold."""
    here = load(zoo, GOOD, ENVIRON).compile()
    clone = shutil.copytree(zoo, tmp_path / "elsewhere" / "clone")
    (clone / ".env.local").write_text("TOKEN=another one\n")
    there = load(clone, GOOD, {"WORLD": "B-v1"}).compile()

    assert json.dumps(here.document()) == json.dumps(there.document())
    assert {model["id"] for model in here.models} == {model["id"] for model in there.models}
    assert here.configuration["revision"] == there.configuration["revision"]
    assert [*here.document()] == ["configuration", "models", "environments", "launches"]


def test_what_is_deployed_has_no_secrets_and_no_paths_of_this_machine(zoo: Path) -> None:
    """References stand where they were written, in their short form; files are named from the zoo's folder on."""
    compiled = load(zoo, GOOD, ENVIRON).compile()
    text = json.dumps(compiled.document())
    named, world = (json.loads(offer[0]["specJson"]) for offer in (compiled.models, compiled.environments[1:]))

    assert SECRET not in text
    assert str(zoo.parent) not in text
    assert (named["path"], compiled.models[0]["source"]) == ("models/walker.py", "models/walker.py")
    assert json.loads(compiled.environments[0]["specJson"])["path"] == "field.py"
    assert world["init_params"] == {"key": "Bearer ${env.TOKEN}", "deep": [{"a": "${env.TOKEN}"}]}
    assert (world["name"], world["env_name"]) == ("A", "${env.WORLD}")
    assert compiled.variables == ["TOKEN", "WORLD"]


def test_a_document_may_be_changed(zoo: Path) -> None:
    """Whoever gets it owns it: the compilation stays as it is."""
    compiled = load(zoo, GOOD, ENVIRON).compile()
    compiled.document()["configuration"]["name"] = "changed"

    assert compiled.document()["configuration"]["name"] == "Zoo"


def test_what_is_only_on_this_machine_is_told_with_its_place(zoo: Path, tmp_path: Path) -> None:
    """Files elsewhere, links that lead there, interpreters and nameless roots are for this machine alone."""
    (tmp_path / "far.py").write_text("class Far:\n  def act(self, x): ...")
    (zoo / "linked").mkdir()
    (zoo / "linked" / "far.py").symlink_to(tmp_path / "far.py")
    python = zoo / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    server = load(
        zoo,
        f"""models:
  - path: {tmp_path}/far.py
  - {{path: models/walker.py, name: own, python: ./python}}
model_hubs:
  - {{type: local_filesystem, root: linked}}
  - {{type: local_filesystem, root: .}}
compute_providers:
  - {{type: local, python: ./python}}
""",
    )
    outside = f"is not below {zoo}, which is all that is deployed; move or copy it there"
    nameless = "it is the configuration's own folder, which has another name elsewhere"
    image = "names an interpreter of this machine; leave it out: instances run in the zoo's image there"

    assert server.compile().models[0]["source"] == str(tmp_path / "far.py")
    assert reasons(server) == [
        f"2: models[0].path: {tmp_path}/far.py {outside}",
        f"3: models[1].python: {image}",
        f"5: model_hubs[0].root: {zoo}/linked/far.py {outside}",
        f"6: model_hubs[1].root: {zoo}/linked/far.py {outside}",
        f"6: model_hubs[1]: the key 'name' is missing: {nameless}",
        f"8: compute_providers[0].python: {image}",
    ]


def test_a_secret_that_is_written_out_is_told_without_its_value(zoo: Path) -> None:
    """A zoo.py that reads a secret by itself runs here; what is deployed must refer to it."""
    text = """import os
from ainimal_zookeeper import GymnasiumEnvironment, Launch, PythonModel, Server
server = Server(
    environments=[GymnasiumEnvironment("A-v1", init_params={"key": "Bearer " + os.environ["TOKEN"]})],
    models=[PythonModel("models/walker.py", create_params=[{"name": "a", "default": os.environ["TOKEN"]}])],
    launch=[Launch("Walker", parameters={"a": os.environ["TOKEN"]})],
)
"""
    told = reasons(load(zoo, text, ENVIRON, "zoo.py"))

    assert SECRET not in "".join(told)
    start = "holds the value of TOKEN, a secret of .env.local;"
    shared = f"{start} parameters are shown to users: give it in init_params as '${{env.TOKEN}}'"
    assert told == [
        f"4: environments[0].init_params: {start} write '${{env.TOKEN}}' instead",
        f"5: models[0].create_params: {shared}",
        f"6: launch[0].parameters: {shared}",
    ]


def test_a_path_of_this_machine_among_the_arguments_is_told(zoo: Path) -> None:
    """What a zoo.py makes of its own folder is another path in every clone; paths of the system are not."""
    text = """from pathlib import Path
from ainimal_zookeeper import PythonModel, Server
here = Path(__file__).parent
server = Server(models=[PythonModel("models/walker.py", init_params={"depth": ["/dev/null", here / "weights.bin"]})])
"""
    [reason] = reasons(load(zoo, text, ENVIRON, "zoo.py"))
    assert reason.startswith(f"4: models[0].init_params: holds {zoo}/weights.bin, which is only on this machine; let")


def test_the_example_can_be_deployed() -> None:
    """zoo.py of this repository holds nothing that is only here."""
    root = Path(__file__).parents[3]
    document = config.load(root / "zoo.py", os.environ).compile().document()

    assert str(root) not in json.dumps(document)
    assert {model["source"].split("/")[0] for model in document["models"]} == {"ainimals"}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("zoo/a.py", "a.py"),
        ("zoo/sub/b.py", "sub/b.py"),
        ("zoo/sub/../a.py", "a.py"),
        ("zoo/../zoo/a.py", "a.py"),
        ("zoo", "."),
        ("zoo-2/a.py", None),
        ("zoo/../far.py", None),
        ("zoo/link/../far.py", None),
        ("zoo/nothing/../../far.py", None),
    ],
)
def test_paths_are_named_from_the_folder_on(tmp_path: Path, path: str, named: str | None) -> None:
    """What lies below the folder is relative to it, however it is written; the rest stays as it is."""
    (tmp_path / "zoo" / "sub").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "zoo" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "far.py").touch()
    (tmp_path / "zoo" / "a.py").touch()
    (tmp_path / "zoo" / "sub" / "b.py").touch()

    for folder in (tmp_path / "zoo", tmp_path / "zoo" / ".." / "zoo"):
        assert Home(folder).relative(tmp_path / path) == (named or str(tmp_path / path))
