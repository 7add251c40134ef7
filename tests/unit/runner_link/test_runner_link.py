"""The runner link on stores in memory, and what it answers before it looks into any."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.adapters.embedded.clock import SystemClock
from ainimal_zookeeper.domain import errors
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.tokens import attempt_token
from runner_link import timelines
from runner_link.answers import STATUS, refusal
from runner_link.recordings import read

from tests.conformance.runner_link_suite import POINT, Runner, RunnerLinkTests, furnish, series_of
from tests.fakes import recording_documents as recordings
from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore

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
    {"sequence": 1, "report": {"timeline": -1}},
    {"sequence": 1, "report": {"restorable": "yes"}},
    {"sequence": 1, "report": {"control": {"id": "ctl_1", "ended": "TAKEN"}}},
    {"sequence": 1, "report": {"control": {"ended": "LAPSED"}}},
    {"sequence": 1, "report": {"overrides": {}}},
    {"sequence": 1, "report": {"overrides": [{"id": 1, "timeline": 1}]}},
    {"sequence": 1, "report": {"overrides": [{"id": "ovr_1", "timeline": 1, "ended": "LATER"}]}},
    {"sequence": 1, "report": {"overrides": [{"id": "ovr_1", "timeline": 1, "appliedAtStep": -1}]}},
    {"sequence": 1, "report": {"restored": []}},
    {"sequence": 1, "report": {"restored": {"id": "sav_1", "timeline": 2}}},
    {"sequence": 1, "report": {"restored": {"id": "res_1", "timeline": "2"}}},
    {"sequence": 1, "report": {"restored": {"id": "res_1", "code": "X"}}},
    {"sequence": 1, "report": {"stats": {"loss": "low"}}},
    {"sequence": 1, "report": {}, "logs": [{"at": "2030-01-01T00:00:00.000000Z", "stream": "loud", "text": "x"}]},
    {"sequence": 1, "report": {}, "logs": "x"},
    {"sequence": 1, "report": {}, "events": [{"kind": "TERMINATED", "message": "x"}]},
    {"sequence": 1, "report": {}, "events": [{"kind": [], "message": "x"}]},
    {"sequence": 1, "report": {}, "thumbnail": {"data": "x", "shape": [1], "encoding": {}}},
    {"sequence": 1, "report": {}, "manifest": {"inputs": "x" * 1_000_000}},
    {"sequence": 1, "report": {}, "thumbnail": {"data": "x" * 300_000}},
    {"sequence": 1, "report": {}, "series": {}},
    {"sequence": 1, "report": {"save": {"code": "X", "message": "x"}}},
    {"sequence": 1, "report": {"save": {"id": "sav_1", "message": "x"}}},
    {"sequence": 1, "report": {"save": {"id": "../1", "code": "X", "message": "x"}}},
    {"sequence": 1, "report": {"save": []}},
    {"sequence": 1, "report": {"checkpoint": POINT, "save": {"kind": "ASKED"}}},
    {"sequence": 1, "report": {"checkpoint": POINT, "save": {"kind": "AUTOSAVE", "id": "sav_1"}}},
    {"sequence": 1, "report": {"checkpoint": POINT, "save": {"kind": ["AUTOSAVE"]}}},
    {"sequence": 1, "report": {"checkpoint": POINT, "save": {"kind": "AUTOSAVE", "seeds": []}}},
    {"sequence": 1, "report": {"checkpoint": POINT, "save": {"kind": "AUTOSAVE", "overrides": {"a": 1}}}},
    {"sequence": 1, "report": {"checkpoint": POINT, "save": {"kind": "AUTOSAVE", "overrides": [1]}}},
    {"sequence": 1, "report": {"checkpoint": POINT, "save": {"kind": "AUTOSAVE", "libraries": {"numpy": 2}}}},
    {"sequence": 1, "report": {"checkpoint": POINT, "save": {"kind": "AUTOSAVE", "seeds": {"a": "x" * 200_000}}}},
]


BAD_RECORDINGS: list[dict[str, Any]] = [
    {},
    {"id": "ins_1"},
    {"id": "../rec_1"},
    {"id": "rec_1", "begun": []},
    {"id": "rec_1", "begun": {"signals": [], "step": 1, "timeline": 1}},
    {"id": "rec_1", "begun": {"signals": ["no path!"], "step": 1, "timeline": 1}},
    {"id": "rec_1", "begun": {"signals": ["action"], "step": -1, "timeline": 1}},
    {"id": "rec_1", "arrived": {}},
    {"id": "rec_1", "arrived": [recordings.arrived(0, 1, 2)] * 21},
    {"id": "rec_1", "arrived": [{**recordings.arrived(0, 1, 2), "number": 1}]},
    {"id": "rec_1", "arrived": [recordings.arrived(0, 1, 2, tails=401)]},
    {"id": "rec_1", "arrived": [recordings.arrived(0, 1, 2, index={})]},
    *(
        {"id": "rec_1", "arrived": [recordings.arrived(0, 1, 2, index={**recordings.arrived(0, 1, 2)["index"], **bad})]}
        for bad in (
            {"version": 2},
            {"name": "../manifest.json"},
            {"kind": "manifest"},
            {"sha256": "x"},
            {"sizeBytes": "many"},
            {"firstStep": -1},
            {"lastTime": 2**63},
            {"channels": None},
            {"batches": ["x" * 1_000_000]},
            {"steps": None},
            {"firstStep": None},
            {"number": 0, "name": ".."},
            {
                "channels": [
                    {"path": f"a.{number}", "dtype": "u", "shape": [], "kind": "scalar"} for number in range(10_011)
                ]
            },
            {"channels": [*recordings.CHANNELS, recordings.CHANNELS[0]]},
            {"channels": list(range(3))},
            {"groups": {"scalar": [["x"]]}},
            {"groups": {"scalar": []}},
            {"events": 5},
            {"batches": [[1, 2, 2**40, 0, 0]]},
        )
    ),
    {"id": "rec_1", "begun": {"signals": [f"a.{'b' * 240}{n}" for n in range(5_000)], "step": 1, "timeline": 1}},
    {"id": "rec_1", "arrived": [recordings.arrived(n, 1, 2, tails=300) for n in range(2)]},
    {"id": "rec_1", "droppedSteps": 1.5},
    {"id": "rec_1", "sealed": "yes"},
    {"id": "rec_1", "failure": {"code": "X"}},
]


def test_no_number_that_json_lacks_gets_into_the_index_of_a_recording() -> None:
    """A runner can send one, and no other reader of the manifest would take it."""
    said = recordings.arrived(0, 1, 2)
    said["index"]["more"] = float("nan")
    with pytest.raises(InvalidInput, match="cannot be kept"):
        read({"id": "rec_1", "arrived": [said]})


class TestRunnerLink(RunnerLinkTests):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryStore:
        store = MemoryStore()
        furnish(store, clock)
        return store

    @pytest.fixture
    def bucket(self, tmp_path: Path) -> DirectoryBucket:
        return DirectoryBucket(tmp_path, "http://bucket", zoo.SECRET, SystemClock())

    @pytest.fixture
    def dump(self, store: MemoryStore) -> Callable[[], str]:
        return lambda: repr(store.documents)

    @pytest.mark.parametrize("route", ["claim", "desired", "report", "ticket", "recording"])
    async def test_wrong_token_is_refused_everywhere(self, runner: Runner, route: str) -> None:
        """Without the attempt's own token no route answers anything of the instance."""
        runner.token = attempt_token(zoo.SECRET, "live", "ins_1", 1)
        answer = await runner.ask(route)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")

    async def test_other_protocol_is_refused_with_both_versions(self, runner: Runner) -> None:
        """A runner of another version learns which versions do not match."""
        answer = await runner.ask("claim", protocol=9)
        assert answer.status_code == 400
        assert "protocol 9" in answer.json()["message"]
        assert "the zoo 1" in answer.json()["message"]

    @pytest.mark.parametrize("bad", BAD_REPORTS, ids=[str(number) for number in range(len(BAD_REPORTS))])
    async def test_bad_report_is_refused_and_changes_nothing(
        self, runner: Runner, store: MemoryStore, bad: dict[str, Any]
    ) -> None:
        """Whatever user code makes a runner send, it is refused with the path of the value, and nothing is written."""
        await runner.ask("claim")
        before = zoo.read(store)
        answer = await runner.ask("report", **bad)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
        assert zoo.read(store) == before

    @pytest.mark.parametrize("bad", BAD_RECORDINGS, ids=[str(number) for number in range(len(BAD_RECORDINGS))])
    async def test_bad_news_of_a_recording_is_refused(
        self, runner: Runner, store: MemoryStore, clock: FakeClock, bad: dict[str, Any]
    ) -> None:
        """What others read of it later was looked at when it came."""
        await runner.ask("claim")
        before = recordings.add(store, clock.now())
        answer = await runner.ask("recording", **bad)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
        assert recordings.read(store) == before

    @pytest.mark.parametrize("name", ["../../other", "/etc/passwd", "a//b", "", "a/../b", "a b", None])
    async def test_ticket_cannot_leave_the_prefix(self, runner: Runner, name: str | None) -> None:
        """No name leads out of the attempt's own folder."""
        assert (await runner.ask("ticket", name=name, sizeBytes=1)).status_code == 400

    @pytest.mark.parametrize(
        ("body", "status"),
        [(b"{", 400), (b"[]", 400), (b"x" * 5_000_000, 400), (b"[" * 100_000, 400), (b"{}", 401)],
        ids=["half", "list", "large", "deep", "empty"],
    )
    async def test_malformed_body_is_refused(self, client: httpx.AsyncClient, body: bytes, status: int) -> None:
        """A body that is no request is answered with a sentence, never with a breakdown."""
        answer = await client.post("/claim", content=body, headers={"Authorization": "Bearer x"})
        assert answer.status_code == status

    async def test_body_is_not_read_without_a_token(self, client: httpx.AsyncClient) -> None:
        """Who shows no token at all is turned away first."""
        assert (await client.post("/claim", content=b"{")).status_code == 401

    async def test_long_name_of_a_stranger_is_not_told_back(self, client: httpx.AsyncClient) -> None:
        """Whoever proves nothing gets a short answer, whatever is sent."""
        body = {"protocol": 1, "instanceId": "x" * 100_000, "attempt": 1}
        answer = await client.post("/claim", json=body, headers={"Authorization": "Bearer none"})
        assert answer.status_code == 401
        assert len(answer.content) < 400

    async def test_unknown_route_names_those_that_exist(self, client: httpx.AsyncClient) -> None:
        """Nothing but a POST to the four routes is answered."""
        assert (await client.get("/claim")).status_code == 404
        assert "claim, desired, report, ticket" in (await client.post("/other")).json()["message"]

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
        self, runner: Runner, store: MemoryStore, wrong: dict[str, Any]
    ) -> None:
        """Nothing that user code could make up leads the next attempt to somebody else's bytes."""
        await runner.ask("claim")
        answer = await runner.report({"checkpoint": {**POINT, **wrong}})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
        assert "checkpoint" in answer.json()["message"]
        assert zoo.read(store)["status"]["checkpoint"] is None


def test_error_of_a_later_kind_is_answered_as_what_it_is() -> None:
    """A subclass that the table does not name has the status of the kind that it is of."""

    class Vanished(errors.NotFound):
        pass

    assert refusal(Vanished("it is gone")).status_code == 404


def test_every_domain_error_has_a_status() -> None:
    """The table of statuses is total over the error tree."""

    def tree(error: type[errors.ZookeeperError]) -> set[type[errors.ZookeeperError]]:
        return {error}.union(*(tree(child) for child in error.__subclasses__()))

    ours = {error for error in tree(errors.ZookeeperError) if error.__module__ == errors.__name__}
    assert set(STATUS) == ours


def test_the_oldest_timelines_go_first() -> None:
    """A document stays small enough to be stored, and what no runner of ours writes is left out."""
    everything = json.dumps([series_of(number, 0.5) for number in range(1, 20)] + [7, {"timeline": "x"}])
    kept = json.loads(timelines.joined(everything, json.dumps([series_of(20, 0.1)]), {20}))
    assert [series["timeline"] for series in kept] == [13, 14, 15, 16, 17, 18, 19, 20]
    big = json.dumps([{**series_of(1), "note": "x" * 500_000}, {**series_of(2), "note": "x" * 500_000}])
    assert [series["timeline"] for series in json.loads(timelines.joined(big, "[]", ()))] == [2]


def test_a_timeline_that_is_told_again_takes_its_place() -> None:
    """Its last word comes when the next one has begun already, and no timeline is there twice."""
    known = json.dumps([series_of(1, 0.1), series_of(2, 0.2), series_of(3, 0.3)])
    kept = json.loads(timelines.joined(known, json.dumps([series_of(2, 0.4)]), {2}))
    assert kept == [series_of(1, 0.1), series_of(2, 0.4), series_of(3, 0.3)]
