"""Tokens, paths, queries and endings: the small rules that everything else leans on."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ainimal_zookeeper.domain import ending, lifecycle, limits, paths, queries, tokens
from ainimal_zookeeper.domain.documents import Collections, Document, Ref, instance_ref
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import zoo

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
SECRETS = st.binary(min_size=1, max_size=40)
IDS = st.from_regex(r"\A(ins|env)_[a-z0-9]{1,16}\Z")


@given(secret=SECRETS, first=st.tuples(IDS, st.integers(1, 99)), second=st.tuples(IDS, st.integers(1, 99)))
def test_tokens_differ_where_their_subjects_differ(
    secret: bytes, first: tuple[str, int], second: tuple[str, int]
) -> None:
    """A token opens exactly one door of one attempt."""
    one = tokens.attempt_token(secret, "link", *first)
    assert tokens.same_token(one, tokens.attempt_token(secret, "link", *first))
    assert tokens.same_token(one, tokens.attempt_token(secret, "link", *second)) is (first == second)
    assert not tokens.same_token(one, tokens.attempt_token(secret, "live", *first))
    assert not tokens.same_token(one, tokens.attempt_token(secret + b"x", "link", *first))


@given(left=st.text(), right=st.text())
def test_tokens_compare_any_text(left: str, right: str) -> None:
    """A token that somebody made up is compared, not choked on."""
    assert tokens.same_token(left, right) is (left == right)


def test_half_a_surrogate_pair_is_no_token() -> None:
    """JSON can hold text that no encoding takes; it is a wrong token like any other."""
    assert not tokens.same_token("\ud800", "x")


@given(live=st.text(alphabet="0123456789abcdef", min_size=64, max_size=64), one=IDS, other=IDS)
def test_seat_belongs_to_one_instance(live: str, one: str, other: str) -> None:
    """Nobody takes a seat with the token of another."""
    assert (tokens.seat_token(live, one) == tokens.seat_token(live, other)) is (one == other)


@given(st.lists(st.from_regex(r"\A[a-z0-9_]{1,8}\Z"), min_size=1, max_size=8))
def test_joined_names_are_a_path(parts: list[str]) -> None:
    """Whatever is joined from names can name a signal."""
    assert paths.is_path(paths.join(*parts))


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a b", "a\n", "é", "a" * 257, "a/b"])
def test_other_text_is_no_path(text: str) -> None:
    """Blanks, empty parts and endless names are refused."""
    assert not paths.is_path(text)


@pytest.mark.parametrize("text", ["inputs.camera", "activations.encoder/conv1", "agents.0.action", "weights.a[0]:b"])
def test_names_from_model_libraries_are_paths(text: str) -> None:
    """Layer names with slashes, colons and brackets pass behind the first part."""
    assert paths.is_path(text)


@pytest.mark.parametrize("query", queries.DECLARED, ids=lambda query: query.name)
def test_query_takes_exactly_its_arguments(query: queries.Query) -> None:
    """A forgotten or unknown argument is an error of the caller's, seen at once."""
    arguments = {condition.argument: "x" for condition in query.where}
    assert query.bind(**arguments).arguments == arguments
    assert query.bind(**arguments) == query.bind(**dict(reversed(arguments.items())))
    with pytest.raises(TypeError, match=query.name):
        query.bind(**arguments, more=1)
    if arguments:
        with pytest.raises(TypeError, match=query.name):
            query.bind()


def test_queries_have_names_of_their_own() -> None:
    """Indexes are named after queries, so no two share a name."""
    names = [query.name for query in queries.DECLARED]
    assert len(names) == len(set(names))


def test_end_frees_places_and_tells_once() -> None:
    """The writes of an end hold the instance, each limit that counted it without it, and one event."""
    ended = lifecycle.lose(zoo.instance(START), START, "gone")
    held: list[Document | None] = [{"id": "models", "members": ["ins_0", "ins_1"]}, None, {"id": "x", "members": []}]
    assert len(limits.refs(ended)) == len(held)
    writes = dict(ending.writes(ended, held, START))
    event = Ref(Collections.EVENTS, "evt_ins_1-1-end")
    assert set(writes) == {instance_ref("ins_1"), Ref(Collections.LIMITS, "models"), event}
    assert writes[Ref(Collections.LIMITS, "models")]["members"] == ["ins_0"]
    assert (writes[event]["kind"], writes[event]["message"]) == ("LOST", "gone")
