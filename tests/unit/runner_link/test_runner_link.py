"""The runner link, asked over HTTP as a runner asks it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from ainimal_zookeeper.domain import errors, lifecycle, queries
from ainimal_zookeeper.domain.documents import Collections, Ref
from ainimal_zookeeper.domain.tokens import attempt_token, seat_token
from ainimal_zookeeper.ports.bucket import SignedUrl
from runner_link import RunnerLink, timelines
from runner_link.answers import STATUS
from runner_link.intake import MAX_LOG_LINES
from starlette.applications import Starlette
from starlette.routing import Route

from tests.fakes import zoo
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.secrets import FakeSecrets
from tests.fakes.store import MemoryStore

KEY = "sk-hunter2-hunter2"


class SigningBucket:
    """The abilities of a bucket that the link uses."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def sign_put(self, name: str, size_bytes: int, expires_s: float = 900) -> SignedUrl:
        return SignedUrl(f"http://bucket/{name}", self._clock.now() + timedelta(seconds=expires_s), {"x-once": "1"})

    def sign_get(self, name: str, expires_s: float = 900) -> SignedUrl:
        return SignedUrl(
            f"http://bucket/{name}?read", self._clock.now() + timedelta(seconds=expires_s), {"x-read": "1"}
        )


class Runner:
    """Asks like a runner of one attempt."""

    def __init__(self, client: httpx.AsyncClient, id: str = "ins_1", attempt: int = 1) -> None:
        self._client, self.id, self.attempt = client, id, attempt
        self.token = attempt_token(zoo.SECRET, "link", id, attempt)
        self.sequence = 0

    async def ask(self, route: str, **more: Any) -> httpx.Response:
        body = {"protocol": 1, "instanceId": self.id, "attempt": self.attempt, **more}
        return await self._client.post(f"/{route}", json=body, headers={"Authorization": f"Bearer {self.token}"})

    async def report(self, report: dict[str, Any], **more: Any) -> httpx.Response:
        self.sequence += 1
        return await self.ask("report", sequence=self.sequence, report=report, **more)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryStore:
    store = MemoryStore()
    zoo.furnish(store)
    zoo.add(store, zoo.instance(clock.now()))
    return store


@pytest.fixture
def secrets() -> FakeSecrets:
    return FakeSecrets(OPENAI_KEY=KEY, WORLD="CartPole-v1", OTHER_KEY="other-hunter2")


@pytest.fixture
async def client(store: MemoryStore, clock: FakeClock, secrets: FakeSecrets) -> AsyncIterator[httpx.AsyncClient]:
    bucket: Any = SigningBucket(clock)
    link = RunnerLink(store=store, bucket=bucket, clock=clock, ids=SequentialIds(), secret=zoo.SECRET, secrets=secrets)
    app = Starlette(routes=[Route("/{route}", link.handle, methods=["GET", "POST"])])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://link") as client:
        yield client


@pytest.fixture
def runner(client: httpx.AsyncClient) -> Runner:
    return Runner(client)


def specify(store: MemoryStore, collection: str = Collections.MODELS, id: str = "mod_learner", **changes: Any) -> None:
    """Changes the specification of a catalogue document."""
    document = store.documents[Ref(collection, id)]
    document["specJson"] = json.dumps({**json.loads(document["specJson"]), **changes})


def events(store: MemoryStore, id: str = "ins_1") -> list[str]:
    found = store.query(queries.EVENTS.bind(resource_id=id), queries.Page(100)).documents
    return [event["kind"] for event in reversed(found)]


def log_lines(store: MemoryStore) -> list[str]:
    found = store.query(queries.LOGS.bind(instance_id="ins_1"), queries.Page(10_000)).documents
    return [line["text"] for chunk in found for line in chunk["lines"]]


async def test_claim_hands_out_the_launch(runner: Runner, store: MemoryStore) -> None:
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


async def test_claim_again_gives_the_same(runner: Runner, store: MemoryStore) -> None:
    """A runner whose answer was lost claims again without a second event."""
    first = (await runner.ask("claim")).json()
    assert (await runner.ask("claim")).json() == first
    assert events(store) == ["CLAIMED"]


async def test_claim_of_terminated_instance_ends_it(runner: Runner, store: MemoryStore, clock: FakeClock) -> None:
    """An instance that was terminated before its runner came is over, and its places are free."""
    document = lifecycle.terminate(lifecycle.claim(zoo.read(store), 1, clock.now()), clock.now())
    zoo.put(store, Collections.INSTANCES, dict(document))
    assert (await runner.ask("claim")).status_code == 409
    assert zoo.read(store)["status"]["phase"] == "TERMINATED"
    assert zoo.members(store, "models") == []


async def test_older_attempt_is_refused(client: httpx.AsyncClient, store: MemoryStore, clock: FakeClock) -> None:
    """After a relaunch the older runner may neither claim, ask nor report."""
    older = Runner(client)
    await older.ask("claim")
    document = lifecycle.relaunch(zoo.read(store), clock.now(), timeline=True)
    zoo.put(store, Collections.INSTANCES, dict(document))
    for answer in (await older.ask("claim"), await older.ask("desired"), await older.report({"phase": "RUNNING"})):
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert (await Runner(client, attempt=2).ask("claim")).json()["timeline"] == 2


@pytest.mark.parametrize("route", ["claim", "desired", "report", "ticket"])
async def test_wrong_token_is_refused_everywhere(runner: Runner, route: str) -> None:
    """Without the attempt's own token no route answers anything of the instance."""
    runner.token = attempt_token(zoo.SECRET, "live", "ins_1", 1)
    answer = await runner.ask(route)
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")


async def test_other_protocol_is_refused_with_both_versions(runner: Runner) -> None:
    """A runner of another version learns which versions do not match."""
    answer = await runner.ask("claim", protocol=9)
    assert answer.status_code == 400
    assert "protocol 9" in answer.json()["message"]
    assert "the zoo 1" in answer.json()["message"]


async def test_model_that_left_the_configuration_fails_the_instance(runner: Runner, store: MemoryStore) -> None:
    """A claim of something that can never run fails the instance with the reason."""
    del store.documents[Ref(Collections.MODELS, "mod_learner")]
    assert (await runner.ask("claim")).status_code == 409
    status = zoo.read(store)["status"]
    assert status["phase"] == "FAILED"
    assert status["failure"] is not None
    assert "learner is no longer in the configuration" in status["failure"]["message"]
    assert zoo.members(store, "models") == []


async def test_claim_hands_out_the_variables_that_a_specification_names(
    runner: Runner, store: MemoryStore, secrets: FakeSecrets
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
    assert KEY not in repr(store.documents)


async def test_what_a_user_writes_is_no_reference(runner: Runner, store: MemoryStore, secrets: FakeSecrets) -> None:
    """A parameter that looks like a reference stays that text, and its variable is not even looked up."""
    specify(store, init_params={"key": "${env.OPENAI_KEY}", "rate": "${params.learning_rate}"})
    given = json.dumps({"learning_rate": "${env.OTHER_KEY}"})
    store.documents[Ref(Collections.INSTANCES, "ins_1")]["parametersJson"] = given
    answer = await runner.ask("claim")
    assert answer.json()["parameters"] == {"learning_rate": "${env.OTHER_KEY}"}
    assert secrets.asked == ["OPENAI_KEY"]
    assert "other-hunter2" not in answer.text


async def test_instance_whose_variable_is_missing_fails_with_the_reason(runner: Runner, store: MemoryStore) -> None:
    """The failure names the variable and where to set it."""
    specify(store, init_params={"key": "${env.OPENAI_KEY}${env.ABSENT}"})
    assert (await runner.ask("claim")).status_code == 409
    failure = zoo.read(store)["status"]["failure"]
    assert failure is not None
    assert failure["code"] == "INVALID_INPUT"
    assert failure["message"] == (
        "the model learner needs the variable ABSENT, which is not set; put ABSENT into the drawer, and launch again"
    )
    assert KEY not in repr(store.documents)


async def test_joiner_waits_for_the_address_of_its_world(
    client: httpx.AsyncClient, store: MemoryStore, clock: FakeClock
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


async def test_joiner_of_an_ended_world_fails(client: httpx.AsyncClient, store: MemoryStore, clock: FakeClock) -> None:
    """Who waits for a world that has ended is told so instead of waiting for ever."""
    world = zoo.add(store, zoo.instance(clock.now(), "env_1"))
    zoo.add(store, zoo.joining(clock.now(), id="ins_2"))
    joiner = Runner(client, "ins_2")
    await joiner.ask("claim")
    zoo.put(store, Collections.ENVIRONMENT_INSTANCES, dict(lifecycle.lose(world, clock.now(), "gone")))
    assert (await joiner.ask("desired")).status_code == 409
    assert zoo.read(store, "ins_2")["status"]["phase"] == "FAILED"
    assert zoo.members(store, "connected:env_1") == []


async def test_report_is_taken_in_once(runner: Runner, store: MemoryStore, clock: FakeClock) -> None:
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


async def test_report_keeps_what_the_runner_saw(runner: Runner, store: MemoryStore) -> None:
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
    assert store.documents[Ref(Collections.MANIFESTS, "ins_1")]["manifestJson"].startswith('{"inputs"')
    assert store.documents[Ref(Collections.PROBES, "mod_learner")]["revision"] == "r1"
    assert store.documents[Ref(Collections.SERIES, "ins_1")]["seriesJson"] == "[]"
    assert store.documents[Ref(Collections.THUMBNAILS, "ins_1")]["data"] == "AAAA"


async def test_manifest_of_an_older_revision_is_no_probe(runner: Runner, store: MemoryStore) -> None:
    """What was learnt of a model is not told of a source that has changed since."""
    store.documents[Ref(Collections.MODELS, "mod_learner")]["revision"] = "r2"
    await runner.ask("claim")
    await runner.report({"phase": "RUNNING"}, manifest={"inputs": []})
    assert Ref(Collections.PROBES, "mod_learner") not in store.documents


async def test_changes_of_phase_and_acknowledgements_are_events(
    runner: Runner, store: MemoryStore, clock: FakeClock
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


async def test_failure_ends_the_instance_and_frees_its_places(runner: Runner, store: MemoryStore) -> None:
    """A failure keeps its traceback, leaves every limit in the same change, and may be reported again."""
    await runner.ask("claim")
    failure = {"code": "AINIMAL_FAULT", "message": "division by zero", "traceback": "Traceback ...", "step": 5}
    answer = await runner.report({"phase": "FAILED", "failure": failure})
    assert answer.status_code == 200
    assert zoo.read(store)["status"]["failure"] == failure
    assert [zoo.members(store, name) for name in ("models", "environments", "environment:world_box")] == [[], [], []]
    assert "FAILED" in events(store)
    again = await runner.ask("report", sequence=1, report={"phase": "FAILED", "failure": failure})
    assert again.status_code == 200
    assert (await runner.report({"phase": "RUNNING"})).status_code == 409


async def test_only_the_last_log_lines_are_kept(runner: Runner, store: MemoryStore) -> None:
    """A chatty instance does not fill the store: whole chunks of old lines go."""
    await runner.ask("claim")
    for number in range(14):
        lines = [
            {"at": "2030-01-01T00:00:00.000000Z", "stream": "stdout", "text": f"{number * 500 + n}"} for n in range(500)
        ]
        assert (await runner.report({}, logs=lines)).status_code == 200
    kept = log_lines(store)
    assert len(kept) == MAX_LOG_LINES
    assert kept[-1] == "6999"


async def test_ticket_is_a_link_under_the_attempts_own_prefix(runner: Runner) -> None:
    """A runner gets a link for exactly one object of its own."""
    answer = (await runner.ask("ticket", name="checkpoints/weights.bin", sizeBytes=10)).json()
    assert answer["url"] == "http://bucket/runs/ins_1/1/checkpoints/weights.bin"
    assert answer["headers"] == {"x-once": "1"}


BAD_REPORTS: list[dict[str, Any]] = [
    {"sequence": 0, "report": {}},
    {"sequence": True, "report": {}},
    {"sequence": 1, "report": []},
    {"sequence": 1, "report": {"claimed": False}},
    {"sequence": 1, "report": {"phase": "LOST"}},
    {"sequence": 1, "report": {"phase": "FAILED"}},
    {"sequence": 1, "report": {"phase": ["RUNNING"]}},
    {"sequence": 1, "report": {"liveAddress": "nowhere"}},
    {"sequence": 1, "report": {"liveAddress": "host:99999"}},
    {"sequence": 1, "report": {"stats": {"step": -1}}},
    {"sequence": 1, "report": {"stats": {"loss": "low"}}},
    {"sequence": 1, "report": {}, "logs": [{"at": "2030-01-01T00:00:00.000000Z", "stream": "loud", "text": "x"}]},
    {"sequence": 1, "report": {}, "logs": "x"},
    {"sequence": 1, "report": {}, "events": [{"kind": "TERMINATED", "message": "x"}]},
    {"sequence": 1, "report": {}, "events": [{"kind": [], "message": "x"}]},
    {"sequence": 1, "report": {}, "thumbnail": {"data": "x", "shape": [1], "encoding": {}}},
    {"sequence": 1, "report": {}, "manifest": {"inputs": "x" * 1_000_000}},
    {"sequence": 1, "report": {}, "thumbnail": {"data": "x" * 300_000}},
    {"sequence": 1, "report": {}, "series": {}},
]


@pytest.mark.parametrize("bad", BAD_REPORTS, ids=[str(number) for number in range(len(BAD_REPORTS))])
async def test_bad_report_is_refused_and_changes_nothing(
    runner: Runner, store: MemoryStore, bad: dict[str, Any]
) -> None:
    """Whatever user code makes a runner send, it is refused with the path of the value, and nothing is written."""
    await runner.ask("claim")
    before = zoo.read(store)
    answer = await runner.ask("report", **bad)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
    assert zoo.read(store) == before


@pytest.mark.parametrize("name", ["../../other", "/etc/passwd", "a//b", "", "a/../b", "a b", None])
async def test_ticket_cannot_leave_the_prefix(runner: Runner, name: str | None) -> None:
    """No name leads out of the attempt's own folder."""
    assert (await runner.ask("ticket", name=name, sizeBytes=1)).status_code == 400


async def test_statistics_may_be_nan(client: httpx.AsyncClient, runner: Runner, store: MemoryStore) -> None:
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


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b"x" * 5_000_000, 400), (b"[" * 100_000, 400), (b"{}", 401)],
    ids=["half", "list", "large", "deep", "empty"],
)
async def test_malformed_body_is_refused(client: httpx.AsyncClient, body: bytes, status: int) -> None:
    """A body that is no request is answered with a sentence, never with a breakdown."""
    answer = await client.post("/claim", content=body, headers={"Authorization": "Bearer x"})
    assert answer.status_code == status


async def test_body_is_not_read_without_a_token(client: httpx.AsyncClient) -> None:
    """Who shows no token at all is turned away first."""
    assert (await client.post("/claim", content=b"{")).status_code == 401


async def test_unknown_route_names_those_that_exist(client: httpx.AsyncClient) -> None:
    """Nothing but a POST to the four routes is answered."""
    assert (await client.get("/claim")).status_code == 404
    assert "claim, desired, report, ticket" in (await client.post("/other")).json()["message"]


async def test_deleted_instance_is_not_found(runner: Runner, store: MemoryStore) -> None:
    """A runner of an instance that was deleted is told to end."""
    store.documents.clear()
    assert (await runner.ask("claim")).status_code == 404
    assert (await runner.report({})).status_code == 404


def test_every_domain_error_has_a_status() -> None:
    """The table of statuses is total over the error tree."""

    def tree(error: type[errors.ZookeeperError]) -> set[type[errors.ZookeeperError]]:
        return {error}.union(*(tree(child) for child in error.__subclasses__()))

    ours = {error for error in tree(errors.ZookeeperError) if error.__module__ == errors.__name__}
    assert set(STATUS) == ours


POINT = {"object": "runs/ins_1/1/checkpoints/step-7.zip", "step": 7, "episode": 2, "sizeBytes": 9, "sha256": "a" * 64}


async def test_next_attempt_gets_a_link_to_the_checkpoint(runner: Runner, store: MemoryStore, clock: FakeClock) -> None:
    """A checkpoint that was reported is what the claim of the next attempt hands out, to be read only."""
    await runner.ask("claim")
    assert (await runner.report({"phase": "STOPPING", "checkpoint": POINT})).status_code == 200
    zoo.put(store, Collections.INSTANCES, dict(lifecycle.recover(zoo.read(store), clock.now(), "gone")))
    launch = (await Runner(runner._client, attempt=2).ask("claim")).json()
    assert (launch["attempt"], launch["timeline"]) == (2, 2)
    assert launch["checkpoint"] == {
        "url": f"http://bucket/{POINT['object']}?read",
        "headers": {"x-read": "1"},
        "sha256": "a" * 64,
        "sizeBytes": 9,
        "step": 7,
        "episode": 2,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"object": "runs/ins_1/2/a.zip"},
        {"object": "runs/ins_1/1/../../ins_2/1/a.zip"},
        {"object": 7},
        {"sha256": "a" * 63},
        {"sha256": "A" * 64},
        {"step": -1},
        {"episode": None},
        {"sizeBytes": 2**60},
    ],
)
async def test_checkpoint_that_breaks_a_rule_is_refused(
    runner: Runner, store: MemoryStore, wrong: dict[str, Any]
) -> None:
    """Nothing that user code could make up leads the next attempt to somebody else's bytes."""
    await runner.ask("claim")
    answer = await runner.report({"checkpoint": {**POINT, **wrong}})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
    assert "checkpoint" in answer.json()["message"]
    assert zoo.read(store)["status"]["checkpoint"] is None


def series_of(timeline: int, *means: float) -> dict[str, Any]:
    columns = {"steps": [1], "times": [1.9e9], "mean": list(means), "min": list(means), "max": list(means)}
    return {"path": "metrics.loss", "timeline": timeline, **columns}


async def test_history_of_earlier_timelines_stays(runner: Runner, store: MemoryStore, clock: FakeClock) -> None:
    """The next attempt's charts stand beside those of the timelines before, however often it reports."""
    await runner.ask("claim")
    await runner.report({"phase": "STOPPING", "checkpoint": POINT}, series=[series_of(1, 0.5)])
    zoo.put(store, Collections.INSTANCES, dict(lifecycle.recover(zoo.read(store), clock.now(), "gone")))
    second = Runner(runner._client, attempt=2)
    await second.ask("claim")
    for mean in (0.4, 0.3):
        await second.report({"phase": "RUNNING"}, series=[series_of(2, mean)])
    kept = json.loads(store.documents[Ref(Collections.SERIES, "ins_1")]["seriesJson"])
    assert kept == [series_of(1, 0.5), series_of(2, 0.3)]


def test_the_oldest_timelines_go_first() -> None:
    """A document stays small enough to be stored, and what no runner of ours writes is left out."""
    everything = json.dumps([series_of(number, 0.5) for number in range(1, 20)] + [7, {"timeline": "x"}])
    kept = json.loads(timelines.joined(everything, json.dumps([series_of(20, 0.1)]), 20))
    assert [series["timeline"] for series in kept] == [13, 14, 15, 16, 17, 18, 19, 20]
    big = json.dumps([{**series_of(1), "note": "x" * 500_000}, {**series_of(2), "note": "x" * 500_000}])
    assert [series["timeline"] for series in json.loads(timelines.joined(big, "[]", 3))] == [2]
