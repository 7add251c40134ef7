"""What every test may use: tools that may be missing, and the rule that CI misses none."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ToolFinder = Callable[[str, str], Path]


ROOT = Path(__file__).parents[1]


def in_ci() -> bool:
    """Tells whether this is a run that must not skip anything for want of a tool."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def find_tool(name: str, install: str) -> Path:
    """Returns the program `name`. Without it the test is skipped with the line that installs it; in CI it fails."""
    found = shutil.which(name)
    if found is None:
        give_up(f"{name} is not installed; install it with: {install}")
    return Path(found)


def give_up(reason: str) -> NoReturn:
    """Skips a test for want of something that `reason` says how to get; in CI it fails."""
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)


@pytest.fixture(scope="session")
def require_tool() -> ToolFinder:
    """`require_tool("chromium", "apt-get install chromium")` in a fixture or a test returns where it is."""
    return find_tool


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Shells start background jobs so, children inherit it, and a zoo under test must hear its Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A zoo under test must not find the repository of the product, and push tags of checkpoints there.
    os.environ["GIT_CEILING_DIRECTORIES"] = str(ROOT)
    config.addinivalue_line("markers", "needs_tool(name, install): skipped without the program `name`, fails in CI")
    config.addinivalue_line(
        "markers", "network: installs from the package index; leave out: -m 'not slow and not network'"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs_tool"):
        find_tool(*marker.args)
