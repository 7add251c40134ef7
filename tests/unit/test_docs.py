"""What README.md shows works as it stands."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
from ainimal_zookeeper import config
from zookeeper_runner import probe

README = Path(__file__).parents[2] / "README.md"


def snippet(first_line: str) -> str:
    """Returns the Python block of README.md that begins with `first_line`."""
    for block in re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL):
        if block.startswith(first_line):
            return textwrap.dedent(block)
    raise AssertionError(f"README.md has no Python block that begins with {first_line!r}")


def test_the_model_of_the_readme_is_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The probe makes it, finds that it learns, and tries it on an observation."""
    file = tmp_path / "pilot.py"
    file.write_text(snippet("# ainimals/pilot.py"))

    status = probe.main([str(file)])

    found = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert status == 0, found
    assert found["trainable"]


def test_the_zoo_of_the_readme_opens(tmp_path: Path) -> None:
    """The configuration loads and offers the model beside it and the environment it names."""
    (tmp_path / "ainimals").mkdir()
    (tmp_path / "ainimals" / "pilot.py").write_text(snippet("# ainimals/pilot.py"))
    file = tmp_path / "zoo.py"
    file.write_text(snippet("# zoo.py"))

    offered = config.load(file, {}).compile()

    assert [model["name"] for model in offered.models] == ["Pilot"]
    assert [world["name"] for world in offered.environments] == ["CartPole"]
    assert offered.configuration["name"] == "My zoo"
