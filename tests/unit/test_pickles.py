"""Who can run what somebody has pickled: runners, and nobody else."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("zookeeper_sdk/ainimal_zookeeper", "functions", "runner_image/zookeeper_runner")
LOADERS = {"pickle", "_pickle", "shelve", "marshal", "dill", "cloudpickle", "joblib", "picklescan", "pickletools"}
MAY = ("zookeeper_sdk/ainimal_zookeeper/models/pickled.py", "runner_image/zookeeper_runner/")

SERVING = """
import sys
import graphql_api.api, graphql_api.deployment, graphql_api.checkpoints, graphql_api.uploads
import job_launcher, job_launcher.deployment, runner_link, runner_link.deployment, runner_link.keeping
import ainimal_zookeeper.checkpoints, ainimal_zookeeper.config, ainimal_zookeeper.client, ainimal_zookeeper.cli.main
import ainimal_zookeeper.server.composition, ainimal_zookeeper.server.serving, ainimal_zookeeper.server.scans
print("\\n".join(sys.modules))
"""
OF_RUNNERS = (
    "ainimal_zookeeper.models", "zookeeper_runner", "picklescan", "cloudpickle", "dill", "joblib", "shelve", "torch",
    "gymnasium", "numpy",
)  # fmt: skip


def imported(tree: ast.AST) -> set[str]:
    """Returns the packages that a module imports, wherever it does."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_no_module_but_those_of_runners_can_read_a_pickle() -> None:
    """Neither at its top nor in a function: what is not imported cannot be called."""
    guilty = [
        path.relative_to(ROOT).as_posix()
        for folder in OURS
        for path in (ROOT / folder).rglob("*.py")
        if imported(ast.parse(path.read_text())) & LOADERS
    ]
    assert guilty
    assert [path for path in guilty if not path.startswith(MAY)] == []


def test_the_host_and_the_functions_have_no_loader_in_memory() -> None:
    """With all of them imported, no module that runs user code is."""
    done = subprocess.run([sys.executable, "-c", SERVING], capture_output=True, text=True, check=True, cwd=ROOT)
    modules = set(done.stdout.split())
    assert "ainimal_zookeeper.server.scans" in modules
    assert [name for name in OF_RUNNERS if name in modules] == []
