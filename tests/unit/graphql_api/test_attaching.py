"""Attaching a script through the API: the row that is made, and what the script gets to speak for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.domain import limits
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections
from ainimal_zookeeper.domain.errors import InvalidInput, PermissionDenied
from ainimal_zookeeper.domain.tokens import attempt_token
from graphql_api.api import Api
from graphql_api.attaching import Attachments, model_id_of
from graphql_api.starting import check_script

from tests.fakes import checkpoints, zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.queue import FakeQueue
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

ATTACH = """mutation($i:InstanceAttachInput!){instanceAttach(input:$i){
  instance{id name origin phase modelName model{id} parameters seed mode{training inference}}
  link{url attempt token} userErrors{code message path}}}"""
MODE = "mutation($i:InstanceModeSetInput!){instanceModeSet(input:$i){userErrors{code message}}}"


@pytest_asyncio.fixture
async def reachable(
    store: MemoryStore, queue: FakeQueue, bucket: MemoryBucket, clock: FakeClock
) -> AsyncIterator[Visitor]:
    """A visitor of a zoo that says where scripts reach it."""
    api = Api(
        store=store,
        queue=queue,
        dialer=LoopbackDialer(),
        bucket=lambda: bucket,
        clock=clock,
        ids=SequentialIds(),
        secret=zoo.SECRET,
        link_url="http://zoo.test/runner",
    )
    yield Visitor(api)
    await api.close()


async def attach(visitor: Visitor, **input: Any) -> dict[str, Any]:
    payload: dict[str, Any] = (await visitor.data(ATTACH, i={"script": "train", **input}))["instanceAttach"]
    return payload


async def test_a_script_becomes_an_instance_that_no_job_is_made_for(reachable: Visitor, queue: FakeQueue) -> None:
    """It is named after the script, waits for it, and gets the link and the token of its first attempt."""
    payload = await attach(reachable, parameters={"lr": 0.1}, seed=3)
    made = payload["instance"]
    assert payload["userErrors"] == []
    assert (made["name"], made["origin"], made["phase"], made["modelName"]) == (
        "train 1",
        "ATTACHED",
        "PENDING",
        "train",
    )
    assert (made["model"], made["parameters"], made["seed"]) == (None, {"lr": 0.1}, 3)
    assert made["mode"] == {"training": True, "inference": True}
    token = attempt_token(zoo.SECRET, "link", made["id"], 1)
    assert payload["link"] == {"url": "http://zoo.test/runner", "attempt": 1, "token": token}
    assert queue.published == []
    assert (await attach(reachable))["instance"]["name"] == "train 2"
    assert (await attach(reachable, name="mine"))["instance"]["name"] == "mine"


async def test_the_same_command_attaches_once(reachable: Visitor) -> None:
    """A script whose answer was lost asks again and gets the same instance."""
    first, again = [await attach(reachable, commandId="c-1") for _ in range(2)]

    assert first == again


async def test_a_command_that_made_something_else_gives_no_token_away(reachable: Visitor, store: MemoryStore) -> None:
    """Whoever repeats it as a script does not come to speak for what was launched."""
    row = zoo.instance(FakeClock().now())
    zoo.put(store, Collections.INSTANCES, dict(row))
    command = {"id": "c-9", "resourceId": row["id"], "userId": "operator", "at": "", "expiresAt": ""}
    zoo.put(store, Collections.COMMANDS, command)

    refused = await attach(reachable, commandId="c-9")

    assert [each["code"] for each in refused["userErrors"]] == ["CONFLICT"]
    assert refused["link"] is None


@pytest.mark.parametrize(
    ("input", "path"), [({"script": " "}, "script"), ({"seed": -1}, "seed"), ({"parameters": [1]}, "parameters")]
)
async def test_what_cannot_be_kept_is_refused(reachable: Visitor, input: dict[str, Any], path: str) -> None:
    """The error names the field."""
    refused = (await attach(reachable, **input))["userErrors"]

    assert [(each["code"], each["path"]) for each in refused] == [("INVALID_INPUT", ["input", path])]


async def test_a_zoo_that_no_script_can_reach_says_so(visitor: Visitor) -> None:
    """Its operator is told what to set."""
    refused = (await attach(visitor))["userErrors"]

    assert [each["code"] for each in refused] == ["INVALID_TRANSITION"]
    assert "ZOO_LINK_URL" in refused[0]["message"]


async def test_who_may_not_launch_may_not_attach(store: MemoryStore, clock: FakeClock) -> None:
    """A script in the zoo is an instance of it."""
    attachments = Attachments(store=store, clock=clock, ids=SequentialIds(), secret=b"s", link_url="http://zoo.test")

    with pytest.raises(PermissionDenied):
        attachments.attach(Principal.nobody(), {"script": "train"})


async def test_a_script_decides_itself_when_it_learns(reachable: Visitor) -> None:
    """Its loop is its own: a mode could not be held."""
    made = (await attach(reachable))["instance"]["id"]
    wanted = {"instanceId": made, "mode": {"training": False, "inference": True}}
    refused = (await reachable.data(MODE, i=wanted))["instanceModeSet"]["userErrors"]

    assert [each["code"] for each in refused] == ["INVALID_TRANSITION"]


def test_a_script_counts_against_no_limit(clock: FakeClock) -> None:
    """It runs where its user has started it, at nobody else's cost."""
    assert limits.counted_by(zoo.instance(clock.now(), origin="ATTACHED")) == []


def test_a_script_goes_back_to_what_the_same_script_has_saved(
    store: MemoryStore, bucket: MemoryBucket, clock: FakeClock
) -> None:
    """Checkpoints are kept under the script's name; those of others do not fit."""
    row = zoo.instance(clock.now(), origin="ATTACHED")
    row["model"] = {"id": model_id_of("train"), "name": "train", "revision": None}
    checkpoint = checkpoints.add(store, bucket, clock.now(), "ins_1", "good")
    check_script({**checkpoint, "modelId": model_id_of("train")}, row)

    with pytest.raises(InvalidInput, match="the same script"):
        check_script(checkpoint, row)
