"""Patterns of signals: what somebody means who writes a star."""

from __future__ import annotations

import pytest
from ainimal_zookeeper.domain.paths import RECORDED, chosen
from hypothesis import given
from hypothesis import strategies as st

KNOWN = ["inputs.camera", "inputs.a.b", "outputs.steer", "action", "action.arm", "env.reward", "state.list[0]"]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["inputs.*"], ["inputs.camera", "inputs.a.b"]),
        (["action"], ["action"]),
        (["env.reward", "action.*"], ["action.arm", "env.reward"]),
        (["*"], KNOWN),
        (["outputs.stee?"], ["outputs.steer"]),
        (["state.list[0]"], ["state.list[0]"]),
        (["Inputs.*", "nothing", ""], []),
        (RECORDED, KNOWN[:-1]),
    ],
)
def test_patterns_choose_among_known_paths(patterns: list[str], found: list[str]) -> None:
    """In the order of what is known, each once; dots are text like any other, brackets are no wildcards."""
    assert chosen(patterns, KNOWN) == found


@given(st.lists(st.text("ab.*?[]!-", max_size=8), max_size=5), st.lists(st.text("ab.[]!-", min_size=1, max_size=8)))
def test_any_pattern_finds_itself_and_never_fails(patterns: list[str], known: list[str]) -> None:
    """A path is a pattern of itself, whatever characters it has."""
    assert set(chosen(patterns, known)) <= set(known)
    assert chosen(known, known) == list(dict.fromkeys(known))
