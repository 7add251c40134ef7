"""What a zoo says when it opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from ainimal_zookeeper.config import Compilation
from ainimal_zookeeper.server.serving import banner

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
