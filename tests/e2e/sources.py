"""A zoo whose models lie in a git repository."""

from __future__ import annotations

from pathlib import Path

from ainimal_zookeeper.client import Instance, Zookeeper

from tests.conftest import ToolFinder
from tests.e2e.hosting import furnish, until
from tests.unit.checkpoints.lineage import Git

ZOO = """
name: sources
models:
  - {path: models/counter.py, rate: 100}
  - {name: Busy, path: models/counter.py, rate: 100, autosave_steps: 20}
  - {name: Quiet, path: models/counter.py, rate: 100, push_checkpoints: false}
environments:
  - {name: Cart, type: gymnasium, env_name: CartPole-v1}
"""
COUNTER = """
import json
from pathlib import Path

class Counter:
    def __init__(self):
        self.calls = 0

    def act(self, observation):
        self.calls += 1
        return self.calls % 2

    def save(self, path):
        (Path(path) / "calls.json").write_text(json.dumps(self.calls))

    def load(self, path):
        self.calls = json.loads((Path(path) / "calls.json").read_text())
"""
CODE = "models/counter.py"


def repository(folder: Path, require_tool: ToolFinder) -> Git:
    """Makes the repository in `folder`/zoo; everything in it is committed."""
    place = folder / "zoo"
    furnish(place, ZOO, {CODE: COUNTER, ".gitignore": ".zoo/\nzoo.out\nzoo.err\n__pycache__/\n"})
    made = Git(require_tool("git", "apt-get install git"), place, folder)
    made("init", "-q", "-b", "main")
    made("add", ".")
    made("commit", "-qm", "A zoo")
    return made


def launched(client: Zookeeper, model: str = "Counter") -> Instance:
    """Launches one and waits until it has made some steps."""
    instance = client.launch(model, "Cart", seed=1)
    until(lambda: instance.refresh().info.stats.step > 5)
    return instance


def end(instance: Instance) -> None:
    """Ends it, so that nothing would go on from its checkpoints."""
    instance.terminate()
    until(lambda: instance.refresh().ended)


def pushed(git: Git, tag: str) -> bool:
    return tag in git("tag").split()
