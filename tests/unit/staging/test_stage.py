"""Folders and archives of the functions."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.cli.main import zoo
from ainimal_zookeeper.config import load
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.staging import FUNCTIONS, MANIFEST, deployable, stage
from ainimal_zookeeper.staging.function import Function
from click.testing import CliRunner
from job_launcher.staged import read_offer

from tests.conftest import ToolFinder
from tests.unit.checkpoints.lineage import Git

ROOT = Path(__file__).parents[3]
SOURCES = ("functions", "zookeeper_sdk", "ainimals")
SECRET = "hunter2-and-then-some"

MODEL = """
from ainimal_zookeeper import AInimal

class Caller(AInimal):
    def __init__(self, key=""): ...
    def forward(self, inputs): return {}
"""

ZOO = """
from pathlib import Path
from ainimal_zookeeper import Launch, LocalModelProvider, PythonModel, Server, SideProcess

models = Path(__file__).parent / "models"
server = Server(
    name="Zoo with a secret",
    models=[PythonModel(models / "caller.py", init_params={"key": "${env.API_KEY}"})],
    launch=[Launch(model="Caller")],
    launch_etc=[SideProcess("watch $API_KEY")],
)
"""


@pytest.fixture
def configuration() -> dict[str, Any]:
    return {"configuration": {"name": "zoo"}, "models": [], "environments": [], "launches": []}


def staged_by_a_clone(clone: Path, umask: int, zone: str, written_at: int) -> dict[str, bytes]:
    """Returns all that `zoo stage` writes in a clone made there and then, by name."""
    for name in SOURCES:
        leave = shutil.ignore_patterns("__pycache__", "web", "node_modules")
        shutil.copytree(ROOT / name, clone / name, ignore=leave)
    shutil.copy(ROOT / "zoo.py", clone)
    for path in clone.rglob("*"):
        os.utime(path, (written_at, written_at))
    packages = ["zookeeper_sdk", *(f"functions/{function.name}" for function in FUNCTIONS)]
    environ = {
        "PATH": os.environ["PATH"],
        "TZ": zone,
        "PYTHONPATH": os.pathsep.join(str(clone / package) for package in packages),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "ainimal_zookeeper.cli", "stage", "--to", "build/functions"]
    done = subprocess.run(
        command, cwd=clone, env=environ, umask=umask, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    target = clone / "build" / "functions"
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def test_two_clones_stage_the_same_bytes(tmp_path: Path) -> None:
    """Neither the folder nor the umask, the time zone or the time changes a byte: only a change is deployed."""
    one = staged_by_a_clone(tmp_path / "one", 0o022, "UTC", 1_600_000_000)
    other = staged_by_a_clone(tmp_path / "elsewhere" / "other", 0o077, "Asia/Tokyo", 1_700_000_001)

    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
    assert not [name for name, content in one.items() if str(tmp_path).encode() in content]


class TestFolder:
    """What is in a staged folder."""

    @pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
    def test_it_has_all_that_is_deployed(
        self, tmp_path: Path, configuration: dict[str, Any], function: Function
    ) -> None:
        """Entry point, package with its data, SDK, requirements; the launcher has the configuration."""
        folder = next(one.folder for one in stage(configuration, tmp_path) if one.function == function)

        source = ROOT / "functions" / function.name
        package = {
            path.relative_to(source).as_posix()
            for path in (source / function.name).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        wheels = {name for name in found if name.startswith("wheels/")}
        assert package <= found
        assert len(wheels) == 1
        expected = {"main.py", "requirements.txt", ".gcloudignore"} | ({"configuration.json"} & found)
        assert found - package - wheels == expected
        assert ("configuration.json" in found) is function.configured

    def test_the_sdk_is_locked_like_everything_else(self, tmp_path: Path, configuration: dict[str, Any]) -> None:
        """Its line has the hash of the wheel beside it."""
        for one in stage(configuration, tmp_path):
            wheel = next((one.folder / "wheels").iterdir())
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            last = (one.folder / "requirements.txt").read_text().splitlines()[-1]

            assert last == f"./wheels/{wheel.name} --hash=sha256:{digest}"

    def test_the_sdk_is_what_the_function_imports(self, tmp_path: Path, configuration: dict[str, Any]) -> None:
        """Adapters and rules come along; command line, host, models and the web client stay behind."""
        for one in stage(configuration, tmp_path):
            names = zipfile.ZipFile(next((one.folder / "wheels").iterdir())).namelist()
            parts = {name.split("/")[1] for name in names if name.startswith("ainimal_zookeeper/")}

            assert {"domain", "ports", "adapters", "profiles"} <= parts
            assert not {"cli", "client", "config", "environments", "models", "server", "staging", "example"} & parts

    def test_the_archive_is_the_folder(self, tmp_path: Path, configuration: dict[str, Any]) -> None:
        """It unpacks to the same files, and is named by what is in it."""
        for one in stage(configuration, tmp_path / "staged"):
            unpacked = tmp_path / one.function.name
            zipfile.ZipFile(one.archive).extractall(unpacked)

            files = {
                path.relative_to(one.folder): path.read_bytes() for path in one.folder.rglob("*") if path.is_file()
            }
            assert files == {
                path.relative_to(unpacked): path.read_bytes() for path in unpacked.rglob("*") if path.is_file()
            }
            digest = hashlib.sha256(one.archive.read_bytes()).hexdigest()
            assert one.archive.name == f"{one.function.name}-{digest[:16]}.zip"

    def test_the_manifest_names_archives_and_entry_points(self, tmp_path: Path, configuration: dict[str, Any]) -> None:
        """Whoever deploys learns from one file what to serve from what."""
        staged = stage(configuration, tmp_path)

        manifest = json.loads((tmp_path / MANIFEST).read_text())
        assert manifest == {
            one.function.name: {"archive": one.archive.name, "targets": list(one.function.targets)} for one in staged
        }
        for one in staged:
            text = (one.folder / "main.py").read_text()
            assert all(f"async def {target}(" in text for target in one.function.targets)


class TestStagingAgain:
    """A second staging to the same place."""

    def test_it_replaces_the_first(self, tmp_path: Path, configuration: dict[str, Any]) -> None:
        """Nothing of it is left, and what has not changed keeps its name."""
        first = {one.function.name: one for one in stage(configuration, tmp_path)}
        (first["graphql_api"].folder / "stray.py").touch()
        configuration["configuration"]["name"] = "another"
        second = {one.function.name: one for one in stage(configuration, tmp_path)}

        assert second["graphql_api"].archive == first["graphql_api"].archive
        assert not (second["graphql_api"].folder / "stray.py").exists()
        assert second["job_launcher"].archive != first["job_launcher"].archive
        assert not first["job_launcher"].archive.exists()

    def test_it_does_not_replace_what_was_not_staged(self, tmp_path: Path, configuration: dict[str, Any]) -> None:
        """Above all not the sources of a clone, whose folders have the same names."""
        sources = tmp_path / "runner_link"
        sources.mkdir()
        (sources / "main.py").touch()

        with pytest.raises(InvalidInput, match="was not staged"):
            stage(configuration, tmp_path)

        assert list(tmp_path.iterdir()) == [sources]


def furnish(home: Path, text: str = ZOO) -> Path:
    """Returns `home` with a model, a configuration and a secret."""
    (home / "models").mkdir(parents=True)
    (home / "models" / "caller.py").write_text(MODEL)
    (home / "zoo.py").write_text(text)
    (home / ".env.local").write_text(f"API_KEY={SECRET}\n")
    return home


class TestVerb:
    """`zoo stage`."""

    def test_it_tells_what_it_has_built(self, tmp_path: Path) -> None:
        """The archives, one a line; folders as well in JSON."""
        options = ["--config", str(furnish(tmp_path / "zoo")), "--to", str(tmp_path / "to")]

        lines = CliRunner().invoke(zoo, ["stage", *options]).stdout.splitlines()
        built = json.loads(CliRunner().invoke(zoo, ["stage", *options, "--json"]).stdout)

        assert [Path(line).is_file() for line in lines] == [True] * len(FUNCTIONS)
        assert [one["archive"] for one in built] == lines
        assert all((Path(one["folder"]) / "main.py").is_file() for one in built)

    def test_it_refuses_a_configuration_that_spells_a_secret_out(self, tmp_path: Path) -> None:
        """It says where, does not say the secret, and builds nothing."""
        home = furnish(tmp_path / "zoo", ZOO.replace("${env.API_KEY}", SECRET))

        done = CliRunner().invoke(zoo, ["stage", "--config", str(home), "--to", str(tmp_path / "to")])

        assert done.exit_code == 2
        assert "API_KEY" in done.stderr
        assert SECRET not in done.output
        assert not (tmp_path / "to").exists()


def test_the_commit_of_the_sources_is_staged(tmp_path: Path, require_tool: ToolFinder) -> None:
    """Where nobody can see the sources, checkpoints still begin at their commit; another one is another revision."""
    home = furnish(tmp_path / "zoo")
    compiled = load(home, {}).compile()
    plain = deployable(compiled, {})
    git = Git(require_tool("git", "apt-get install git"), home, tmp_path)
    git("init", "-q")
    first = git.commit("models/caller.py", MODEL)
    begun = deployable(compiled, {})
    second = git.commit("README", "")
    gone_on = deployable(compiled, {})

    assert plain == compiled.document()
    assert begun["models"][0]["code"] == {
        "commit": first,
        "path": "models/caller.py",
        "modified": False,
        "atHand": False,
    }
    assert gone_on["models"][0]["code"]["commit"] == second
    assert len({one["configuration"]["revision"] for one in (plain, begun, gone_on)}) == 3
    assert deployable(compiled, {}) == gone_on
    stage(gone_on, tmp_path / "staged")
    offer = read_offer(tmp_path / "staged" / "job_launcher" / "configuration.json")
    assert offer.models[0]["code"]["commit"] == second


def test_nothing_of_the_operator_is_staged(tmp_path: Path) -> None:
    """No secret of .env.local, and no folder of the machine, is in any file."""
    home = furnish(tmp_path / "home-of-the-operator")

    document = load(home, {"PATH": "/usr/bin", "HOME": str(home)}).compile().document()
    staged = stage(document, tmp_path / "staged")

    launcher = next(one.folder for one in staged if one.function.configured)
    brought = json.loads((launcher / "configuration.json").read_text())
    assert [model["name"] for model in brought["models"]] == ["Caller"]
    for path in (tmp_path / "staged").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for private in (SECRET, str(tmp_path), str(ROOT), str(Path.home()) + os.sep):
                assert private.encode() not in content, (path, private)
