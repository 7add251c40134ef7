"""The variables beside a configuration, as they are when a runner needs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ainimal_zookeeper.config.secrets import SecretsBeside
from ainimal_zookeeper.domain.errors import Transient

from tests.unit.config.zoos import furnish, load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / ".env.local"
    path.write_text("TOKEN=first\nOTHER=mine\nZOO_SECRET=never\n")
    return path


def test_a_secret_that_was_changed_is_read_again(file: Path) -> None:
    """Who corrects a key need not start the zoo again; the environment goes before the file."""
    secrets = SecretsBeside.of_folder(file.parent, {"OTHER": "exported"})
    assert (secrets.get("TOKEN"), secrets.get("OTHER"), secrets.get("NOBODY")) == ("first", "exported", None)
    file.write_text("TOKEN=second\nOTHER=mine")
    os.utime(file, ns=(1, 1))
    assert (secrets.get("TOKEN"), secrets.get("OTHER")) == ("second", "exported")
    file.unlink()
    assert secrets.get("TOKEN") is None


def test_the_zoos_own_variables_are_out_of_reach(file: Path) -> None:
    """Not even a file that holds one gives it away."""
    secrets = SecretsBeside.of_folder(file.parent, {"ZOO_TOKEN": "never"})
    assert (secrets.get("ZOO_SECRET"), secrets.get("ZOO_TOKEN")) == (None, None)


def test_a_file_that_cannot_be_read_for_the_moment_is_asked_again(file: Path) -> None:
    """An editor may be half done: the runner waits instead of failing."""
    secrets = SecretsBeside.of_folder(file.parent, {})
    file.write_bytes(b"TOKEN=\xff")
    with pytest.raises(Transient, match="UTF-8"):
        secrets.get("TOKEN")
    file.write_text("TOKEN=again")
    os.utime(file, ns=(1, 1))
    assert secrets.get("TOKEN") == "again"


@pytest.mark.parametrize("name", ["zoo.py", "zoo.yaml"])
def test_a_configuration_hears_of_new_secrets(tmp_path: Path, name: str) -> None:
    """Also a zoo.py, whose secrets stand in the environment while it is read; the document stays the same."""
    furnish(tmp_path)
    (tmp_path / ".env.local").write_text("TOKEN=first")
    text = {
        "zoo.py": "from ainimal_zookeeper import GymnasiumEnvironment as G, Server\n"
        "server = Server(environments=[G('A-v1', init_params={'key': '${env.TOKEN}'})])",
        "zoo.yaml": "envs: [{env_name: A-v1, init_params: {key: '${env.TOKEN}'}}]",
    }
    server = load(tmp_path, text[name], {"PATH": "/bin"}, name)
    before = server.compile()
    (tmp_path / ".env.local").write_text("TOKEN=a new one")

    assert server.compile().secrets.get("TOKEN") == "a new one"
    assert server.compile() is before
