"""Pickles and zips in a real zoo: listed, uploaded, scanned, launched, and harmless anywhere but in a runner."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.errors import AInimalFault, DataCorrupt

from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until

ZOO = """
name: packed
model_providers:
  - type: local_filesystem
    root: ainimals
environments:
  - name: cartpole
    type: gymnasium
    env_name: CartPole-v1
"""
SITTER = """
from pathlib import Path
class Sitter:
    calls = 0
    def act(self, observation):
        self.calls += 1
        return 0
    def save(self, path):
        (Path(path) / "calls").write_text(str(self.calls))
    def load(self, path):
        self.calls = int((Path(path) / "calls").read_text())
"""
HOARDER = """
class Treasure(dict):
    def __reduce__(self):
        return eval, ({evil!r},)
class Hoarder:
    def __init__(self):
        self.treasure = Treasure()
    def act(self, observation):
        return 0
"""
MARK = """(lambda os, sys: (
    open({folder!r} + '/' + str(os.getpid()), 'a').write(' '.join(sys.orig_argv) + chr(10)),
    __import__('e_sitter').Sitter())[1])(__import__('os'), __import__('sys'))"""
DIES = "__import__('os')._exit(3)"


class Runs:
    """Unpickles as the value of an expression."""

    def __init__(self, expression: str) -> None:
        self.expression = expression

    def __reduce__(self) -> Any:
        return eval, (self.expression,)


class Marked:
    """A folder in which every process that runs the evil pickle writes its command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.pickle = pickle.dumps(Runs(MARK.format(folder=str(folder))))

    def roles(self) -> dict[int, str]:
        return {int(path.name): path.read_text() for path in self.folder.iterdir()}


@pytest.fixture
def marked(tmp_path: Path) -> Marked:
    return Marked(tmp_path / "marks")


@pytest.fixture
def packed(tmp_path: Path, marked: Marked, start_zoo: ZooStarter) -> Any:
    """A zoo whose models are an evil pickle, a zip with one, a zip of source and a pickle that ends its process."""
    folder = tmp_path / "zoo"
    furnish(folder, ZOO, {"ainimals/e_sitter.py": SITTER})
    ainimals = folder / "ainimals"
    (ainimals / "evil.pkl").write_bytes(marked.pickle)
    (ainimals / "dies.pkl").write_bytes(pickle.dumps(Runs(DIES)))
    zipped(ainimals / "evil_zip.zip", {"evil.pkl": marked.pickle, "e_sitter.py": SITTER})
    zipped(ainimals / "source.zip", {"ainimal.py": SITTER, "saved/calls": "1000"})
    with start_zoo(folder) as hosted:
        yield hosted


def zipped(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def scans(zoo: HostedZoo) -> dict[str, str]:
    rows = zoo.ask("{ models { nodes { name scan } } }")["models"]["nodes"]
    return {row["name"]: row["scan"] for row in rows if row["scan"] is not None}


def scanned(zoo: HostedZoo, count: int) -> dict[str, str]:
    """Waits until `count` models have been scanned."""

    def done() -> dict[str, str] | None:
        found = scans(zoo)
        return found if len(found) == count and "WAITING" not in found.values() else None

    return until(done)


def test_evil_files_run_in_runners_alone(packed: HostedZoo, marked: Marked, tmp_path: Path) -> None:
    """Listed, scanned, asked for, uploaded in each form, and saved from: only the runners of its launches ran it."""
    with Zookeeper(packed.url) as zoo:
        local = {"evil": "DANGEROUS", "dies": "DANGEROUS", "evil_zip": "DANGEROUS", "source": "UNKNOWN"}
        assert scanned(packed, 4) == local
        (tmp_path / "up.pickle").write_bytes(marked.pickle)
        zipped(tmp_path / "up.zip", {"up.pkl": marked.pickle, "e_sitter.py": SITTER})
        zoo.add_model(tmp_path / "up.pickle", name="uploaded pickle")
        zoo.add_model(tmp_path / "up.zip", name="uploaded zip")
        assert scanned(packed, 6) == {**local, "uploaded pickle": "DANGEROUS", "uploaded zip": "DANGEROUS"}
        for row in zoo.models():
            if row.scan == "DANGEROUS":
                assert any("builtins.eval" in finding for finding in row.findings)
        packed.ask('{ models(search: "evil") { nodes { findings inputs { name } checkpoints { nodes { id } } } } }')
        assert marked.roles() == {}

        runners = set()
        for name in ("evil", "evil_zip", "uploaded zip"):
            instance = zoo.launch(name, "cartpole")
            runners |= {process.pid for process in packed.runners()}
            saved = instance.save_checkpoint()
            assert saved.size_bytes > 0
            instance.terminate()
        roles = marked.roles()
        assert len(roles) == 3
        assert set(roles) <= runners
        assert all("zookeeper_runner" in role and "probe" not in role for role in roles.values())


def test_an_evil_checkpoint_runs_in_runners_alone(packed: HostedZoo, marked: Marked) -> None:
    """What a model holds is pickled into its checkpoints: they are listed, compared and shown without running it."""
    evil = MARK.format(folder=str(marked.folder))
    (packed.folder / "ainimals" / "hoarder.py").write_text(HOARDER.format(evil=evil))
    with Zookeeper(packed.url) as zoo:
        until(lambda: any(row.name == "Hoarder" for row in zoo.models()))
        instance = zoo.launch("Hoarder", "cartpole")
        first = instance.save_checkpoint("first")
        second = instance.save_checkpoint("second")
        assert marked.roles() == {}
        compared = packed.ask(
            "query($a: ID!, $b: ID!) { checkpointDiff(fromId: $a, toId: $b) { __typename } node(id: $a) { id } }",
            a=first.id,
            b=second.id,
        )
        assert compared["node"] == {"id": first.id}
        listed = packed.ask("{ models { nodes { checkpoints { nodes { id needsPickle } } } } }")
        assert {"id": first.id, "needsPickle": True} in [
            row for model in listed["models"]["nodes"] for row in model["checkpoints"]["nodes"]
        ]
        instance.terminate()
        assert marked.roles() == {}
        zoo.launch("Hoarder", "cartpole", checkpoint=second)
        runners = {process.pid for process in packed.runners()}
    roles = marked.roles()
    assert roles
    assert set(roles) <= runners


def test_a_pickle_that_ends_its_process_ends_nothing_else(packed: HostedZoo) -> None:
    """Its instance says so, and the zoo answers and launches as before."""
    with Zookeeper(packed.url) as zoo:
        instance = zoo.launch("dies", "cartpole", wait=False)
        until(lambda: packed.instance(instance.id)["phase"] in {"FAILED", "LOST"})
        assert zoo.launch("source", "cartpole").info.phase == "RUNNING"


def test_a_packed_folder_goes_on_from_what_it_saved(packed: HostedZoo) -> None:
    """From what was packed; and a restored checkpoint from what the checkpoint has."""
    with Zookeeper(packed.url) as zoo:
        instance = zoo.launch("source", "cartpole")
        until(lambda: packed.instance(instance.id)["stats"]["step"] > 3)
        saved = instance.save_checkpoint("later")
        instance.terminate()
        again = zoo.launch("source", "cartpole", checkpoint=saved)
        assert again.info.phase == "RUNNING"
        until(lambda: packed.instance(again.id)["stats"]["step"] > saved.step)


def test_an_upload_survives_the_zoo(packed: HostedZoo, start_zoo: ZooStarter, tmp_path: Path) -> None:
    """The next zoo on the same state still offers it, with what was found in it, and runs it."""
    zipped(tmp_path / "kept.zip", {"kept/ainimal.py": SITTER})
    with Zookeeper(packed.url) as zoo:
        zoo.add_model(tmp_path / "kept.zip", name="Kept")
    scanned(packed, 5)
    assert packed.stop() == 0
    with start_zoo(packed.folder) as hosted, Zookeeper(hosted.url) as zoo:
        kept = zoo.model("Kept")
        assert kept.scan == "UNKNOWN"
        assert zoo.launch("Kept", "cartpole").info.phase == "RUNNING"


def test_bytes_that_change_on_their_way_make_no_model(packed: HostedZoo) -> None:
    """The link takes exactly what was announced, once; other bytes of that size are DATA_CORRUPT."""
    given = {"filename": "a.pkl", "sizeBytes": 4.0, "sha256": hashlib.sha256(b"abcd").hexdigest()}
    query = "mutation($i: UploadCreateInput!) { uploadCreate(input: $i) { uploadId url headers } }"
    ticket = packed.ask(query, i=given)["uploadCreate"]
    assert httpx.put(ticket["url"], content=b"abc", headers=ticket["headers"]).status_code == 400
    assert httpx.put(ticket["url"], content=b"abcde", headers=ticket["headers"]).status_code == 400
    assert httpx.put(ticket["url"], content=b"abcx", headers=ticket["headers"]).is_success
    assert httpx.put(ticket["url"], content=b"abcd", headers=ticket["headers"]).status_code == 409
    query = "mutation($i: ModelCreateInput!) { modelCreate(input: $i) { model { id } userErrors { code } } }"
    answer = packed.ask(query, i={"name": "A", "uploadId": ticket["uploadId"]})["modelCreate"]
    assert answer == {"model": None, "userErrors": [{"code": DataCorrupt.code}]}


def test_a_runner_checks_an_upload_before_it_runs_it(packed: HostedZoo, marked: Marked, tmp_path: Path) -> None:
    """Bytes that were altered in the bucket are DATA_CORRUPT and run nowhere."""
    (tmp_path / "up.pkl").write_bytes(marked.pickle)
    with Zookeeper(packed.url) as zoo:
        zoo.add_model(tmp_path / "up.pkl", name="Altered")
        scanned(packed, 5)
        (stored,) = [
            path for path in (packed.state_dir / "bucket").rglob("*") if path.is_file() and "upl_" in str(path)
        ]
        content = bytearray(stored.read_bytes())
        content[-3] ^= 1
        stored.write_bytes(content)
        instance = zoo.launch("Altered", "cartpole", wait=False)
        until(lambda: packed.instance(instance.id)["phase"] == "FAILED")
        assert packed.instance(instance.id)["failure"]["code"] == DataCorrupt.code
    assert marked.roles() == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps({"weights": [1]}), "holds an object of type dict, which is no model"),
        (b"cno_such_package_e\nModel\n.", "name another interpreter"),
        (pickle.dumps(list(range(500)))[:-30], "ends in the middle of a pickle"),
        (b"hello", "is no pickle"),
    ],
)
def test_what_is_no_model_fails_its_instance_with_advice(
    packed: HostedZoo, tmp_path: Path, content: bytes, said: str
) -> None:
    """The launch is FAILED, and says what the file is and what to do."""
    (tmp_path / "odd.pkl").write_bytes(content)
    with Zookeeper(packed.url) as zoo:
        made = zoo.add_model(tmp_path / "odd.pkl")
        with pytest.raises(AInimalFault, match=said):
            zoo.launch(made.id, "cartpole")
    assert json.loads(json.dumps(packed.ask("{ server { name } }")))["server"]["name"] == "packed"
