"""The push endpoint: queue messages and the timer's calls over HTTP."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from ainimal_zookeeper.domain import errors
from ainimal_zookeeper.domain.documents import Collections, instance_ref
from ainimal_zookeeper.domain.errors import (
    Conflict,
    DataCorrupt,
    InvalidInput,
    PermissionDenied,
    RateLimited,
    Transient,
    Unauthenticated,
    ZookeeperError,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from job_launcher import outcome

from tests.fakes import zoo
from tests.unit.job_launcher.pusher import Pusher, wanted, wrapped


async def test_push_message_is_launched_and_acknowledged() -> None:
    """204 tells the queue that the message is done with."""
    pusher = Pusher()
    assert await pusher.send("/launch", wanted()) == 204
    assert ("ins_1", 1) in pusher.compute.jobs


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Transient("quota", 7), 503, "7"),
        (Transient("soon", 0.1), 503, "1"),
        (RateLimited("slowly", 30), 503, "30"),
        (Conflict("somebody was faster"), 503, "1"),
    ],
)
async def test_push_message_that_must_wait_is_refused(error: ZookeeperError, status: int, retry_after: str) -> None:
    """503 makes the queue send the message again; the instance waits."""
    pusher = Pusher()
    pusher.compute.refuse = error
    answer = await pusher.post("/launch", wanted())
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, retry_after)
    assert zoo.read(pusher.store)["status"]["phase"] == "PENDING"


@pytest.mark.parametrize(
    "error", [InvalidInput("no such image"), DataCorrupt("the model's row is torn"), errors.LimitReached("full")]
)
async def test_push_message_that_can_never_run_is_acknowledged(error: ZookeeperError) -> None:
    """Its instance says why, so that nobody needs the message any more."""
    pusher = Pusher()
    pusher.compute.refuse = error
    assert await pusher.send("/launch", wanted()) == 204
    status = zoo.read(pusher.store)["status"]
    assert (status["phase"], status["failure"] and status["failure"]["code"]) == ("FAILED", error.code)


async def test_failure_that_nobody_foresaw_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    """A document that cannot be read as an instance is no reason to forget its message: dead letters alarm."""
    pusher = Pusher()
    zoo.put(pusher.store, Collections.INSTANCES, {"id": "ins_1"})
    assert await pusher.send("/launch", wanted()) == 500
    assert "nobody foresaw" in caplog.text


def test_every_error_has_an_outcome() -> None:
    """The table is total: a new error of the domain cannot be forgotten in it."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ZookeeperError)}
    assert outcome.RETRY_S.keys() == kinds


def test_an_error_of_some_part_goes_as_what_it_is() -> None:
    """Errors that are not of the domain's module stand below one that is."""

    class Special(Transient):
        pass

    assert (outcome.retry_after_s(Special("x", 3)), outcome.status(Special("x"))) == (3, 503)


BODIES = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"message":{}}',
    b'{"message":{"data":"%%"}}',
    b'{"message":{"data":["a"]}}',
    b'{"message":[]}',
    wrapped([1]),
    wrapped("text"),
    wrapped({}),
    wrapped({"instanceId": "ins_1"}),
    wrapped({"instanceId": "ins_1", "attempt": "1"}),
    wrapped({"instanceId": "ins_1", "attempt": True}),
    wrapped({"instanceId": "ins_1", "attempt": 1.0}),
    wrapped({"instanceId": ["ins_1"], "attempt": 1}),
    wrapped({"instanceId": "", "attempt": 1}),
    wrapped({"instanceId": "ins_../../x", "attempt": 1}),
    wrapped({"instanceId": "ins_\ud800", "attempt": 1}),
    wrapped({"instanceId": "ins_1\n", "attempt": 1}),
    wrapped({"instanceId": "ins_" + "x" * 100_000, "attempt": 1}),
    b"x" * 300_000,
    wrapped({"instanceId": "ins_1", "attempt": 1, "more": "x" * 300_000}),
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_body_that_is_no_message_does_not_come_again(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What is malformed once is malformed for ever: it is acknowledged, and logged."""
    pusher = Pusher()
    assert await pusher.send("/launch", body) == 204
    assert pusher.compute.launches == 0
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize(
    "message",
    [
        {"attributes": None, "messageId": 17},
        {"attributes": ["id"], "messageId": None},
        {"attributes": {"id": 3}},
        {"attributes": {}, "publishTime": {}},
    ],
)
async def test_wrapping_may_be_odd(message: dict[str, Any]) -> None:
    """Only what the message says is of importance."""
    pusher = Pusher()
    assert await pusher.send("/launch", wrapped({"instanceId": "env_1", "attempt": 1}, **message)) == 204
    assert ("env_1", 1) in pusher.compute.jobs


async def test_message_is_known_by_the_id_that_it_was_published_under(caplog: pytest.LogCaptureFixture) -> None:
    """Pub/Sub gives another one to each try of a publisher."""
    pusher = Pusher()
    pusher.compute.refuse = Transient("quota")
    await pusher.send("/launch", wrapped({"instanceId": "ins_1", "attempt": 1}, attributes={"id": "msg_ours"}))
    assert [record.__dict__["message_id"] for record in caplog.records if "waits" in record.message] == ["msg_ours"]


async def test_same_push_many_times_makes_one_job() -> None:
    """Five times the same, also after what came of it."""
    pusher = Pusher()
    for _ in range(5):
        assert await pusher.send("/launch", wanted()) == 204
    assert list(pusher.compute.jobs) == [("ins_1", 1)]


GARBAGE = st.one_of(
    st.binary(max_size=60),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ).map(wrapped),
    st.fixed_dictionaries(
        {"instanceId": st.sampled_from(["ins_1", "ins_9", "", 3, None]), "attempt": st.sampled_from([0, -1, 7, None])}
    ).map(wrapped),
)
PUSHES = st.one_of(st.tuples(st.sampled_from(["ins_1", "ins_2", "env_1"]), st.integers(1, 3)), GARBAGE)


@given(pushes=st.lists(PUSHES, max_size=12), again=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
async def test_pushes_in_any_order_with_garbage_make_at_most_one_job_each(pushes: list[Any], again: Any) -> None:
    """Each five times and shuffled: only current attempts run, each once, and all is acknowledged."""
    pusher = Pusher()
    bodies = [push if isinstance(push, bytes) else wanted(*push) for push in pushes] * 5
    again.shuffle(bodies)
    for body in bodies:
        assert await pusher.send("/launch", body) == 204
    assert set(pusher.compute.jobs) == {push for push in pushes if isinstance(push, tuple) and push[1] == 1}
    assert all(zoo.read(pusher.store, name)["status"]["phase"] == "PENDING" for name in ("ins_1", "ins_2", "env_1"))


async def test_timer_runs_the_reconciler() -> None:
    """The timer's call is answered once the reconciler has run."""
    pusher = Pusher()
    pusher.clock.advance(10)
    assert await pusher.send("/run") == 204
    assert len(pusher.queue.published) == 3


async def test_timer_is_told_when_the_zoo_is_away() -> None:
    """503 shows in the timer's own log, and it may try again."""
    pusher = Pusher()
    pusher.compute.broken = Transient("the cluster is away", 20)
    answer = await pusher.post("/run")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "20")


class OneCaller:
    """`Callers` that admits who says the word, and raises what a test says."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None

    def admit(self, authorization: str | None) -> None:
        if self.trouble is not None:
            raise self.trouble
        if authorization is None:
            raise Unauthenticated("the request carries no token")
        if authorization != "Bearer sesame":
            raise PermissionDenied("the caller is somebody else")


@pytest.mark.parametrize("path", ["/launch", "/run"])
async def test_only_the_caller_that_is_known_gets_in(path: str) -> None:
    """Whoever else asks is told so, and nothing is done for them."""
    pusher = Pusher(callers=OneCaller())
    pusher.clock.advance(10)
    refused = await pusher.post(path, wanted())
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert await pusher.send(path, wanted(), {"Authorization": "Bearer open"}) == 403
    assert (pusher.compute.launches, pusher.queue.published) == (0, [])
    assert await pusher.send(path, wanted(), {"Authorization": "Bearer sesame"}) == 204
    assert pusher.compute.launches + len(pusher.queue.published) > 0


@pytest.mark.parametrize(("trouble", "status"), [(Transient("no certificates", 4), 503), (KeyError("x"), 500)])
async def test_nobody_gets_in_while_it_cannot_be_told_who_calls(trouble: Exception, status: int) -> None:
    """Whatever fails in the check, nothing is done."""
    callers = OneCaller()
    pusher = Pusher(callers=callers)
    callers.trouble = trouble
    assert await pusher.send("/launch", wanted(), {"Authorization": "Bearer sesame"}) == status
    assert pusher.compute.launches == 0


def test_wrapped_is_what_pubsub_sends() -> None:
    """The other tests stand on it."""
    body = json.loads(wanted("ins_2", 4))
    assert json.loads(base64.b64decode(body["message"]["data"]))["attempt"] == 4
    assert instance_ref("ins_2").collection == Collections.INSTANCES
