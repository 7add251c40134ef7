"""`zoo model`: a file is put on offer, and people read what was found in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ainimal_zookeeper.cli.connection import Connector
from ainimal_zookeeper.cli.main import zoo
from ainimal_zookeeper.client import Zookeeper
from click.testing import CliRunner, Result

from tests.fakes.zoo_api import FakeZoo, model_row


@pytest.fixture
def fake() -> FakeZoo:
    return FakeZoo()


def run(fake: FakeZoo, *arguments: str) -> Result:
    connector = Connector(lambda url: Zookeeper(url, transport=fake.transport))
    return CliRunner().invoke(zoo, arguments, obj=connector)


def test_what_was_found_is_shown_before_a_launch(fake: FakeZoo, tmp_path: Path) -> None:
    """The model on standard output, each finding on standard error."""
    (tmp_path / "rex.pkl").write_bytes(b"\x80\x04N.")
    fake.models = [model_row("Rex", scan="DANGEROUS", findings=["scan: rex.pkl names os.system"])]
    done = run(fake, "model", "add", str(tmp_path / "rex.pkl"), "--name", "Rex")
    assert done.exit_code == 0, done.output
    assert done.stdout == "Rex (mod_rex) is on offer\n"
    assert done.stderr == "Rex: scan: rex.pkl names os.system\n"
    assert fake.asked[1][1]["name"] == "Rex"


def test_nobody_waits_for_ever_for_a_scan(fake: FakeZoo, tmp_path: Path) -> None:
    """It says that nobody has looked yet; in JSON, too."""
    (tmp_path / "rex.zip").write_bytes(b"PK")
    fake.models = [model_row("Rex", scan="WAITING")]
    done = run(fake, "model", "add", str(tmp_path / "rex.zip"), "--timeout", "0")
    assert "nobody has looked into it yet" in done.stderr
    done = run(fake, "model", "--json", "add", str(tmp_path / "rex.zip"), "--timeout", "0")
    assert json.loads(done.stdout)["scan"] == "WAITING"


def test_a_file_that_is_not_there(fake: FakeZoo) -> None:
    """Says so, with the exit status of what is not there."""
    done = run(fake, "model", "add", "none.pkl")
    assert done.exit_code != 0
    assert "there is no file none.pkl" in done.stderr
