"""What is refused before anything runs, and what a failure shows."""

from __future__ import annotations

import json
import logging

import pytest
from ainimal_zookeeper.domain import errors
from ainimal_zookeeper.domain.errors import ZookeeperError
from graphql import build_schema, get_introspection_query
from graphql_api.api import SCHEMA
from graphql_api.errors import user_error
from graphql_api.schema import bind

from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor


def every_error() -> list[ZookeeperError]:
    """Returns one of each kind of the tree."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ZookeeperError)]
    return [kind("said", 1.5) if kind is errors.RateLimited else kind("said") for kind in kinds]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
async def test_every_error_of_the_zoo_has_a_code_of_the_schema(error: ZookeeperError) -> None:
    """The table is total: any error of the tree can be told to a client."""
    shown = user_error(error)
    assert shown["code"] in SCHEMA.type_map["ErrorCode"].values  # type: ignore[attr-defined]
    assert shown["message"] == "said"


async def test_an_unplanned_failure_is_masked_and_logged_under_its_number(
    visitor: Visitor, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets a number, the log what happened."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(store, "query", broken)
    with caplog.at_level(logging.ERROR):
        answer = await visitor.ask("{models{nodes{id}}}")
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert "secret detail" not in json.dumps(answer)
    (record,) = [record for record in caplog.records if hasattr(record, "correlation_id")]
    assert record.correlation_id == error["extensions"]["correlationId"]
    assert record.exc_info is not None
    assert "secret detail" in str(record.exc_info[1])


async def test_errors_of_the_zoo_in_queries_have_their_code(visitor: Visitor) -> None:
    """A page that is too big is the client's mistake, with the argument that is wrong."""
    for first in (0, 101, -1):
        (error,) = (await visitor.ask("query($n:Int){models(first:$n){nodes{id}}}", n=first))["errors"]
        assert error["extensions"] == {"code": "INVALID_INPUT", "argumentPath": ["first"]}
    (error,) = (await visitor.ask('{models(after:"x"){nodes{id}}}'))["errors"]
    assert error["extensions"]["code"] == "INVALID_INPUT"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{" + " ".join(f"a{n}:server{{id}}" for n in range(201)) + "}", "aliases"),
        ("{" + "__typename " * 6000 + "}", "tokens"),
        (
            (
                "{environmentInstances(first:100){nodes{connected{environmentInstance{connected{environmentInstance{"
                "connected{environmentInstance{connected{environmentInstance{connected{environmentInstance{"
                "connected{environmentInstance{connected{id}}}}}}}}}}}}}}}}"
            ),
            "levels deep",
        ),
        (
            (
                "{instances(first:100){nodes{events(first:100){nodes{user{id}}} logs(first:100){nodes{at}} "
                "a:events(first:100){nodes{user{id}}}}}}"
            ),
            "objects",
        ),
        (
            (
                "{...A ...A} fragment A on Query{...B ...B} fragment B on Query{...C ...C} "
                "fragment C on Query{...D ...D} "
                "fragment D on Query{...E ...E} fragment E on Query{...F ...F} fragment F on Query{...G ...G} "
                "fragment G on Query{...H ...H} fragment H on Query{...I ...I} fragment I on Query{...J ...J} "
                "fragment J on Query{...K ...K} fragment K on Query{__typename}"
            ),
            "fields",
        ),
    ],
)
async def test_documents_that_ask_for_too_much_are_refused(visitor: Visitor, query: str, words: str) -> None:
    """Nothing of them runs, and the message says which limit."""
    answer = await visitor.ask(query)
    assert "data" not in answer
    assert words in answer["errors"][0]["message"]


async def test_cost_counts_pages_given_by_variables(visitor: Visitor) -> None:
    """The same document is allowed with small pages and refused with big ones."""
    query = (
        "query($n:Int){instances(first:$n){nodes{a:events(first:$n){nodes{user{id}}} logs(first:$n){nodes{at}} "
        "b:events(first:$n){nodes{user{id}}}}}}"
    )
    assert "data" in await visitor.ask(query, n=10)
    assert "objects" in (await visitor.ask(query, n=100))["errors"][0]["message"]


async def test_the_schema_can_be_read_by_tools(visitor: Visitor) -> None:
    """The common introspection query is within the limits."""
    data = await visitor.data(get_introspection_query(descriptions=True))
    assert len(data["__schema"]["types"]) > 60


async def test_a_body_that_is_too_long_is_refused(visitor: Visitor) -> None:
    """413, without reading on."""
    status, _, _ = await visitor.send(body=b" " * (17 * 1024 * 1024), content_type="application/json")
    assert status == 413


async def test_healthz_answers_and_other_paths_do_not(visitor: Visitor) -> None:
    """What a load balancer asks, and what nobody should."""
    assert (await visitor.send("GET", "/healthz"))[0] == 200
    assert (await visitor.send("GET", "/elsewhere"))[0] == 404


async def test_mutations_do_not_come_by_get(visitor: Visitor) -> None:
    """405, so that no link or picture can change anything."""
    query = "query=mutation%7BinstancePause(input%3A%7BinstanceId%3A%22ins_1%22%7D)%7BuserErrors%7Bcode%7D%7D%7D"
    status, headers, _ = await visitor.send("GET", query_string=query)
    assert (status, headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("resolvers", "message"),
    [
        ({"Query": {"a": len, "b": len}}, "Query.b"),
        ({"Query": {"a": len}, "Other": {}}, None),
        ({"Query": {"a": len}, "Other": {"c": len}}, "Other"),
        ({}, "Query.a"),
    ],
)
def test_binding_refuses_what_the_schema_does_not_have(
    resolvers: dict[str, dict[str, type[int]]], message: str | None
) -> None:
    """A renamed field is found at import, as is a root field without a resolver."""
    if message is None:
        bind("type Query{a:Int}", resolvers)
        return
    with pytest.raises(LookupError, match=message):
        bind("type Query{a:Int}", resolvers)


def test_binding_refuses_an_interface_that_nothing_implements() -> None:
    """An abstract type whose objects could not be told apart is a mistake of the schema."""
    with pytest.raises(TypeError, match="Node"):
        bind("interface Node{id:ID!} type Query{a:Node}", {"Query": {"a": len}})
    assert build_schema("type Query{a:Int}").query_type is not None
