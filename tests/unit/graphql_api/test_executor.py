"""The short cut to the leaves against the stock executor: equal answers, whatever the data."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
from functools import partial
from typing import Any

import pytest
from ainimal_zookeeper.domain.documents import Collections
from graphql import GraphQLSchema, execute, parse, validate
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental
from graphql_api.executor import EXECUTOR, LeafExecutor
from graphql_api.schema import bind
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Tab, Visitor

SDL = """
interface Node { id: ID! }
scalar JSON scalar DateTime scalar Real scalar Path
enum Colour { RED GREEN }
type Thing implements Node {
  id: ID! text: String textN: String! int: Int intN: Int! float: Float real: Real flag: Boolean colour: Colour
  colourN: Colour! at: DateTime path: Path any: JSON texts: [String!] reals: [Real]! child: Thing childN: Thing!
  children: [Thing!] matrix: [[Int]] node: Node counted(by: Int = 2): Int slow: Int slowChild: Thing
}
type Query { thing: Thing things: [Thing!]! node: Node }
"""


class Deferred:
    """Stands in data for a coroutine, which could be awaited once only."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


async def slow(source: dict[str, Any], _: Any) -> Any:
    await asyncio.sleep(0)
    return source.get("slow")


async def slow_child(source: dict[str, Any], _: Any) -> Any:
    await asyncio.sleep(0)
    return source.get("slowChild")


def root_field(name: str, source: dict[str, Any], _: Any) -> Any:
    return source.get(name)


def schema() -> GraphQLSchema:
    return bind(
        SDL,
        {
            "Query": {name: partial(root_field, name) for name in ("thing", "things", "node")},
            "Thing": {
                "counted": lambda source, _, by: source["int"] * by,
                "slow": slow,
                "slowChild": slow_child,
            },
        },
    )


SCHEMA = schema()
LEAVES = "id text textN int intN float real flag colour colourN at path any texts reals matrix"
FRAGMENTS = " fragment F on Thing{int child{...G} child{text}} fragment G on Thing{id int}"
QUERIES = [
    f"{{thing{{{LEAVES}}}}}",
    f"{{things{{__typename {LEAVES} child{{id text}} childN{{id intN}} children{{id flag}}}}}}",
    "{a:thing{x:text y:text __typename t:__typename} b:thing{text ...F}}" + FRAGMENTS,
    "{node{__typename id ...on Thing{text child{textN}}} things{node{id}}}",
    "query($s:Boolean=true){thing{text @skip(if:$s) int @include(if:$s) counted twice:counted(by:4)}}",
    "{things{slow text slowChild{textN slow child{slow intN}} children{slow childN{slow textN}}}}",
]


def leaf(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what fits; else what has to be coerced, refused or awaited."""
    odd = st.one_of(
        st.none(),
        st.integers(-(2**40), 2**40),
        st.floats(),
        st.booleans(),
        st.text(max_size=3),
        st.just([1]),
        st.just({}),
        st.sampled_from([ValueError("from data"), 3.0, "RED", "BLUE"]),
        st.builds(Deferred, st.one_of(good, st.none(), st.just(ValueError("late")))),
    )
    return st.one_of(good, good, good, odd)


def things(depth: int) -> st.SearchStrategy[Any]:
    fields: dict[str, st.SearchStrategy[Any]] = {
        "__typename": st.just("Thing"),
        "id": leaf(st.text(max_size=3)),
        "text": leaf(st.text(max_size=3)),
        "textN": leaf(st.text(max_size=3)),
        "int": leaf(st.integers(-9, 9)),
        "intN": leaf(st.integers(-9, 9)),
        "float": leaf(st.floats(allow_nan=False, allow_infinity=False)),
        "real": leaf(st.floats()),
        "flag": leaf(st.booleans()),
        "colour": leaf(st.sampled_from(["RED", "GREEN"])),
        "colourN": leaf(st.sampled_from(["RED", "GREEN"])),
        "at": leaf(st.just("2030-01-01T00:00:00Z")),
        "path": leaf(st.just("env.reward")),
        "any": leaf(st.just({"a": [1]})),
        "texts": leaf(st.lists(leaf(st.text(max_size=2)), max_size=2)),
        "reals": leaf(st.lists(leaf(st.floats()), max_size=2)),
        "matrix": leaf(st.just([[1, None], [2]])),
        "slow": leaf(st.integers(-9, 9)),
    }
    if depth:
        below = things(depth - 1)
        fields |= {
            "child": leaf(below),
            "childN": leaf(below),
            "children": leaf(st.lists(leaf(below), max_size=2)),
            "node": leaf(below),
            "slowChild": leaf(below),
        }
    return st.fixed_dictionaries({"__typename": fields.pop("__typename")}, optional=fields)


ROOTS = st.fixed_dictionaries({"thing": things(2), "things": st.lists(things(1), max_size=3), "node": things(1)})


async def answer(executor: type[Any], query: str, root: dict[str, Any]) -> tuple[str, list[str]]:
    """Returns the data in its order, and the errors."""
    result = execute(SCHEMA, parse(query), root_value=root, executor_class=executor)
    result = await result if inspect.isawaitable(result) else result
    errors = [json.dumps(error.formatted, sort_keys=True, default=str) for error in result.errors or ()]
    return json.dumps(result.data), sorted(errors)


@pytest.mark.parametrize("query", QUERIES)
def test_queries_of_this_file_are_valid(query: str) -> None:
    """What is compared below is what a server would execute."""
    assert validate(SCHEMA, parse(query)) == []


def test_the_short_cut_is_in_use_with_this_release_of_the_executor() -> None:
    """Another release line falls back to the stock executor, which this test would tell."""
    assert EXECUTOR is LeafExecutor


@settings(max_examples=60, deadline=None)
@given(query=st.sampled_from(QUERIES), root=ROOTS)
def test_answers_equal_those_of_the_stock_executor(query: str, root: dict[str, Any]) -> None:
    """Data, order of keys and errors are the same for fitting, coerced, refused, missing and awaited values."""

    async def both() -> None:
        stock = await answer(ExecutorThrowingOnIncremental, query, root)
        ours = await answer(LeafExecutor, query, root)
        assert ours == stock

    asyncio.run(both())


async def test_events_of_a_subscription_share_what_was_collected(visitor: Visitor, store: MemoryStore) -> None:
    """A stream that has told of thirty changes holds no more than one that has told of one."""
    row = dict(zoo.instance(FakeClock().now()))
    zoo.put(store, Collections.INSTANCES, row)
    query = "subscription($i:LiveInput!){live(input:$i){instances{notes stats{step} mode{training}}}}"

    async def change(tab: Tab, notes: str) -> int:
        zoo.put(store, Collections.INSTANCES, {**row, "notes": notes})
        await tab.live_until(lambda event: [each["notes"] for each in event["instances"]] == [notes])
        return sum(type(each).__name__ == "FieldDetails" for each in gc.get_objects())

    async with visitor.watch(query, i={"instanceIds": ["ins_1"]}) as tab:
        held = [await change(tab, f"change {number}") for number in range(30)]
    assert held[0] > 0
    assert len(set(held)) == 1
