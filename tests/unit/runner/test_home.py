"""Paths in specifications begin at the zoo's folder on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from zookeeper_runner.home import at_home
from zookeeper_runner.settings import Settings

ENVIRON = {"ZOO_LINK": "http://link", "ZOO_INSTANCE": "ins_1", "ZOO_TOKEN": "t", "ZOO_ATTEMPT": "1"}


def test_relative_paths_begin_at_home() -> None:
    """Wherever the zoo's files were copied to, ZOO_HOME says where."""
    home = Settings.from_environ({**ENVIRON, "ZOO_HOME": "/srv/zoo"}).home

    assert at_home({"path": "ainimals/a.py", "name": "a"}, home) == {"path": "/srv/zoo/ainimals/a.py", "name": "a"}


@pytest.mark.parametrize("spec", [{"path": "/elsewhere/a.py"}, {"path": None}, {"env_name": "CartPole-v1"}])
def test_other_specifications_stay_as_they_are(spec: dict[str, str | None]) -> None:
    """Absolute paths, as earlier versions stored all of them, and none at all need no home."""
    assert at_home(spec, None) is spec
    assert at_home(spec, Path("/srv/zoo")) is spec


def test_without_a_home_the_way_out_is_told() -> None:
    """Who starts a runner without ZOO_HOME learns what is missing."""
    assert Settings.from_environ(ENVIRON).home is None
    with pytest.raises(InvalidInput, match=r"where ainimals/a\.py is: set ZOO_HOME"):
        at_home({"path": "ainimals/a.py"}, None)
