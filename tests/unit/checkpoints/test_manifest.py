"""The manifest's one text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.checkpoints import MAX_MANIFEST_BYTES, MAX_PAYLOAD_FILES, Code, Manifest, PayloadFile
from ainimal_zookeeper.checkpoints.manifest import from_text, to_text
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput
from hypothesis import given
from hypothesis import strategies as st

NOTHING = Manifest("ins_1", 1, 0, 0, Code("Pilot", "Pilot", "pilot.py"), ())
FILE = PayloadFile("state.safetensors", "runs/ins_1/1/a", "0" * 64, 5)

texts = st.text(st.characters(codec="utf-8"), max_size=8)
wholes = st.integers(0, 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=4)
commits = st.from_regex(r"[0-9a-f]{40}", fullmatch=True)
files = st.builds(
    PayloadFile,
    st.from_regex(r"[a-z]{3,8}(\.bin)?", fullmatch=True),
    texts,
    st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    wholes,
)
manifests = st.builds(
    Manifest,
    texts,
    wholes,
    wholes,
    wholes,
    st.builds(Code, texts, texts, texts, st.none() | texts, st.none() | commits, st.none() | texts, st.booleans()),
    st.lists(files, max_size=3, unique_by=lambda file: file.path).map(tuple),
    st.none() | commits,
    texts,
    st.booleans(),
    objects,
    objects,
    st.lists(objects, max_size=2).map(tuple),
    st.none() | objects,
    st.none() | objects,
    st.dictionaries(texts, texts, max_size=3),
)


@given(manifests)
def test_comes_back_as_it_was(manifest: Manifest) -> None:
    """Whatever a checkpoint says of itself is read as it was written, and written again it is the same bytes."""
    text = to_text(manifest)
    assert from_text(text, "best") == manifest
    assert to_text(from_text(text, "best")) == text


def test_one_key_a_line_in_the_order_of_keys() -> None:
    """The order in which facts were gathered is not in the text, so a difference is one of facts."""
    forth, back = {"b": 1, "a": {"d": 2, "c": 3}}, {"a": {"c": 3, "d": 2}, "b": 1}
    text = to_text(replace(NOTHING, parameters=forth))
    assert text == to_text(replace(NOTHING, parameters=back))
    assert b'  "parameters": {\n    "a": {\n      "c": 3,\n      "d": 2\n    },\n    "b": 1\n  },\n' in text
    assert text.endswith(b"}\n")


def test_every_key_is_described() -> None:
    """Whoever reads a clone without this program finds all that it holds in the documentation."""
    described = (Path(__file__).parents[3] / "docs" / "checkpoints.md").read_text(encoding="utf-8")
    document = json.loads(to_text(replace(NOTHING, payload=(FILE,))))
    keys = {*document, *document["code"], *document["payload"][0]}
    assert {key for key in keys if f"`{key}`" not in described} == set()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"parameters": {"a": float("nan")}}, "no JSON"),
        ({"parameters": {"a": {1, 2}}}, "no JSON"),
        ({"parameters": {"a": Path("b")}}, "no JSON"),
        ({"parameters": {"a": "\ud800"}}, "no valid Unicode"),
        ({"parameters": {"\udfff": 1}}, "no valid Unicode"),
        ({"architecture": {"layers": "x" * MAX_MANIFEST_BYTES}}, "more than 1,048,576"),
        ({"step": -1}, "step is -1"),
        ({"step": 1.5}, "step is not a whole number"),
        ({"instance_id": None}, "instanceId is not text"),
        ({"seeds": 7}, "no JSON"),
        ({"overrides": "abc"}, "no JSON"),
        ({"libraries": {"numpy": 2}}, "libraries holds what is no text"),
        ({"timeline": 2**53}, "timeline is"),
        ({"grew_from": "main"}, "grewFrom is 'main'"),
        ({"code": Code("Pilot", "Pilot", "pilot.py", commit="HEAD")}, "code.commit is 'HEAD'"),
        ({"payload": (replace(FILE, sha256="F" * 64),)}, "sha256 of state.safetensors"),
        ({"payload": (replace(FILE, size_bytes=-5),)}, "sizeBytes of state.safetensors"),
        ({"payload": (FILE, FILE)}, "rename one"),
        (
            {"payload": tuple(replace(FILE, path=f"{index}") for index in range(MAX_PAYLOAD_FILES + 1))},
            "257 files, more than 256",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused(changed: dict[str, Any], reason: str) -> None:
    """What is no JSON, too big, or out of range is told before anything is written."""
    with pytest.raises(InvalidInput, match=reason):
        to_text(replace(NOTHING, **changed))


def test_parameters_that_contain_themselves_are_refused() -> None:
    """A loop, or a nest without a bottom, is no JSON."""
    loop: dict[str, Any] = {}
    loop["again"] = loop
    with pytest.raises(InvalidInput, match="no JSON"):
        to_text(replace(NOTHING, parameters=loop))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"null",
        b"{}",
        b'{"format": 1}',
        b'{"format": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_manifest_is_named(text: bytes) -> None:
    """Whoever meets one knows which checkpoint has it."""
    with pytest.raises(DataCorrupt, match="the manifest of best is"):
        from_text(text, "best")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("format", 2, "newer zoo"),
        ("step", "7", "step is not a whole number"),
        ("step", True, "step is not a whole number"),
        ("needsPickle", 0, "needsPickle is not true or false"),
        ("parameters", [], "parameters is not an object"),
        ("overrides", [1], "overrides holds what is no object"),
        ("libraries", {"numpy": 2}, "libraries holds what is no text"),
        ("code", {"model": "Pilot"}, "code.kind is not text"),
        ("payload", [{"path": "../x", "object": "a", "sha256": "0" * 64, "sizeBytes": 1}], "'..' parts"),
        ("grewFrom", "main", "grewFrom"),
    ],
)
def test_manifest_with_a_wrong_value_is_named(key: str, value: Any, reason: str) -> None:
    """What this version did not write, it does not take for its own."""
    document = json.loads(to_text(NOTHING))
    with pytest.raises(DataCorrupt, match=f"(?s)the manifest of best is none: .*{reason}"):
        from_text(json.dumps({**document, key: value}).encode(), "best")


def test_later_versions_may_say_more() -> None:
    """A key that is not known is left alone."""
    document = json.loads(to_text(NOTHING))
    assert from_text(json.dumps({**document, "mood": "good"}).encode(), "best") == NOTHING
