"""Whatever is asked of checkpoints that cannot be: it is refused with why, and everything else goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import MAX_TAG_BYTES, Repository
from ainimal_zookeeper.client import Checkpoint, Instance, Zookeeper
from ainimal_zookeeper.domain.errors import (
    AlreadyExists,
    DataCorrupt,
    InvalidInput,
    InvalidTransition,
    NotFound,
    ZookeeperError,
)

from tests.conftest import ToolFinder
from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until
from tests.e2e.worlds import LINE
from tests.fakes.clock import FakeClock
from tests.unit.checkpoints.lineage import Git

ZOO = """
name: states
models:
  - {path: counter.py, rate: 200}
  - {path: other.py}
environments:
  - {name: Line, path: line.py}
"""
COUNTER = """
import json
from pathlib import Path

class Counter:
    def __init__(self):
        self.calls = 0

    def act(self, observation):
        self.calls += 1
        return 1

    def save(self, path):
        (Path(path) / "calls.json").write_text(json.dumps(self.calls))

    def load(self, path):
        self.calls = json.loads((Path(path) / "calls.json").read_text())
        print("loaded", self.calls, flush=True)
"""
FILES = {
    "counter.py": COUNTER,
    "other.py": COUNTER.replace("class Counter", "class Other"),
    "line.py": LINE,
}
NEVER_SAVED = "chk_" + "0" * 40


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory, start_zoo: ZooStarter) -> Iterator[HostedZoo]:
    folder = tmp_path_factory.mktemp("states")
    furnish(folder, ZOO, FILES)
    with start_zoo(folder) as hosted:
        yield hosted


@pytest.fixture(scope="module")
def client(states: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(states.url) as zoo:
        yield zoo


@pytest.fixture(scope="module")
def runs(client: Zookeeper) -> Iterator[Instance]:
    instance = launched(client, name="counter")
    yield instance
    step = instance.refresh().info.stats.step
    assert until(lambda: instance.refresh().info.stats.step > step)


@pytest.fixture
def counter(runs: Instance) -> Iterator[Instance]:
    """One that runs, and goes on running whatever happens in a test."""
    yield runs
    info = runs.refresh().info
    assert (info.phase, info.failure, info.attempt) == ("RUNNING", None, 1)


@pytest.fixture
def bucket(states: HostedZoo) -> DirectoryBucket:
    return DirectoryBucket(states.state_dir / "bucket", "http://127.0.0.1", b"", FakeClock())


def launched(client: Zookeeper, model: str = "Counter", **changes: object) -> Instance:
    instance = client.launch(model, "Line", seed=1, **changes)  # type: ignore[arg-type]
    until(lambda: instance.refresh().info.stats.step > 0)
    return instance


def test_names_in_any_script(
    client: Zookeeper, states: HostedZoo, counter: Instance, require_tool: ToolFinder, tmp_path: Path
) -> None:
    """What git takes names a checkpoint everywhere: in the API, in the shell, and in a clone."""
    names = ["März_7", "最高", "🦙", "v1.0+β", "чекпойнт", "a;b$(c)&d'e", "x" * MAX_TAG_BYTES]
    made = {name: counter.save_checkpoint(name) for name in names}

    assert set(names) <= {row.tag for row in client.checkpoints("Counter")}
    for name, checkpoint in made.items():
        assert client.checkpoint(name, "Counter").id == checkpoint.id
    assert shell(states, "checkpoint", "clone", "Counter", str(tmp_path / "clone")).returncode == 0
    git = Git(require_tool("git", "apt-get install git"), tmp_path / "clone", tmp_path)
    git.check()
    assert {git("rev-parse", f"refs/tags/{name}^{{commit}}") for name in names} == {
        each.commit for each in made.values()
    }
    assert shell(states, "checkpoint", "rm", "Counter", "🦙").returncode == 0
    with pytest.raises(NotFound):
        client.checkpoint("🦙", "Counter")


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "a/b", "../../../etc/passwd", "-d", "--upload-pack=touch /tmp/x", "HEAD", "@", "a..b", ".a", "a.",
     "a.lock", "a~1", "a^", "a:b", "a?b", "a*b", "a[b", "a\\b", "a@{b", "a\nb", "a\0b", "safe\u202egnp", "e\u0301",
     "0" * 40, NEVER_SAVED, "x" * (MAX_TAG_BYTES + 1), "ä" * MAX_TAG_BYTES, "x" * 100_000],
    ids=lambda name: ascii(name)[:24],
)  # fmt: skip
def test_names_that_git_refuses(client: Zookeeper, counter: Instance, name: str) -> None:
    """Each is refused with the rule that it breaks, before anything is saved."""
    before = counter.checkpoints()

    with pytest.raises(InvalidInput, match="tag"):
        counter.save_checkpoint(name)

    assert list(counter.checkpoints()) == list(before)


def test_a_name_that_looks_like_an_option_is_none(states: HostedZoo, counter: Instance) -> None:
    """Neither the shell's verb nor git takes it for one."""
    before = counter.checkpoints()
    for option in ("--upload-pack=touch x", "-d"):
        done = shell(states, "checkpoint", "save", counter.id, f"--tag={option}")
        assert (done.returncode, "begins with a dash" in done.stderr) == (2, True), done
    assert shell(states, "checkpoint", "restore", counter.id, "--force").returncode == 2
    assert list(counter.checkpoints()) == list(before)


def test_of_two_who_want_a_name_at_once_one_gets_it(
    client: Zookeeper, states: HostedZoo, bucket: DirectoryBucket
) -> None:
    """The other is told, and leaves nothing behind; both go on."""
    instances = [launched(client) for _ in range(3)]
    outcomes: list[Checkpoint | ZookeeperError] = []
    ready = threading.Barrier(len(instances))

    def save(id: str) -> None:
        with Zookeeper(states.url) as own:
            instance = own.instance(id)
            ready.wait()
            try:
                outcomes.append(instance.save_checkpoint("wanted"))
            except ZookeeperError as refused:
                outcomes.append(refused)

    threads = [threading.Thread(target=save, args=(instance.id,)) for instance in instances]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (winner,) = (outcome for outcome in outcomes if isinstance(outcome, Checkpoint))
    assert [type(outcome) for outcome in outcomes if outcome is not winner] == [AlreadyExists, AlreadyExists]
    assert client.checkpoint("wanted", "Counter").id == winner.id
    for instance in instances:
        objects = [found.name for found in bucket.list(f"runs/{instance.id}/") if "/checkpoints/" in found.name]
        assert len(objects) == len(instance.checkpoints()) == int(instance.id == winner.instance_id)
        instance.terminate().wait("TERMINATED")


def test_what_others_grew_from_can_be_deleted(
    client: Zookeeper,
    counter: Instance,
    bucket: DirectoryBucket,
    require_tool: ToolFinder,
    tmp_path: Path,
    states: HostedZoo,
) -> None:
    """Their lineage stays whole, and they can be started from; what is deleted cannot, by anybody."""
    first, second, third = (counter.save_checkpoint(f"grew-{number}") for number in (1, 2, 3))
    with pytest.raises(InvalidTransition, match="would go on from"):
        third.delete()
    second.delete()

    with pytest.raises(NotFound):
        second.delete()
    with pytest.raises(NotFound, match="grew-2"):
        counter.restore("grew-2")
    for gone in (second, NEVER_SAVED):
        with pytest.raises(NotFound, match="no checkpoint"):
            counter.restore(gone)
        with pytest.raises(NotFound, match="no checkpoint"):
            client.launch("Counter", "Line", checkpoint=gone)
    repository = Repository(bucket, client.model("Counter").id)
    assert third.parents == (second.commit,)
    assert repository.verify("grew-3").parents == third.parents
    assert shell(states, "checkpoint", "clone", "Counter", str(tmp_path / "clone"), "--payload").returncode == 0
    git = Git(require_tool("git", "apt-get install git"), tmp_path / "clone", tmp_path)
    git.check()
    assert git("log", "--format=%H", "grew-3").splitlines()[:3] == [third.commit, second.commit, first.commit]
    grown = launched(client, checkpoint=third)
    assert until(lambda: [line.text for line in grown.logs() if line.text.startswith("loaded")])
    grown.terminate().wait("TERMINATED")


def test_a_state_of_another_model_starts_nothing(client: Zookeeper, counter: Instance) -> None:
    """A launch and a restore say whose it is."""
    other = launched(client, "Other")
    alien = other.save_checkpoint("alien")

    with pytest.raises(InvalidInput, match="of the model Other, not of Counter"):
        counter.restore(alien)
    with pytest.raises(InvalidInput, match="of the model Other, not of Counter"):
        client.launch("Counter", "Line", checkpoint=alien)
    with pytest.raises(NotFound, match="alien"):
        counter.restore("alien")
    other.terminate().wait("TERMINATED")


@pytest.mark.parametrize("harm", ["altered", "cut off", "missing"])
def test_a_state_that_is_not_whole_starts_nothing(
    client: Zookeeper, counter: Instance, bucket: DirectoryBucket, harm: str
) -> None:
    """Whoever runs goes on as it was, who is launched from it fails, and no code of theirs has seen a byte of it."""
    made = counter.save_checkpoint(harm.replace(" ", "-"))
    timeline = made.timeline

    with harmed(client, bucket, made, harm):
        with pytest.raises(DataCorrupt, match="checkpoint"):
            counter.restore(made)
        assert counter.refresh().info.timeline == timeline
        assert not [line.text for line in counter.logs() if line.text == f"loaded {made.step}"]
        instance = client.launch("Counter", "Line", checkpoint=made, wait=False)
        instance.wait("FAILED", timeout_s=60)

    assert (instance.info.failure_code, "checkpoint" in (instance.info.failure or "")) == ("DATA_CORRUPT", True)
    assert not [line.text for line in instance.logs() if line.text.startswith("loaded")]
    counter.restore(made)
    assert until(lambda: [line.text for line in counter.logs() if line.text == f"loaded {made.step}"])
    assert counter.refresh().info.timeline == timeline + 1


@contextmanager
def harmed(client: Zookeeper, bucket: DirectoryBucket, checkpoint: Checkpoint, harm: str) -> Iterator[None]:
    """Harms the bytes of a checkpoint behind everybody's back; afterwards they are as they were."""
    payload = Repository(bucket, client.model("Counter").id).read(checkpoint.tag).manifest.payload
    file, _ = bucket.locate(payload[0].object)
    whole = file.read_bytes()
    altered = bytearray(whole)
    altered[len(whole) // 2] ^= 1
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(whole[:-1] if harm == "cut off" else altered)
    yield
    file.write_bytes(whole)


def shell(hosted: HostedZoo, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `zoo` in the folder of a zoo."""
    command = [sys.executable, "-m", "ainimal_zookeeper.cli", *arguments]
    return subprocess.run(command, cwd=hosted.folder, capture_output=True, text=True, timeout=60, check=False)
