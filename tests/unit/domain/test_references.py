"""References in specifications are replaced in one pass, and nothing that they stand for is looked through again."""

from __future__ import annotations

from typing import Any

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.references import is_own, substitute, variables_in
from hypothesis import given
from hypothesis import strategies as st

WRITTEN = st.text(alphabet="${}.paramsenvABx ") | st.sampled_from(["${env.A}", "${params.x}", "${env.B}${params.x}"])


def test_references_are_replaced_wherever_they_stand() -> None:
    """In texts, lists and mappings; a text that is one parameter becomes it, a variable stays text."""
    given: Any = {"a": "${params.n}", "b": ["x ${params.n} ${env.A}"], "c": {"d": "${ env.A }"}, "e": 1.5}

    assert substitute(given, {"n": 3}, {"A": "7"}) == {"a": 3, "b": ["x 3 7"], "c": {"d": "7"}, "e": 1.5}


@given(WRITTEN, WRITTEN)
def test_what_stands_for_a_reference_is_never_looked_through(parameter: str, variable: str) -> None:
    """A user's parameter and a variable's value come out as they are, however much they look like references."""
    found = substitute("${params.x}|${env.A}", {"x": parameter}, {"A": variable, "B": "the secret"})

    assert found == f"{parameter}|{variable}"


def test_only_what_is_filled_in_names_variables() -> None:
    """A reference in a text for people, or in what a user gave, asks for nothing."""
    spec = {
        "name": "${env.NAME}",
        "description": "${env.SHOWN}",
        "create_params": [{"name": "x", "default": "${env.DEFAULT}"}],
        "env_name": "${env.WORLD}",
        "init_params": {"b": ["${env.B}", {"a": "${env.A}${env.B}"}], "${env.KEY}": 1},
    }
    assert variables_in(spec) == ["A", "B", "WORLD"]
    assert variables_in({}) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [("${params.dept}", "did you mean depth"), ("${params.x}", "create_params"), ("${env.B}", "the variable B")],
)
def test_what_is_not_there_is_named(text: str, message: str) -> None:
    """A missing parameter or variable is a sentence, and holds no value of another one."""
    with pytest.raises(InvalidInput, match=message) as caught:
        substitute(text, {"depth": 3}, {"A": "the secret"})

    assert "the secret" not in caught.value.message


def test_the_zoos_own_variables_are_not_for_specifications() -> None:
    """What tokens are made of begins as all of the zoo's own variables do."""
    assert [is_own(name) for name in ("ZOO_SECRET", "ZOO_TOKEN", "OPENAI_KEY", "GOOGLE_API_KEY")] == [
        True,
        True,
        False,
        False,
    ]
