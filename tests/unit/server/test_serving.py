"""What a zoo says when it opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from ainimal_zookeeper.config import Compilation, load
from ainimal_zookeeper.server.serving import banner, serve

from tests.fakes import zoo
from tests.fakes.secrets import FakeSecrets


def compilation(models: int, environments: int) -> Compilation:
    return Compilation(
        configuration=cast(Any, {"id": "zoo", "name": "tiny", "launchDeadlineSeconds": 900}),
        models=cast(Any, [zoo.model()] * models),
        environments=cast(Any, [zoo.environment()] * environments),
        launches=[],
        processes=[],
        host="127.0.0.1",
        port=0,
        client=False,
        no_auth=False,
        state_dir=Path("/nowhere"),
        allowed_origins=[],
        home=Path("/zoo"),
        secrets=FakeSecrets(),
        recompile=lambda: compilation(models, environments),
    )


@pytest.mark.parametrize(
    ("models", "environments", "said"),
    [
        (1, 1, "1 model, 1 environment; profile embedded; state in /zoo"),
        (2, 0, "2 models, 0 environments; profile embedded; state in /zoo"),
        (0, 3, "0 models, 3 environments; profile embedded; state in /zoo"),
    ],
)
def test_what_is_on_offer_is_counted(models: int, environments: int, said: str) -> None:
    """One is one model, and not "1 models"."""
    shown = banner(compilation(models, environments), "http://127.0.0.1:1", Path("/zoo"), "127.0.0.1")

    assert said in shown
    assert "tiny" in shown
    assert "Everybody" not in shown


def test_an_open_door_is_said() -> None:
    """An address that others reach comes with a warning."""
    assert "Everybody who reaches this address" in banner(compilation(1, 1), "http://a:1", Path("/zoo"), "0.0.0.0")


def test_the_profile_is_named() -> None:
    """Who opens a zoo sees where it runs."""
    shown = banner(compilation(1, 1), "http://127.0.0.1:1", Path("/zoo"), "127.0.0.1", "emulators")
    assert "profile emulators" in shown


def test_a_file_says_where_it_runs(tmp_path: Path) -> None:
    """`server.listen(profile=...)` counts where the command line says nothing."""
    (tmp_path / "zoo.py").write_text(
        "from ainimal_zookeeper import Server\nserver = Server()\nserver.listen(profile='emulators')\n"
    )
    assert load(tmp_path, {}).compile().profile == "emulators"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"profile": "gcp"}, "the profile is 'gcp'; it must be one of: embedded, emulators"),
        ({"profile": "emulators", "host": "0.0.0.0", "insecure": True}, "emulators believe everybody"),
        ({"auth": True}, "--auth goes with --profile emulators"),
    ],
)
def test_what_cannot_be_served_is_said(capsys: pytest.CaptureFixture[str], asked: dict[str, Any], said: str) -> None:
    """In a sentence, with status 2, before anything is opened."""
    with pytest.raises(SystemExit, match="2"):
        serve(compilation(1, 1), **asked)
    assert said in capsys.readouterr().err
