"""The state directory: held by one zoo, with a secret of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from ainimal_zookeeper.domain.errors import AlreadyExists, InvalidInput
from ainimal_zookeeper.server.state import StateDirectory


def test_secret_is_made_once_and_private(tmp_path: Path) -> None:
    """Tokens survive a restart, and no other user can make any."""
    first = StateDirectory(tmp_path / "deep" / ".zoo")
    secret = first.secret
    first.close()
    again = StateDirectory(tmp_path / "deep" / ".zoo")
    assert again.secret == secret
    assert len(secret) == 32
    assert (again.path / "secret").stat().st_mode & 0o777 == 0o600
    assert (again.path / ".gitignore").read_text() == "*\n"
    again.close()


def test_second_zoo_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    """Two zoos never share a store; the message leads to the one that runs."""
    first = StateDirectory(tmp_path)
    first.announce("http://127.0.0.1:3000")
    with pytest.raises(AlreadyExists, match=r"another zoo \(http://127.0.0.1:3000, process \d+\) runs on"):
        StateDirectory(tmp_path)
    first.close()
    StateDirectory(tmp_path).close()


def test_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file in the way is named with what to do."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInput, match=r"file/\.zoo cannot be written .* choose another with --state-dir"):
        StateDirectory(tmp_path / "file" / ".zoo")


def test_damaged_secret_is_not_used(tmp_path: Path) -> None:
    """A truncated secret would make tokens that can be guessed."""
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(InvalidInput, match="holds 5 bytes instead of 32"):
        StateDirectory(tmp_path)
