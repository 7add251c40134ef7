"""What the runner link does on every store and bucket, asked over HTTP as a runner asks it.

A binding gives the fixtures `store`, `bucket` and `dump`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from ainimal_zookeeper.domain import lifecycle, queries
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, Ref, RestoreRequest, instance_ref
from ainimal_zookeeper.domain.tokens import attempt_token, seat_token
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.store import DocumentStore
from runner_link import RunnerLink
from runner_link.intake import MAX_LOG_LINES
from starlette.applications import Starlette
from starlette.routing import Route

from tests.fakes import recording_documents as recordings
from tests.fakes import zoo
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.secrets import FakeSecrets

Dump = Callable[[], str]

KEY = "sk-hunter2-hunter2"
STATE = b"the state"
POINT = {
    "object": "runs/ins_1/1/checkpoints/step-7.zip",
    "step": 7,
    "episode": 2,
    "sizeBytes": len(STATE),
    "sha256": hashlib.sha256(STATE).hexdigest(),
}
LEAVES = {"phase": "STOPPING", "checkpoint": POINT}
SENT_BACK: RestoreRequest = {
    "id": "res_1",
    "tag": "calm",
    "authorId": None,
    "point": {**POINT, "checkpointId": "chk_1"},  # type: ignore[typeddict-item]
}


class Runner:
    """Asks like a runner of one attempt."""

    def __init__(self, client: httpx.AsyncClient, id: str = "ins_1", attempt: int = 1) -> None:
        self._client, self.id, self.attempt = client, id, attempt
        self.token = attempt_token(zoo.SECRET, "link", id, attempt)
        self.sequence = 0

    def later(self, attempt: int = 2) -> Runner:
        """Returns the runner of another attempt of the same instance."""
        return Runner(self._client, self.id, attempt)

    async def ask(self, route: str, **more: Any) -> httpx.Response:
        body = {"protocol": 1, "instanceId": self.id, "attempt": self.attempt, **more}
        return await self._client.post(f"/{route}", json=body, headers={"Authorization": f"Bearer {self.token}"})

    async def report(self, report: dict[str, Any], **more: Any) -> httpx.Response:
        self.sequence += 1
        return await self.ask("report", sequence=self.sequence, report=report, **more)


@asynccontextmanager
async def asking(
    store: DocumentStore, bucket: Bucket, clock: FakeClock, secrets: FakeSecrets
) -> AsyncIterator[httpx.AsyncClient]:
    """Opens a runner link and yields what asks it."""
    link = RunnerLink(store=store, bucket=bucket, clock=clock, ids=SequentialIds(), secret=zoo.SECRET, secrets=secrets)
    app = Starlette(routes=[Route("/{route}", link.handle, methods=["GET", "POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://link") as client:
        yield client


def furnish(store: DocumentStore, clock: FakeClock) -> None:
    """Writes a small zoo with one instance that was just asked for."""
    zoo.furnish(store)
    zoo.add(store, zoo.instance(clock.now()))


def specify(
    store: DocumentStore, collection: str = Collections.MODELS, id: str = "mod_learner", **changes: Any
) -> None:
    """Changes the specification of a catalogue document."""
    document = found(store, collection, id)
    spec = {**json.loads(document["specJson"]), **changes}
    zoo.put(store, collection, {**document, "specJson": json.dumps(spec)})


def found(store: DocumentStore, collection: str, id: str) -> Document:
    document = store.get(Ref(collection, id))
    assert document is not None
    return document


def remove(store: DocumentStore, ref: Ref) -> None:
    store.transact(lambda transaction: transaction.delete(ref))


def events(store: DocumentStore, id: str = "ins_1") -> list[str]:
    listed = store.query(queries.EVENTS.bind(resource_id=id), queries.Page(100)).documents
    return [event["kind"] for event in reversed(listed)]


def log_lines(store: DocumentStore) -> list[str]:
    listed = store.query(queries.LOGS.bind(instance_id="ins_1"), queries.Page(10_000)).documents
    return [line["text"] for chunk in listed for line in chunk["lines"]]


def sent_back(store: DocumentStore, clock: FakeClock) -> InstanceDoc:
    """Asks ins_1 to go back to `POINT`, and returns it."""
    row = lifecycle.restore(zoo.read(store), SENT_BACK, clock.now())
    zoo.put(store, Collections.INSTANCES, dict(row))
    return row


def series_of(timeline: int, *means: float) -> dict[str, Any]:
    columns = {"steps": [1], "times": [1.9e9], "mean": list(means), "min": list(means), "max": list(means)}
    return {"path": "metrics.loss", "timeline": timeline, **columns}


def line(text: str) -> dict[str, str]:
    return {"at": "2030-01-01T00:00:00.000000Z", "stream": "stdout", "text": text}


class RunnerLinkTests:
    """Bind it by a subclass, in a module with the fixtures `store` (furnished), `bucket` and `dump`."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def secrets(self) -> FakeSecrets:
        return FakeSecrets(OPENAI_KEY=KEY, WORLD="CartPole-v1", OTHER_KEY="other-hunter2")

    @pytest.fixture
    async def client(
        self, store: DocumentStore, bucket: Bucket, clock: FakeClock, secrets: FakeSecrets
    ) -> AsyncIterator[httpx.AsyncClient]:
        async with asking(store, bucket, clock, secrets) as client:
            yield client

    @pytest.fixture
    def runner(self, client: httpx.AsyncClient) -> Runner:
        return Runner(client)

    async def test_claim_hands_out_the_launch(self, runner: Runner, store: DocumentStore) -> None:
        """A claim answers what to load, with which parameters, and the token of the live server."""
        launch = (await runner.ask("claim")).json()
        assert launch["model"] == {
            "id": "mod_learner",
            "name": "learner",
            "revision": "r1",
            "spec": {"type": "python_class", "path": "/zoo/learner.py", "class_name": "Learner"},
        }
        assert launch["environment"]["spec"]["env_name"] == "CartPole-v1"
        assert launch["parameters"] == {"learning_rate": 0.1}
        assert launch["world"] is None
        assert launch["checkpoint"] is None
        assert launch["liveToken"] == attempt_token(zoo.SECRET, "live", "ins_1", 1)
        assert launch["settings"]["pollSeconds"] == 5
        assert zoo.read(store)["status"]["phase"] == "STARTING"
        assert events(store) == ["CLAIMED"]

    async def test_claim_hands_out_the_file_of_an_uploaded_model(
        self, runner: Runner, store: DocumentStore, bucket: Bucket
    ) -> None:
        """A link to its bytes and what they must be; where they lie in the bucket is nobody's business."""
        bucket.put("uploads/upl_1", STATE)
        sha256 = hashlib.sha256(STATE).hexdigest()
        facts = {"filename": "rex.pkl", "sizeBytes": len(STATE), "sha256": sha256}
        where = {"object": "uploads/upl_1", "ownerId": None, "createdAt": "2026-01-01T00:00:00.000000Z"}
        zoo.put(store, Collections.MODELS, {**zoo.model(), "type": "pickle", "uploaded": {**facts, **where}})
        file = (await runner.ask("claim")).json()["model"]["file"]
        signed = bucket.sign_get("uploads/upl_1", 3600)
        assert file.pop("url").partition("?")[0] == signed.url.partition("?")[0]
        assert file == {**facts, "headers": dict(signed.headers)}

    async def test_claim_again_gives_the_same(self, runner: Runner, store: DocumentStore) -> None:
        """A runner whose answer was lost claims again without a second event."""
        first = (await runner.ask("claim", runner="one")).json()
        assert (await runner.ask("claim", runner="one")).json() == first
        assert events(store) == ["CLAIMED"]

    @pytest.mark.parametrize("other", ["two", None])
    async def test_second_runner_of_an_attempt_is_refused(
        self, runner: Runner, store: DocumentStore, other: str | None
    ) -> None:
        """Where a platform starts a job twice, the first to claim runs it and the other one must end."""
        await runner.ask("claim", runner="one")
        before = zoo.read(store)
        answer = await runner.ask("claim", runner=other)
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
        assert "another runner" in answer.json()["message"]
        assert zoo.read(store) == before

    @pytest.mark.parametrize("name", ["", "a b", "x" * 65, 5, ["one"]])
    async def test_name_of_a_runner_is_checked(self, runner: Runner, store: DocumentStore, name: Any) -> None:
        """What is no name claims nothing."""
        answer = await runner.ask("claim", runner=name)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
        assert not zoo.read(store)["status"]["claimed"]

    async def test_claim_of_terminated_instance_ends_it(
        self, runner: Runner, store: DocumentStore, clock: FakeClock
    ) -> None:
        """An instance that was terminated before its runner came is over, and its places are free."""
        document = lifecycle.terminate(lifecycle.claim(zoo.read(store), 1, clock.now()), clock.now())
        zoo.put(store, Collections.INSTANCES, dict(document))
        assert (await runner.ask("claim")).status_code == 409
        assert zoo.read(store)["status"]["phase"] == "TERMINATED"
        assert zoo.members(store, "models") == []

    async def test_older_attempt_is_refused(
        self, client: httpx.AsyncClient, store: DocumentStore, clock: FakeClock
    ) -> None:
        """After a relaunch the older runner may neither claim, ask nor report."""
        older = Runner(client)
        await older.ask("claim")
        document = lifecycle.relaunch(zoo.read(store), clock.now(), timeline=True)
        zoo.put(store, Collections.INSTANCES, dict(document))
        for answer in (await older.ask("claim"), await older.ask("desired"), await older.report({"phase": "RUNNING"})):
            assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
        assert (await Runner(client, attempt=2).ask("claim")).json()["timeline"] == 2

    async def test_model_that_left_the_configuration_fails_the_instance(
        self, runner: Runner, store: DocumentStore
    ) -> None:
        """A claim of something that can never run fails the instance with the reason."""
        remove(store, Ref(Collections.MODELS, "mod_learner"))
        assert (await runner.ask("claim")).status_code == 409
        status = zoo.read(store)["status"]
        assert status["phase"] == "FAILED"
        assert status["failure"] is not None
        assert "learner is no longer in the configuration" in status["failure"]["message"]
        assert zoo.members(store, "models") == []

    async def test_a_script_claims_without_a_model_on_offer(self, runner: Runner, store: DocumentStore) -> None:
        """Its checkpoints are kept under its name, which no configuration knows."""
        row = zoo.read(store)
        row["origin"], row["model"] = "ATTACHED", {"id": "mod_attached1", "name": "train", "revision": None}
        row["environmentId"] = row["environmentName"] = None
        zoo.put(store, Collections.INSTANCES, cast(Document, row))
        launch = (await runner.ask("claim")).json()
        assert (launch["origin"], launch["model"], launch["attempt"]) == ("ATTACHED", None, 1)
        assert zoo.read(store)["status"]["phase"] == "STARTING"

    async def test_claim_hands_out_the_variables_that_a_specification_names(
        self, runner: Runner, store: DocumentStore, secrets: FakeSecrets, dump: Dump
    ) -> None:
        """Values come with the claim alone: references stay where they are, and no document ever holds a value."""
        specify(store, init_params={"key": "Bearer ${env.OPENAI_KEY}", "deep": [{"again": "${env.OPENAI_KEY}"}]})
        specify(store, Collections.ENVIRONMENTS, "world_box", env_name="${env.WORLD}")
        launch = (await runner.ask("claim")).json()
        assert launch["model"]["spec"]["init_params"]["key"] == "Bearer ${env.OPENAI_KEY}"
        assert launch["model"]["spec"]["variables"] == {"OPENAI_KEY": KEY}
        assert launch["environment"]["spec"]["variables"] == {"WORLD": "CartPole-v1"}
        await runner.report({"phase": "RUNNING"}, manifest={"inputs": []})
        assert sorted(secrets.asked) == ["OPENAI_KEY", "WORLD"]
        assert KEY not in dump()

    async def test_what_a_user_writes_is_no_reference(
        self, runner: Runner, store: DocumentStore, secrets: FakeSecrets
    ) -> None:
        """A parameter that looks like a reference stays that text, and its variable is not even looked up."""
        specify(store, init_params={"key": "${env.OPENAI_KEY}", "rate": "${params.learning_rate}"})
        given = json.dumps({"learning_rate": "${env.OTHER_KEY}"})
        zoo.put(store, Collections.INSTANCES, {**zoo.read(store), "parametersJson": given})
        answer = await runner.ask("claim")
        assert answer.json()["parameters"] == {"learning_rate": "${env.OTHER_KEY}"}
        assert secrets.asked == ["OPENAI_KEY"]
        assert "other-hunter2" not in answer.text

    async def test_instance_whose_variable_is_missing_fails_with_the_reason(
        self, runner: Runner, store: DocumentStore, dump: Dump
    ) -> None:
        """The failure names the variable and where to set it."""
        specify(store, init_params={"key": "${env.OPENAI_KEY}${env.ABSENT}"})
        assert (await runner.ask("claim")).status_code == 409
        failure = zoo.read(store)["status"]["failure"]
        assert failure is not None
        assert failure["code"] == "INVALID_INPUT"
        assert "the model learner needs the variable ABSENT, which is not set; put ABSENT into" in failure["message"]
        assert KEY not in dump()

    async def test_joiner_waits_for_the_address_of_its_world(
        self, client: httpx.AsyncClient, store: DocumentStore, clock: FakeClock
    ) -> None:
        """The claim names the world without an address; `desired` has it once the world's runner has reported it."""
        zoo.add(store, zoo.instance(clock.now(), "env_1"))
        zoo.add(store, zoo.joining(clock.now(), id="ins_2"))
        joiner, world = Runner(client, "ins_2"), Runner(client, "env_1")
        seat = seat_token(attempt_token(zoo.SECRET, "live", "env_1", 1), "ins_2")
        launch = (await joiner.ask("claim")).json()
        assert launch["world"] == {"instanceId": "env_1", "address": None, "seatToken": seat}
        assert launch["environment"] is None
        await world.ask("claim")
        await world.report({"phase": "RUNNING", "liveAddress": "127.0.0.1:4000"})
        assert (await joiner.ask("desired")).json()["world"]["address"] == "127.0.0.1:4000"

    async def test_joiner_of_an_ended_world_fails(
        self, client: httpx.AsyncClient, store: DocumentStore, clock: FakeClock
    ) -> None:
        """Who waits for a world that has ended is told so instead of waiting for ever."""
        world = zoo.add(store, zoo.instance(clock.now(), "env_1"))
        zoo.add(store, zoo.joining(clock.now(), id="ins_2"))
        joiner = Runner(client, "ins_2")
        await joiner.ask("claim")
        zoo.put(store, Collections.ENVIRONMENT_INSTANCES, dict(lifecycle.lose(world, clock.now(), "gone")))
        assert (await joiner.ask("desired")).status_code == 409
        assert zoo.read(store, "ins_2")["status"]["phase"] == "FAILED"
        assert zoo.members(store, "connected:env_1") == []

    async def test_report_is_taken_in_once(self, runner: Runner, store: DocumentStore, clock: FakeClock) -> None:
        """A report that comes twice changes only the heartbeat the second time."""
        await runner.ask("claim")
        lines = [{"at": "2030-01-01T00:00:00.000000Z", "stream": "stdout", "text": "hello"}]
        first = await runner.report({"phase": "RUNNING"}, logs=lines)
        clock.advance(3)
        again = await runner.ask("report", sequence=1, report={"phase": "PAUSED"}, logs=lines)
        assert again.json() == first.json()
        status = zoo.read(store)["status"]
        assert status["phase"] == "RUNNING"
        assert status["heartbeatAt"] == lifecycle.timestamp(clock.now())
        assert log_lines(store) == ["hello"]
        assert sorted(events(store)) == ["CLAIMED", "RUNNING"]

    async def test_report_keeps_what_the_runner_saw(self, runner: Runner, store: DocumentStore) -> None:
        """Manifest, probe, series and thumbnail become documents of their own."""
        await runner.ask("claim")
        manifest: dict[str, Any] = {"inputs": [], "outputs": [], "signals": []}
        thumbnail = {
            "path": "env.frame",
            "step": 3,
            "dtype": "uint8",
            "shape": [2, 2, 3],
            "encoding": "JPEG",
            "data": "AAAA",
        }
        answer = await runner.report({"phase": "RUNNING"}, manifest=manifest, series=[], thumbnail=thumbnail)
        assert answer.status_code == 200
        assert found(store, Collections.MANIFESTS, "ins_1")["manifestJson"].startswith('{"inputs"')
        assert found(store, Collections.PROBES, "mod_learner")["revision"] == "r1"
        assert found(store, Collections.SERIES, "ins_1")["seriesJson"] == "[]"
        assert found(store, Collections.THUMBNAILS, "ins_1")["data"] == "AAAA"

    async def test_an_attempt_is_of_the_model_as_it_is_when_it_begins(
        self, runner: Runner, store: DocumentStore
    ) -> None:
        """What is on offer at the claim is what it loads, whatever was launched; later changes do not concern it."""
        code = {"commit": "c" * 40, "path": "learner.py", "modified": False, "atHand": True}
        zoo.put(store, Collections.MODELS, {**zoo.model(), "revision": "r2", "code": code})
        await runner.ask("claim")
        zoo.put(store, Collections.MODELS, {**zoo.model(), "revision": "r3"})
        await runner.ask("claim")
        assert zoo.read(store)["model"] == {"id": "mod_learner", "name": "learner", "revision": "r2", "code": code}

    async def test_manifest_of_an_older_revision_is_no_probe(self, runner: Runner, store: DocumentStore) -> None:
        """What was learnt of a model is not told of a source that has changed since."""
        await runner.ask("claim")
        zoo.put(store, Collections.MODELS, {**zoo.model(), "revision": "r2"})
        await runner.report({"phase": "RUNNING"}, manifest={"inputs": []})
        assert store.get(Ref(Collections.PROBES, "mod_learner")) is None

    async def test_changes_of_phase_and_acknowledgements_are_events(
        self, runner: Runner, store: DocumentStore, clock: FakeClock
    ) -> None:
        """People can read afterwards when it ran, paused, resumed and took up a change."""
        await runner.ask("claim")
        await runner.report({"phase": "RUNNING", "observedGeneration": 1})
        await runner.report({"phase": "PAUSED"})
        await runner.report({"phase": "RUNNING"})
        mode = {"training": False, "inference": True}
        zoo.put(store, Collections.INSTANCES, dict(lifecycle.set_mode(zoo.read(store), mode)))  # type: ignore[arg-type]
        clock.advance(1)
        answer = await runner.report({"observedGeneration": 2, "acknowledgedAtStep": 12}, events=[])
        assert answer.json()["desired"]["mode"] == mode
        assert sorted(events(store)) == sorted(["CLAIMED", "RUNNING", "PAUSED", "RESUMED", "UPDATED"])
        last = store.query(queries.EVENTS.bind(resource_id="ins_1"), queries.Page(1)).documents[0]
        assert (last["step"], "generation 2" in last["message"]) == (12, True)

    async def test_failure_ends_the_instance_and_frees_its_places(self, runner: Runner, store: DocumentStore) -> None:
        """A failure keeps its traceback, leaves every limit in the same change, and may be reported again."""
        await runner.ask("claim")
        failure = {"code": "AINIMAL_FAULT", "message": "division by zero", "traceback": "Traceback ...", "step": 5}
        answer = await runner.report({"phase": "FAILED", "failure": failure})
        assert answer.status_code == 200
        assert zoo.read(store)["status"]["failure"] == failure
        assert [zoo.members(store, name) for name in ("models", "environments", "environment:world_box")] == [
            [],
            [],
            [],
        ]
        assert "FAILED" in events(store)
        again = await runner.ask("report", sequence=1, report={"phase": "FAILED", "failure": failure})
        assert again.status_code == 200
        assert (await runner.report({"phase": "RUNNING"})).status_code == 409

    async def test_only_the_last_log_lines_are_kept(self, runner: Runner, store: DocumentStore) -> None:
        """A chatty instance does not fill the store: whole chunks of old lines go."""
        await runner.ask("claim")
        for number in range(14):
            lines = [
                {"at": "2030-01-01T00:00:00.000000Z", "stream": "stdout", "text": f"{number * 500 + n}"}
                for n in range(500)
            ]
            assert (await runner.report({}, logs=lines)).status_code == 200
        kept = log_lines(store)
        assert len(kept) == MAX_LOG_LINES
        assert kept[-1] == "6999"

    async def test_ticket_is_a_link_under_the_attempts_own_prefix(self, runner: Runner, bucket: Bucket) -> None:
        """A runner gets a link for exactly one object of its own, of the size that it named."""
        answer = (await runner.ask("ticket", name="checkpoints/weights.bin", sizeBytes=10)).json()
        expected = bucket.sign_put("runs/ins_1/1/checkpoints/weights.bin", 10)
        assert answer["object"] == "runs/ins_1/1/checkpoints/weights.bin"
        assert answer["url"].partition("?")[0] == expected.url.partition("?")[0]
        assert answer["headers"] == dict(expected.headers)

    async def test_statistics_may_be_nan(self, client: httpx.AsyncClient, runner: Runner, store: DocumentStore) -> None:
        """A loss that has become NaN is something to see, not a bad request."""
        await runner.ask("claim")
        body = (
            '{"protocol":1,"instanceId":"ins_1","attempt":1,"sequence":1,'
            '"report":{"stats":{"step":2,"episode":0,"stepsPerSecond":1.0,"loss":NaN,"episodeReturn":-Infinity}}}'
        )
        answer = await client.post("/report", content=body, headers={"Authorization": f"Bearer {runner.token}"})
        assert answer.status_code == 200
        stats = zoo.read(store)["status"]["stats"]
        assert stats["loss"] != stats["loss"]
        assert stats["episodeReturn"] == float("-inf")

    async def test_deleted_instance_is_not_found(self, runner: Runner, store: DocumentStore) -> None:
        """A runner of an instance that was deleted is told to end."""
        remove(store, instance_ref("ins_1"))
        assert (await runner.ask("claim")).status_code == 404
        assert (await runner.report({})).status_code == 404

    async def test_next_attempt_gets_a_link_to_the_checkpoint(
        self, runner: Runner, store: DocumentStore, bucket: Bucket, clock: FakeClock
    ) -> None:
        """A checkpoint that was reported is what the claim of the next attempt hands out, to be read only."""
        bucket.put(str(POINT["object"]), STATE)
        await runner.ask("claim")
        assert (await runner.report(LEAVES)).status_code == 200
        zoo.put(store, Collections.INSTANCES, dict(lifecycle.recover(zoo.read(store), clock.now(), "gone")))
        launch = (await runner.later().ask("claim")).json()
        assert (launch["attempt"], launch["timeline"]) == (2, 2)
        link = launch["checkpoint"].pop("url")
        assert link.partition("?")[0] == bucket.sign_get(str(POINT["object"])).url.partition("?")[0]
        assert launch["checkpoint"] == {
            "headers": dict(bucket.sign_get(str(POINT["object"])).headers),
            "sha256": POINT["sha256"],
            "sizeBytes": 9,
            "step": 7,
            "episode": 2,
        }

    async def test_history_of_earlier_timelines_stays(
        self, runner: Runner, store: DocumentStore, bucket: Bucket, clock: FakeClock
    ) -> None:
        """The next attempt's charts stand beside those of the timelines before, however often it reports."""
        bucket.put(str(POINT["object"]), STATE)
        await runner.ask("claim")
        await runner.report(LEAVES, series=[series_of(1, 0.5)])
        zoo.put(store, Collections.INSTANCES, dict(lifecycle.recover(zoo.read(store), clock.now(), "gone")))
        second = runner.later()
        await second.ask("claim")
        for mean in (0.4, 0.3):
            await second.report({"phase": "RUNNING"}, series=[series_of(2, mean)])
        kept = json.loads(found(store, Collections.SERIES, "ins_1")["seriesJson"])
        assert kept == [series_of(1, 0.5), series_of(2, 0.3)]

    async def test_who_is_sent_back_gets_a_link_and_begins_a_timeline(
        self, runner: Runner, store: DocumentStore, bucket: Bucket, clock: FakeClock
    ) -> None:
        """In the attempt that runs: what it says of the timeline before stays there, whenever it comes."""
        bucket.put(str(POINT["object"]), STATE)
        await runner.ask("claim")
        late = {**lifecycle.no_stats(), "step": 5_000}
        told = {"phase": "RUNNING", "restorable": True, "timeline": 1}
        await runner.report({**told, "stats": late}, series=[series_of(1, 0.5)])
        assert (await runner.ask("checkpoint", id="res_1")).status_code == 400  # nobody has asked
        sent_back(store, clock)

        desired = (await runner.ask("desired")).json()["desired"]["restore"]
        granted = (await runner.ask("checkpoint", id=desired["id"])).json()
        link = granted.pop("url")
        early = await runner.report({"timeline": 2, "stats": {**late, "step": 8}}, series=[series_of(2, 0.9)])
        before = zoo.read(store)
        restored = {"id": "res_1", "timeline": granted["timeline"]}
        answer = await runner.report(
            {"timeline": 2, "restored": restored, "stats": {**late, "step": 9}}, series=[series_of(1, 0.4)]
        )
        await runner.report({"timeline": 1, "stats": late, "acknowledgedAtStep": 5_000})
        await runner.report({}, series=[series_of(2, 0.3)])

        assert link.partition("?")[0] == bucket.sign_get(str(POINT["object"])).url.partition("?")[0]
        assert granted == {
            "headers": dict(bucket.sign_get(str(POINT["object"])).headers),
            "sha256": POINT["sha256"],
            "sizeBytes": 9,
            "step": 7,
            "episode": 2,
            "timeline": 2,
        }
        assert early.status_code == 200
        assert (before["timeline"], before["status"]["stats"]["step"]) == (1, 5_000)
        assert answer.json()["desired"]["restore"] is None
        row = zoo.read(store)
        assert (row["attempt"], row["timeline"], row["status"]["checkpoint"]) == (1, 2, SENT_BACK["point"])
        assert row["status"]["restore"] == {**restored, "failure": None}
        assert (row["status"]["stats"]["step"], row["status"]["acknowledgedAtStep"]) == (9, None)
        kept = json.loads(found(store, Collections.SERIES, "ins_1")["seriesJson"])
        assert kept == [series_of(1, 0.4), series_of(2, 0.3)]
        assert sorted(events(store)) == ["CLAIMED", "RESTORED", "RUNNING"]

    async def test_who_cannot_go_back_says_why_and_nothing_else_changes(
        self, runner: Runner, store: DocumentStore, clock: FakeClock
    ) -> None:
        """The reason is the answer, also of one who fails with the same word; another timeline is refused."""
        await runner.ask("claim")
        await runner.report({"phase": "RUNNING", "restorable": True})
        asked = sent_back(store, clock)
        assert (await runner.report({"restored": {"id": "res_1", "timeline": 3}})).status_code == 400
        failure = {"code": "DATA_CORRUPT", "message": "the checkpoint is damaged"}
        await runner.report({"restored": {"id": "res_0", **failure}})
        assert lifecycle.pending_restore(zoo.read(store)) == SENT_BACK
        why = {"code": "AINIMAL_FAULT", "message": "no", "traceback": None, "step": 1}
        await runner.report({"phase": "FAILED", "failure": why, "restored": {"id": "res_1", **failure}})

        row = zoo.read(store)
        assert row["status"]["restore"] == {"id": "res_1", "timeline": None, "failure": failure}
        assert (row["timeline"], row["status"]["checkpoint"]) == (1, asked["status"]["checkpoint"])
        assert row["status"]["phase"] == "FAILED"
        assert sorted(events(store)) == ["CLAIMED", "FAILED", "RUNNING", "WARNING"]

    async def test_what_becomes_of_a_rule_is_told_and_kept(self, runner: Runner, store: DocumentStore) -> None:
        """One that has ended is wanted no more, also of the next attempt; nobody ends one that nobody set."""
        await runner.ask("claim")
        row = zoo.read(store)
        for number, path in enumerate(("outputs.a", "outputs.b"), 1):
            rule: Any = {"id": f"ovr_{number}", "path": path, "rule": "SET", "valueJson": '{"value":1}'}
            row = lifecycle.set_override(row, rule)
        zoo.put(store, Collections.INSTANCES, cast(Document, row))
        wanted = (await runner.ask("desired")).json()["desired"]["overrides"]
        assert [each["id"] for each in wanted] == ["ovr_1", "ovr_2"]

        stands = {"timeline": 1, "appliedAtStep": 3, "expiresAtStep": None, "ended": None, "message": None}
        await runner.report({"overrides": [{"id": "ovr_1", **stands}, {"id": "ovr_9", **stands}]})
        ended = {**stands, "ended": "REFUSED", "message": "it is float32[3] now"}
        answer = await runner.report({"overrides": [{"id": "ovr_1", **stands}, {"id": "ovr_2", **ended}]})

        assert [each["id"] for each in answer.json()["desired"]["overrides"]] == ["ovr_1"]
        assert [each["id"] for each in zoo.read(store)["status"]["overrides"]] == ["ovr_1", "ovr_2"]
        told = store.query(queries.EVENTS.bind(resource_id="ins_1"), queries.Page(20)).documents
        assert [each["message"] for each in told if each["kind"] == "WARNING"] == [
            "cannot override outputs.b (SET): it is float32[3] now"
        ]
        bad = await runner.report({"overrides": [{"id": "ovr_1", **stands, "ended": "BROKEN"}]})
        assert bad.status_code == 400

    async def test_a_runner_reads_the_recording_that_a_standing_rule_names(
        self, runner: Runner, store: DocumentStore, bucket: Bucket
    ) -> None:
        """And no other: of a rule that has gone nothing is given."""
        await runner.ask("claim")
        patch = '{"patch":{"recordingId":"rec_1","fromStep":1}}'
        rule: Any = {"id": "ovr_1", "path": "outputs.a", "rule": "PATCH", "valueJson": patch}
        ruled = lifecycle.set_override(zoo.read(store), rule)
        zoo.put(store, Collections.INSTANCES, cast(Document, ruled))
        assert (await runner.ask("patch", id="ovr_1")).json()["code"] == "NOT_FOUND"
        zoo.put(store, Collections.RECORDINGS, {"id": "rec_1", "prefix": "runs/ins_9/1/recordings/rec_1/"})
        bucket.put("runs/ins_9/1/recordings/rec_1/manifest.json", b"{}")

        answer = (await runner.ask("patch", id="ovr_1")).json()
        assert answer["baseUrl"] == bucket.share("runs/ins_9/1/recordings/rec_1/").base_url
        assert isinstance(answer["headers"], dict)
        zoo.put(store, Collections.INSTANCES, cast(Document, lifecycle.clear_overrides(ruled)))
        for asked in ("ovr_1", None, 7):
            assert (await runner.ask("patch", id=asked)).status_code == 400

    async def test_two_runners_of_one_attempt_claim_at_the_same_time(
        self, client: httpx.AsyncClient, store: DocumentStore
    ) -> None:
        """Both get the same launch, as one that asks twice does, and the claim is told once."""
        answers = await asyncio.gather(*(Runner(client).ask("claim") for _ in range(4)))
        assert [answer.status_code for answer in answers] == [200] * 4
        assert all(answer.json() == answers[0].json() for answer in answers)
        assert events(store) == ["CLAIMED"]

    async def test_of_two_attempts_at_the_same_time_the_current_one_wins(
        self, runner: Runner, store: DocumentStore, clock: FakeClock
    ) -> None:
        """However the two interleave, the older attempt leaves nothing behind."""
        await runner.ask("claim")
        zoo.put(store, Collections.INSTANCES, dict(lifecycle.relaunch(zoo.read(store), clock.now(), timeline=True)))
        newer = runner.later()
        asked = await asyncio.gather(
            runner.ask("claim"), newer.ask("claim"), runner.report({"phase": "RUNNING"}, logs=[line("old")])
        )
        assert [answer.status_code for answer in asked] == [409, 200, 409]
        assert (zoo.read(store)["attempt"], zoo.read(store)["status"]["phase"]) == (2, "STARTING")
        assert log_lines(store) == []

    # --- recordings ------------------------------------------------------------------------------------------------

    async def test_recording_is_taken_in_bit_by_bit_and_gets_its_manifest(
        self, runner: Runner, store: DocumentStore, bucket: Bucket, clock: FakeClock
    ) -> None:
        """A whole segment takes the place of its tails, also told twice; what is sealed has a manifest of all."""
        await runner.ask("claim")
        recordings.add(store, clock.now())
        prefix = "runs/ins_1/1/recordings/rec_1/"
        begun = {"signals": ["action"], "step": 5, "timeline": 1}
        assert (await runner.ask("recording", id="rec_1", begun=begun)).status_code == 200
        assert (recordings.read(store)["signals"], recordings.read(store)["firstStep"]) == (["action"], 5)
        for tail in (0, 1):
            bucket.put(f"{prefix}000000.{tail:03d}.mcap", b"x")
            said = recordings.arrived(0, 5 + tail * 10, 14 + tail * 10, tail)
            assert (await runner.ask("recording", id="rec_1", arrived=[said])).status_code == 200
        assert (recordings.read(store)["lastStep"], recordings.read(store)["sizeBytes"]) == (24, 2000)
        bucket.put(f"{prefix}000000.mcap", b"x")
        for _ in range(2):
            said = recordings.arrived(0, 5, 34, tails=2)
            answer = await runner.ask("recording", id="rec_1", arrived=[said], droppedSteps=3)
            assert (answer.status_code, answer.json()) == (200, {})
        assert recordings.read(store)["sizeBytes"] == 1000
        assert [info.name for info in bucket.list(prefix)] == [f"{prefix}000000.mcap"]
        weights = {"kind": "weights", "version": 1, "name": "weights-1-4.safetensors", "timeline": 1, "step": 4}
        told = {"number": 0, "tail": None, "index": {**weights, "sizeBytes": 10, "sha256": "0" * 64}}
        assert (await runner.ask("recording", id="rec_1", arrived=[told])).status_code == 200
        for _ in range(2):
            assert (await runner.ask("recording", id="rec_1", sealed=True)).status_code == 200
        recording = recordings.read(store)
        assert (recording["phase"], recording["firstStep"], recording["lastStep"]) == ("SEALED", 5, 34)
        assert (recording["sizeBytes"], recording["droppedSteps"], recording["failure"]) == (1010, 3, None)
        assert recording["firstAt"] == "2023-11-14T22:13:20.005000Z"
        manifest = json.loads(bucket.get(f"{prefix}manifest.json"))
        assert [(one["number"], one["tail"]) for one in manifest["segments"]] == [(0, None)]
        assert [one["name"] for one in manifest["weights"]] == ["weights-1-4.safetensors"]
        assert (manifest["steps"], manifest["droppedSteps"], manifest["instanceId"]) == (30, 3, "ins_1")
        assert events(store).count("WARNING") == 1  # of the steps that are missing

    async def test_recording_that_has_ended_keeps_what_its_manifest_names(
        self, runner: Runner, store: DocumentStore, bucket: Bucket, clock: FakeClock
    ) -> None:
        """Its runner may tell of a whole segment when it is too late: the tails in the place of it stay."""
        await runner.ask("claim")
        recordings.add(store, clock.now())
        prefix = "runs/ins_1/1/recordings/rec_1/"
        bucket.put(f"{prefix}000000.000.mcap", b"x")
        await runner.ask("recording", id="rec_1", arrived=[recordings.arrived(0, 5, 14, 0)], sealed=True)
        late = recordings.arrived(0, 5, 34, tails=1)
        assert (await runner.ask("recording", id="rec_1", arrived=[late])).status_code == 200
        assert bucket.info(f"{prefix}000000.000.mcap") is not None
        assert recordings.read(store)["lastStep"] == 14

    async def test_recording_of_too_many_objects_takes_no_more(
        self, runner: Runner, store: DocumentStore, clock: FakeClock
    ) -> None:
        """Its manifest is made in memory; what arrived before stays, and it can be sealed."""
        await runner.ask("claim")
        recordings.add(store, clock.now(), indexBytes=64 * 1024 * 1024 - 1000)
        answers = [
            await runner.ask("recording", id="rec_1", arrived=[recordings.arrived(number, number, number)])
            for number in (0, 1)
        ]
        assert [answer.status_code for answer in answers] == [200, 400]
        assert "begin another" in answers[1].json()["message"]
        assert (await runner.ask("recording", id="rec_1", sealed=True)).status_code == 200
        assert (recordings.read(store)["phase"], recordings.read(store)["lastStep"]) == ("SEALED", 0)

    async def test_recording_that_became_nothing_says_why(
        self, runner: Runner, store: DocumentStore, bucket: Bucket, clock: FakeClock
    ) -> None:
        """It is LOST, and there is nothing to read."""
        await runner.ask("claim")
        recordings.add(store, clock.now())
        failure = {"code": "INVALID_TRANSITION", "message": "nothing is remembered"}
        await runner.ask("recording", id="rec_1", sealed=True, failure=failure)
        recording = recordings.read(store)
        assert (recording["phase"], recording["failure"]) == ("LOST", failure)
        assert bucket.info("runs/ins_1/1/recordings/rec_1/manifest.json") is None

    async def test_recording_is_of_the_attempt_that_makes_it(
        self, runner: Runner, store: DocumentStore, clock: FakeClock
    ) -> None:
        """Not of another instance's, nor of an attempt that has no say any more; one that was deleted is told so."""
        await runner.ask("claim")
        recordings.add(store, clock.now(), "rec_other", instanceId="ins_2")
        recordings.add(store, clock.now(), "rec_later", attempt=2)
        for name, status in (("rec_other", 400), ("rec_later", 400), ("rec_gone", 404)):
            assert (await runner.ask("recording", id=name, sealed=True)).status_code == status
        assert (await runner.later().ask("recording", id="rec_later", sealed=True)).status_code == 409
        assert recordings.read(store, "rec_other")["phase"] == "OPEN"

    async def test_checkpoint_that_a_recording_begins_with_stays(
        self, runner: Runner, store: DocumentStore, bucket: Bucket, clock: FakeClock
    ) -> None:
        """The recording names it, and it is not among those that are taken away when there are many."""
        await runner.ask("claim")
        recordings.add(store, clock.now())
        bucket.put(str(POINT["object"]), STATE)
        save = {"kind": "RECORDING", "recording": "rec_1"}
        assert (await runner.report({"phase": "RUNNING", "checkpoint": POINT, "save": save})).status_code == 200
        (checkpoint,) = store.query(
            queries.CHECKPOINTS_BY_INSTANCE.bind(instance_id="ins_1"), queries.Page(5)
        ).documents
        assert (checkpoint["kind"], checkpoint["kept"]) == ("RECORDING", True)
        assert recordings.read(store)["checkpointId"] == checkpoint["id"]

    async def test_reports_at_the_same_time_are_all_taken_in(self, runner: Runner, store: DocumentStore) -> None:
        """Twenty reports contend for one instance: each counts once, and its lines have a place of their own."""
        await runner.ask("claim")
        lines = [[line(f"{number}")] for number in range(20)]
        asked = await asyncio.gather(*(runner.report({}, logs=lines[number]) for number in range(20)))
        refused = [answer.status_code for answer in asked if answer.status_code != 200]
        status = zoo.read(store)["status"]
        # One that is overtaken by a later one is taken for a repetition: a runner sends them one after the other.
        assert refused == []
        assert status["lastSequence"] == 20
        assert status["logLines"] == len(log_lines(store))
