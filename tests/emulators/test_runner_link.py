"""The runner link on Firestore and Cloud Storage: the suite, links that are used, and what a report costs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.adapters.gcp.storage import StorageBucket
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Collections, instance_ref
from ainimal_zookeeper.ports.bucket import SignedUrl

from tests.conformance.keeping_suite import KeepingTests
from tests.conformance.runner_link_suite import Runner, RunnerLinkTests, furnish, line, series_of
from tests.emulators.rpcs import CountedClient, Rpcs
from tests.emulators.test_firestore_store import new_project
from tests.emulators.test_storage_bucket import BucketPlace
from tests.fakes import zoo
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.emulators

STATS = {"step": 1, "episode": 0, "stepsPerSecond": 1.0, "loss": 0.5}
THUMBNAIL = {"path": "env.frame", "step": 3, "dtype": "uint8", "shape": [2, 2, 3], "encoding": "JPEG", "data": "AAAA"}


@pytest.fixture
def counted(firestore_emulator: None) -> CountedClient:
    return CountedClient(new_project())


@pytest.fixture
def store(counted: CountedClient) -> Iterator[FirestoreStore]:
    store = FirestoreStore(counted.project, client=counted)
    furnish(store, FakeClock())
    yield store
    store.close()


@pytest.fixture
def place(storage_emulator: None) -> Iterator[BucketPlace]:
    place = BucketPlace()
    yield place
    place.close()


@pytest.fixture
def bucket(place: BucketPlace) -> StorageBucket:
    return place.open()


@pytest.fixture
def dump(counted: CountedClient) -> Callable[[], str]:
    """Everything that Firestore holds of the zoo."""
    return lambda: repr([each.to_dict() for collection in counted.collections() for each in collection.stream()])


@pytest.fixture
def rpcs(counted: CountedClient) -> Rpcs:
    return counted.rpcs


async def ticket(runner: Runner, name: str, data: bytes) -> tuple[str, SignedUrl]:
    """Returns the object's name and the link that a runner gets for it."""
    answer = (await runner.ask("ticket", name=name, sizeBytes=len(data))).json()
    return answer["object"], SignedUrl(answer["url"], lifecycle.moment(answer["expiresAt"]), answer["headers"])


class TestKeeping(KeepingTests):
    """On Firestore and Cloud Storage."""


class TestRunnerLinkOnGoogleCloud(RunnerLinkTests):
    # --- bytes -------------------------------------------------------------------------------------------------------

    async def test_what_is_sent_to_a_ticket_is_there(self, runner: Runner, place: BucketPlace) -> None:
        """The bytes lie under the attempt's own prefix, and a second upload finds the object there."""
        name, link = await ticket(runner, "checkpoints/step-1.zip", b"weights")
        assert place.request("PUT", link, b"weights")[0] == 200
        assert name == "runs/ins_1/1/checkpoints/step-1.zip"
        assert place.raw_read(name) == b"weights"
        assert place.request("PUT", link, b"another")[0] == 412
        assert place.raw_read(name) == b"weights"

    @pytest.mark.parametrize(
        ("changes", "body"),
        [
            ({"x-goog-if-generation-match": None}, b"weights"),
            ({"x-goog-if-generation-match": "1"}, b"weights"),
            ({"x-goog-content-length-range": None}, b"weights"),
            ({"x-goog-content-length-range": "0,9999"}, b"weights" * 100),
        ],
        ids=["no precondition", "another precondition", "no size", "another size"],
    )
    async def test_conditions_of_a_ticket_are_signed(
        self, runner: Runner, place: BucketPlace, changes: dict[str, str | None], body: bytes
    ) -> None:
        """A runner that leaves out or changes a header of its ticket holds no valid link."""
        name, link = await ticket(runner, "a.bin", b"weights")
        headers = {key: value for key, value in {**link.headers, **changes}.items() if value is not None}
        assert place.request("PUT", SignedUrl(link.url, link.expires_at, headers), body)[0] == 403
        assert place.raw_read(name) is None

    @pytest.mark.parametrize("name", ["../2/a.bin", "../../ins_2/1/a.bin", "a/../../b", "/runs/ins_2/1/a"])
    async def test_no_ticket_leads_to_another_attempt(self, runner: Runner, name: str) -> None:
        """Whatever name is asked for, it lies below the attempt's own prefix or is refused."""
        assert (await runner.ask("ticket", name=name, sizeBytes=1)).status_code == 400

    async def test_link_for_one_object_opens_no_other(self, runner: Runner, place: BucketPlace) -> None:
        """The name is signed: the link of one attempt, pointed at the next one's prefix, is refused."""
        _, link = await ticket(runner, "a.bin", b"x")
        other = SignedUrl(link.url.replace("/runs/ins_1/1/", "/runs/ins_1/2/"), link.expires_at, link.headers)
        assert place.request("PUT", other, b"x")[0] == 403
        assert place.raw_read("runs/ins_1/2/a.bin") is None

    async def test_fenced_attempt_gets_no_ticket(self, runner: Runner, store: FirestoreStore, clock: FakeClock) -> None:
        """After a relaunch the older runner can create nothing any more."""
        await runner.ask("claim")
        zoo.put(store, Collections.INSTANCES, dict(lifecycle.relaunch(zoo.read(store), clock.now(), timeline=True)))
        assert (await runner.ask("ticket", name="a.bin", sizeBytes=1)).status_code == 409

    async def test_next_attempt_reads_the_checkpoint_of_the_one_before(
        self, runner: Runner, store: FirestoreStore, place: BucketPlace, clock: FakeClock
    ) -> None:
        """From ticket to claim: what one attempt saved, the next one reads, byte by byte."""
        await runner.ask("claim")
        data = b"weights" * 1000
        name, link = await ticket(runner, "checkpoints/step-7.zip", data)
        assert place.request("PUT", link, data)[0] == 200
        sha256 = hashlib.sha256(data).hexdigest()
        point = {"object": name, "step": 7, "episode": 0, "sizeBytes": len(data), "sha256": sha256}
        assert (await runner.report({"phase": "STOPPING", "checkpoint": point})).status_code == 200
        zoo.put(store, Collections.INSTANCES, dict(lifecycle.recover(zoo.read(store), clock.now(), "gone")))
        found = (await runner.later().ask("claim")).json()["checkpoint"]
        status, content = place.request("GET", SignedUrl(found["url"], clock.now(), found["headers"]))
        assert (status, hashlib.sha256(content).hexdigest()) == (200, found["sha256"])

    # --- cost --------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("more", "writes"),
        [
            ({}, 1),
            ({"logs": [line("hello")]}, 2),
            ({"series": [series_of(1, 0.5)], "thumbnail": THUMBNAIL, "logs": [line("hello")]}, 4),
        ],
        ids=["statistics", "lines", "everything"],
    )
    async def test_a_report_reads_its_instance_alone(
        self, runner: Runner, rpcs: Rpcs, more: dict[str, Any], writes: int
    ) -> None:
        """One document read and one commit, of the row and what was seen; there is one every ten seconds."""
        await runner.ask("claim")
        await runner.report({"phase": "RUNNING"})
        rpcs.reset()
        assert (await runner.report({"stats": STATS}, **more)).status_code == 200
        assert rpcs.calls == {"BatchGetDocuments": 1, "Commit": 1}
        assert (rpcs.documents, rpcs.writes) == (1, writes)

    async def test_question_for_what_is_desired_is_one_document(self, runner: Runner, rpcs: Rpcs) -> None:
        """Between two reports a runner asks once; it reads the row and writes nothing."""
        await runner.ask("claim")
        rpcs.reset()
        assert (await runner.ask("desired")).status_code == 200
        assert (rpcs.calls, rpcs.documents) == ({"BatchGetDocuments": 1}, 1)

    async def test_claim_reads_what_it_hands_out(self, runner: Runner, rpcs: Rpcs) -> None:
        """Row, model and environment, and no limit: those are everybody's, and claims would contend for them."""
        rpcs.reset()
        assert (await runner.ask("claim")).status_code == 200
        row_event_checks = 1 + 1 + 2
        assert (rpcs.documents, rpcs.writes, rpcs.calls["Commit"]) == (3, row_event_checks, 1)

    # --- contention --------------------------------------------------------------------------------------------------

    async def test_reports_lose_nothing_to_the_keepers_changes(
        self, runner: Runner, store: FirestoreStore, clock: FakeClock
    ) -> None:
        """While a keeper changes what is desired, reports of statistics keep it, and it keeps the reports."""
        await runner.ask("claim")

        def slow_down(rate: float) -> None:
            def change(transaction: Any) -> None:
                row = transaction.get(instance_ref("ins_1"))
                desired = {**row["desired"], "rate": rate}
                transaction.put(instance_ref("ins_1"), {**row, "desired": desired, "generation": row["generation"] + 1})

            store.transact(change)

        asked = [runner.report({"stats": {**STATS, "step": number}}) for number in range(10)]
        told = [asyncio.to_thread(slow_down, float(rate)) for rate in range(1, 11)]
        answers = await asyncio.gather(*asked, *told)
        assert all(answer.status_code == 200 for answer in answers[:10])
        row = zoo.read(store)
        assert row["generation"] == 11
        assert row["status"]["lastSequence"] == 10
        assert row["desired"]["rate"] in range(1, 11)
