"""What is said of deploying agrees with what the functions read."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/deploying.md").read_text("utf-8")
PLACES = [
    ROOT / "zookeeper_sdk/ainimal_zookeeper/profiles/settings.py",
    *sorted(ROOT.glob("functions/*/*/settings.py")),
    ROOT / "functions/runner_link/runner_link/secrets.py",
]
ELSEWHERE = {
    "ZOO_STATE_DIR": "on one machine only",
    "ZOO_PUBLIC_URL": "on one machine only",
    "ZOO_HOME": "on one machine only",
    "ZOO_PROCESSES": "on one machine only",
    "ZOO_CONFIGURATION": "it is staged beside the entry point",
}


def test_every_variable_of_a_deployed_function_is_documented() -> None:
    """And none is documented that nobody reads."""
    rows = re.findall(r"^\| (`[A-Z].*?) \|", GUIDE, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"[A-Z]+_[A-Z_]+", row)}
    read = {name for place in PLACES for name in re.findall(r"\b(?:ZOO|GOOGLE)_[A-Z_]+", place.read_text("utf-8"))}
    assert len(PLACES) == 5
    assert documented == read - ELSEWHERE.keys()
