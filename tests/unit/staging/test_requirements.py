"""The locked requirements of the functions."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from ainimal_zookeeper.staging import FUNCTIONS, Function
from ainimal_zookeeper.staging.function import sdk_files
from ainimal_zookeeper.staging.reach import imports, reached
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[3]
HEAVY = {"gymnasium", "numpy", "pillow", "torch", "pygame-ce"}
OWN = {"ainimal_zookeeper", *(function.name for function in FUNCTIONS)}
NOT_ASKED_FOR = {
    "graphql_api": {"google.cloud.storage", "psutil"},
    "job_launcher": {"google.cloud.storage", "firebase_admin"},
    "runner_link": {"google.cloud.pubsub_v1", "google.pubsub_v1", "psutil", "firebase_admin"},
}
"""Libraries behind ports that no composition root of the function opens: in reach, and not installed."""

each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)


def locked(function: Function) -> dict[NormalizedName, str]:
    """Returns the locked versions by name."""
    lines = [line for line in function.requirements().splitlines() if line[0] not in "# "]
    found = [Requirement(line.rstrip("\\")) for line in lines]
    return {canonicalize_name(requirement.name): str(requirement.specifier) for requirement in found}


@each_function
def test_locks_agree_with_the_versions_that_are_tested(function: Function) -> None:
    """constraints.txt was not changed without `make lock`."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    tested = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {canonicalize_name(requirement.name): str(requirement.specifier) for requirement in tested}

    stale = {name: (version, versions.get(name)) for name, version in locked(function).items()}

    assert {name: both for name, both in stale.items() if both[0] != both[1]} == {}


@each_function
def test_each_function_locks_what_it_asks_for(function: Function) -> None:
    """requirements.in was not changed without `make lock`."""
    asked = (ROOT / "functions" / function.name / "requirements.in").read_text().splitlines()
    names = {canonicalize_name(line.split("#")[0].strip()) for line in asked if not line.startswith("#")}

    assert names - set(locked(function)) == set()


@each_function
def test_nothing_is_locked_without_hashes_or_with_an_address(function: Function) -> None:
    """Whoever installs it gets the very files that were looked at, from wherever pip is told to look."""
    text = function.requirements()

    for entry in re.split(r"\n(?=[^ #\n])", text):
        if not entry.startswith("#"):
            assert "--hash=sha256:" in entry, entry
    assert "://" not in text
    assert "index" not in text


@each_function
def test_everything_that_is_in_reach_is_locked(function: Function) -> None:
    """A function that imports a library, even late, brings it; but for libraries behind ports that it never opens."""
    own = [content for name, content in function.files().items() if name.endswith(".py")]
    sources = [*own, *(path.read_bytes() for path in reached(own, sdk_files()).values())]
    names = {
        name for source in sources for name in imports(source, "ainimal_zookeeper") if not is_left_out(name, function)
    }
    homes = packages_distributions()
    tops = {name.split(".")[0] for name in names} - OWN
    wanted = {top: {canonicalize_name(home) for home in homes.get(top, [])} for top in tops}

    assert "starlette" in wanted
    missing = {
        top for top, distributions in wanted.items() if distributions and not distributions & set(locked(function))
    }
    assert missing == set()


@each_function
def test_no_function_installs_what_models_need(function: Function) -> None:
    """Model libraries stay in runners."""
    assert HEAVY & set(locked(function)) == set()


def is_left_out(name: str, function: Function) -> bool:
    return any(name == left or name.startswith(f"{left}.") for left in NOT_ASKED_FOR[function.name])
