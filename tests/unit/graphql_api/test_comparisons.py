"""What differs between two checkpoints, through the API."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import CheckpointDoc
from ainimal_zookeeper.domain.errors import LimitReached, RateLimited, Transient
from graphql_api.comparisons import Comparisons

from tests.fakes import archives, checkpoints
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

DIFF = """query($a:ID!,$b:ID!){checkpointDiff(fromId:$a,toId:$b){
  tensors{path change norm relative fromShape toShape fromDtype toDtype} parameters}}"""

Made = Callable[..., CheckpointDoc]


@pytest.fixture
def made(store: MemoryStore, bucket: MemoryBucket, clock: FakeClock) -> Made:
    """Makes a checkpoint whose archive is `content`."""

    def make(tag: str, content: bytes, **changes: Any) -> CheckpointDoc:
        return checkpoints.add(store, bucket, clock.advance(1), "ins_a", tag, content=content, **changes)

    return make


async def diff(visitor: Visitor, before: CheckpointDoc, after: CheckpointDoc) -> dict[str, Any]:
    found: dict[str, Any] = (await visitor.data(DIFF, a=before["id"], b=after["id"]))["checkpointDiff"]
    return found


async def refusal(visitor: Visitor, before: str, after: str) -> tuple[str, str]:
    answer = await visitor.ask(DIFF, a=before, b=after)
    assert answer["data"] == {"checkpointDiff": None}
    (error,) = answer["errors"]
    return error["extensions"]["code"], error["message"]


async def test_what_differs_comes_by_name(visitor: Visitor, made: Made) -> None:
    """Values, shapes, what came and what went, and the parameters; what is the same is left out."""
    ones = np.ones((2, 2), np.float32)
    before = archives.captured({"same": ones, "moved": ones, "grown": ones, "gone": ones})
    after = archives.captured({"same": ones, "moved": ones * 2, "grown": np.ones((3, 2), np.float32), "new": ones})
    found = await diff(
        visitor,
        made("a", before, parametersJson='{"rate": 0.1, "net": {"depth": 2, "in.out": 1}, "old": null}'),
        made("b", after, parametersJson='{"rate": 0.3, "net": {"depth": 3, "in.out": 2}, "new": [1]}'),
    )
    shapes = {(each["path"], each["change"]): (each["fromShape"], each["toShape"]) for each in found["tensors"]}
    assert shapes == {
        ("gone", "removed"): ([2, 2], None),
        ("grown", "reshaped"): ([2, 2], [3, 2]),
        ("moved", "changed"): ([2, 2], [2, 2]),
        ("new", "added"): (None, [2, 2]),
    }
    moved = found["tensors"][2]
    assert (moved["norm"], moved["relative"], moved["fromDtype"], moved["toDtype"]) == (2.0, 1.0, "float32", "float32")
    assert [each["norm"] for each in found["tensors"]] == [None, None, 2.0, None]
    assert found["parameters"] == {
        "rate": {"from": 0.1, "to": 0.3},
        "net.depth": {"from": 2, "to": 3},
        'net."in.out"': {"from": 1, "to": 2},
        "old": {"from": None},
        "new": {"to": [1]},
    }


async def test_the_same_state_differs_in_nothing(visitor: Visitor, made: Made, bucket: MemoryBucket) -> None:
    """And a checkpoint does not differ from itself; nothing is read to know that."""
    first, second = (made(tag, archives.captured({"w": [1.0]})) for tag in "ab")
    bucket.delete(second["object"])
    assert await diff(visitor, first, second) == {"tensors": [], "parameters": {}}
    assert await diff(visitor, second, second) == {"tensors": [], "parameters": {}}


async def test_what_no_number_says_is_told_as_such(visitor: Visitor, made: Made) -> None:
    """A value that became infinite, and a file that the zoo does not look into."""
    first = made("a", archives.saved({"w.npy": archives.npy([1.0]), "rest.pkl": b"one"}))
    second = made("b", archives.saved({"w.npy": archives.npy([np.inf]), "rest.pkl": b"two"}))
    rest, weights = (await diff(visitor, first, second))["tensors"]
    assert (weights["path"], weights["norm"], weights["relative"]) == ("w.npy", "Infinity", "Infinity")
    nothing = dict.fromkeys(("norm", "relative", "fromShape", "toShape"))
    assert rest == {"path": "rest.pkl", "change": "changed", "fromDtype": "bytes", "toDtype": "bytes", **nothing}


async def test_checkpoints_of_two_models_compare_by_name(visitor: Visitor, made: Made) -> None:
    """Who tries another class with the same weights wants to see what became of them."""
    first = made("a", archives.captured({"w": [1.0, 2.0]}))
    second = made("b", archives.captured({"w": [1.0, 5.0]}), modelId="mod_other")
    (change,) = (await diff(visitor, first, second))["tensors"]
    assert change["norm"] == 3.0


async def test_one_that_is_not_there_is_named(visitor: Visitor, made: Made) -> None:
    """On either side, and for a visitor who may see neither they are not there."""
    there = made("a", archives.captured({}))["id"]
    for before, after in ((there, "chk_no"), ("chk_no", there), ("", there)):
        code, message = await refusal(visitor, before, after)
        assert (code, "there is no checkpoint" in message) == ("NOT_FOUND", True)
    stranger = Visitor(visitor.api, Principal.nobody())
    assert await refusal(stranger, there, there) == (
        "NOT_FOUND",
        f"there is no checkpoint {there}; list those of its model",
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no archive", "the checkpoint b cannot be compared: it is no archive that can be read"),
        (archives.packed({**archives.MARK, "model/tensors.safetensors": b"\xff" * 9}), "model/tensors.safetensors"),
    ],
)
async def test_what_is_no_archive_is_corrupt(visitor: Visitor, made: Made, content: bytes, said: str) -> None:
    """The message names the checkpoint."""
    code, message = await refusal(visitor, made("a", archives.captured({}))["id"], made("b", content)["id"])
    assert code == "DATA_CORRUPT"
    assert said in message


async def test_altered_or_lost_bytes_are_corrupt(visitor: Visitor, made: Made, bucket: MemoryBucket) -> None:
    """Numbers of bytes that nobody has saved are shown to nobody."""
    first, second = made("a", archives.captured({"w": [1.0]})), made("b", archives.captured({"w": [2.0]}))
    content = bytearray(bucket.get(second["object"]))
    content[content.index(b"\x00@")] ^= 1
    bucket.put(second["object"], bytes(content))
    code, message = await refusal(visitor, first["id"], second["id"])
    assert (code, "the checkpoint b" in message, "is not what was saved" in message) == ("DATA_CORRUPT", True, True)
    bucket.delete(second["object"])
    code, message = await refusal(visitor, second["id"], first["id"])
    assert (code, "what the checkpoint b saved is gone" in message) == ("DATA_CORRUPT", True)


async def test_what_is_too_big_is_not_begun(visitor: Visitor, made: Made) -> None:
    """The limit and the size are in the message."""
    first = made("a", archives.captured({"w": [1.0]}))
    second = made("b", archives.captured({"w": [2.0]}), sizeBytes=600 << 20)
    code, message = await refusal(visitor, first["id"], second["id"])
    assert code == "LIMIT_REACHED"
    assert "it has 629,145,600 bytes; up to 536,870,912 are compared" in message


async def test_what_takes_too_long_ends(made: Made, bucket: MemoryBucket) -> None:
    """A comparison ends by itself."""
    comparisons = Comparisons(lambda: bucket, compare_s=-1)
    first, second = made("a", archives.captured({"w": [1.0]})), made("b", archives.captured({"w": [2.0]}))
    with pytest.raises(LimitReached, match="comparing a with b takes more than"):
        await comparisons.compare(first, second)
    comparisons.close()


async def test_many_at_once_wait_or_are_sent_away(made: Made, bucket: MemoryBucket) -> None:
    """One is worked on, some wait, others may come again; what nobody waits for any more is not worked on."""
    opened = threading.Event()

    def slow() -> MemoryBucket:
        assert opened.wait(30)
        return bucket

    comparisons = Comparisons(slow)
    first, second = made("a", archives.captured({"w": [1.0]})), made("b", archives.captured({"w": [2.0]}))
    tasks = [asyncio.create_task(comparisons.compare(first, second)) for _ in range(8)]
    await asyncio.sleep(0)
    with pytest.raises(RateLimited, match="8 comparisons"):
        await comparisons.compare(first, second)
    for task in tasks[1:]:
        task.cancel()
    opened.set()
    assert len((await tasks[0])["tensors"]) == 1
    assert len((await comparisons.compare(first, second))["tensors"]) == 1
    await asyncio.gather(*tasks, return_exceptions=True)
    comparisons.close()


async def test_a_process_that_leaves_does_not_wait(made: Made, bucket: MemoryBucket) -> None:
    """What is under way when it closes is to be asked again."""
    opened, reached = threading.Event(), threading.Event()

    def slow() -> MemoryBucket:
        reached.set()
        assert opened.wait(30)
        return bucket

    comparisons = Comparisons(slow)
    first, second = made("a", archives.captured({"w": [1.0]})), made("b", archives.captured({"w": [2.0]}))
    task = asyncio.create_task(comparisons.compare(first, second))
    assert await asyncio.to_thread(reached.wait, 30)
    comparisons.close()
    opened.set()
    with pytest.raises(Transient, match="this process leaves"):
        await task


async def test_parameters_that_cannot_be_read_count_as_none(visitor: Visitor, made: Made) -> None:
    """As they are shown everywhere else."""
    first = made("a", archives.captured({}), parametersJson="no JSON")
    second = made("b", archives.captured({"w": [1.0]}), parametersJson=json.dumps({"rate": 1}))
    assert (await diff(visitor, first, second))["parameters"] == {"rate": {"to": 1}}
