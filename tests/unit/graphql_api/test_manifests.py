"""What only the repository of a model says of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ainimal_zookeeper.domain.documents import CheckpointDoc
from graphql_api.manifests import Manifests

from tests.fakes import checkpoints
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

LAYER = {"id": "head", "name": "head", "type": "Linear", "parameterCount": 12, "outputShape": [None, 2]}
ARCHITECTURE = {"nodes": [LAYER], "edges": [{"source": "head", "target": "head"}], "parameterCount": 12.0}
QUERY = """query($id:ID!){node(id:$id){... on Checkpoint{
  tag needsPickle author{name} architecture{nodes{name outputShape} edges{source} parameterCount}}}}"""

Made = Callable[..., CheckpointDoc]


@pytest.fixture
def made(store: MemoryStore, bucket: MemoryBucket, clock: FakeClock) -> Made:
    def make(architecture: Any, tag: str = "a", **changes: Any) -> CheckpointDoc:
        return checkpoints.add(store, bucket, clock.advance(1), "ins_a", tag, architecture=architecture, **changes)

    return make


async def shown(visitor: Visitor, checkpoint: CheckpointDoc) -> dict[str, Any]:
    node: dict[str, Any] = (await visitor.data(QUERY, id=checkpoint["id"]))["node"]
    return node


async def test_the_architecture_is_that_of_the_commit(visitor: Visitor, made: Made) -> None:
    """As it was when it was saved, whatever the model is made of by now."""
    found = await shown(visitor, made(ARCHITECTURE, needsPickle=True))
    assert found["architecture"] == {
        "nodes": [{"name": "head", "outputShape": [None, 2]}],
        "edges": [{"source": "head"}],
        "parameterCount": 12.0,
    }
    assert (found["needsPickle"], found["author"]) == (True, None)


@pytest.mark.parametrize("architecture", [None, {"nodes": [{"id": 1}]}, {}])
async def test_what_cannot_be_shown_is_absent(visitor: Visitor, made: Made, architecture: Any) -> None:
    """A list of checkpoints does not fail for one of them."""
    found = await shown(visitor, made(architecture))
    assert (found["tag"], found["architecture"]) == ("a", None)


async def test_a_commit_that_is_lost_is_absent(visitor: Visitor, made: Made, bucket: MemoryBucket) -> None:
    """And so is what it said."""
    checkpoint = made(ARCHITECTURE)
    commit = checkpoint["commit"]
    bucket.delete(f"repositories/mod_learner/objects/{commit[:2]}/{commit[2:]}")
    assert (await shown(visitor, checkpoint))["architecture"] is None


async def test_nothing_is_read_that_nobody_asks_for(visitor: Visitor, made: Made, bucket: MemoryBucket) -> None:
    """A list is as fast without it as ever."""
    checkpoint = made(ARCHITECTURE)
    for info in list(bucket.list("repositories/")):
        bucket.delete(info.name)
    data = await visitor.data("query($id:ID!){node(id:$id){... on Checkpoint{tag}}}", id=checkpoint["id"])
    assert data["node"]["tag"] == "a"


def test_what_was_read_is_known(made: Made, bucket: MemoryBucket) -> None:
    """A commit never changes."""
    opened = list[int]()

    def open_bucket() -> MemoryBucket:
        opened.append(1)
        return bucket

    manifests, checkpoint = Manifests(open_bucket), made(ARCHITECTURE)
    for _ in range(2):
        assert manifests.architecture("mod_learner", checkpoint["commit"]) == ARCHITECTURE
    assert len(opened) == 1
