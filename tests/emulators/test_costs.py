"""What each kind of transaction costs on Firestore: calls, which take time, and documents read and written, which cost.

A document that is absent is billed as one that is there. What is read and not written is checked by a write that
changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections
from graphql_api.commands import Commands
from graphql_api.launch import Launches
from runner_link.intake import Intake
from runner_link.keeping import Keeping
from runner_link.requests import Caller, reported

from tests.emulators.rpcs import CountedClient
from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.queue import FakeQueue

pytestmark = pytest.mark.emulators

Bill = tuple[dict[str, int], int, int]  # calls by name, documents read, documents written
Cost = Callable[[Callable[[], object]], Bill]

OPERATOR = Principal.operator()
READ, COMMIT, COUNT = "BatchGetDocuments", "Commit", "RunAggregationQuery"


@pytest.fixture
def client(firestore_emulator: None) -> CountedClient:
    return CountedClient(f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def store(client: CountedClient) -> Iterator[FirestoreStore]:
    store = FirestoreStore(client.project, client=client)
    zoo.furnish(store)
    configuration = {"id": "zoo", "name": "zoo", "maxModels": None, "maxEnvironments": None, "computes": []}
    zoo.put(store, Collections.CONFIGURATION, configuration)
    now = FakeClock().now()
    zoo.add(store, lifecycle.claim(zoo.instance(now), 1, now))
    yield store
    store.close()


@pytest.fixture
def cost(client: CountedClient) -> Cost:
    def cost(use: Callable[[], object]) -> Bill:
        client.rpcs.reset()
        use()
        return dict(client.rpcs.calls), client.rpcs.documents, client.rpcs.writes

    return cost


@pytest.mark.parametrize(
    ("input", "expected"),
    [
        # read: command, configuration, model, probe, kind and three limits; written: row, event, command and limits
        ({"environmentId": "world_box"}, ({READ: 1, COMMIT: 1}, 8, 6 + 4)),
        ({"environmentId": "world_box", "name": None}, ({COUNT: 1, READ: 1, COMMIT: 1}, 8, 6 + 4)),
        ({}, ({READ: 1, COMMIT: 1}, 5, 4 + 3)),
    ],
    ids=["brings a world", "without a name", "has no world"],
)
def test_launch(store: FirestoreStore, cost: Cost, input: dict[str, Any], expected: Bill) -> None:
    """All that it needs is read at once."""
    launches = Launches(store=store, queue=FakeQueue(), clock=FakeClock(), ids=SequentialIds())
    given = {"modelId": "mod_learner", "commandId": "c1", "name": "Rex", **input}
    assert cost(lambda: launches.instance(OPERATOR, given)) == expected


def test_command(store: FirestoreStore, cost: Cost) -> None:
    """Its row is read once, and written with its event."""
    commands = Commands(store=store, clock=FakeClock(), ids=SequentialIds())
    assert cost(lambda: commands.set_rate(OPERATOR, "ins_1", None, 5.0)) == ({READ: 1, COMMIT: 1}, 1, 2)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ({READ: 1, COMMIT: 1}, 1, 1)),
        ({"logs": [{"at": "2030-01-01T00:00:00.000000Z", "stream": "stdout", "text": "x"}], "series": []},
         ({READ: 1, COMMIT: 1}, 1, 3)),
        ({"report": {"phase": "TERMINATED"}}, ({READ: 2, COMMIT: 1}, 1 + 3, 2 + 3)),
    ],
    ids=["statistics", "with a log and history", "the last"],
)  # fmt: skip
def test_report(store: FirestoreStore, cost: Cost, said: dict[str, Any], expected: Bill) -> None:
    """The row alone, however much is written beside it; at the end the limits, which are written, too."""
    clock = FakeClock()
    intake = Intake(store=store, clock=clock, keeping=Keeping(store=store, bucket=MemoryBucket(), clock=clock))
    report = reported({"sequence": 1, "report": {}, **said})
    assert cost(lambda: intake.report(Caller("ins_1", 1), report)) == expected
