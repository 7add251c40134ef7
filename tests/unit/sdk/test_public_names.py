"""What `import ainimal_zookeeper` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import ainimal_zookeeper
import pytest


def test_every_public_name_can_be_imported() -> None:
    """`__all__` names exactly what the package gives, in order."""
    assert list(ainimal_zookeeper.__all__) == sorted(ainimal_zookeeper.__all__)
    assert dir(ainimal_zookeeper) == list(ainimal_zookeeper.__all__)
    for name in ainimal_zookeeper.__all__:
        assert getattr(ainimal_zookeeper, name).__name__ == name


def test_importing_the_package_imports_no_heavy_library() -> None:
    """Neither the package nor the configuration pulls in numpy, torch or Google's libraries."""
    script = (
        "import sys, ainimal_zookeeper\n"
        "ainimal_zookeeper.Server, ainimal_zookeeper.AInimal, ainimal_zookeeper.Env, ainimal_zookeeper.Parameter\n"
        "import ainimal_zookeeper.models, ainimal_zookeeper.environments\n"
        "heavy = ('numpy', 'torch', 'google.api_core', 'gymnasium')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_function_imports_a_library_of_user_code() -> None:
    """Neither directly nor by way of the SDK: the functions and the host stay small and start at once."""
    script = (
        "import sys, graphql_api.deployment, job_launcher, runner_link, ainimal_zookeeper.server.serving\n"
        "heavy = ('numpy', 'torch', 'gymnasium', 'PIL', 'zookeeper_runner')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A misspelt name is answered with what there is."""
    with pytest.raises(AttributeError, match="AInimal, ConfigurationError"):
        ainimal_zookeeper.Aminal


def test_the_host_can_be_started_twice_in_one_process() -> None:
    """`server.run` stays the function that it is after the host's own module was imported."""
    script = (
        "import importlib, ainimal_zookeeper.server as server\n"
        "importlib.import_module('ainimal_zookeeper.server.serving')\n"
        "assert callable(server.run), server.run\n"
    )

    subprocess.run([sys.executable, "-c", script], check=True)
