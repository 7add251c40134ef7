"""Documents on Firestore's wire, against the library's own conversion. Needs no emulator, but Google's libraries."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ainimal_zookeeper.adapters.gcp.firestore_values import decoded, encoded
from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput
from google.cloud.firestore import GeoPoint
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.types import Document as WireDocument
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.emulators

NAME = "projects/p/databases/d/documents/things/a"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS
FLAT = st.recursive(LEAVES, lambda inner: st.dictionaries(TEXTS, inner, max_size=4), max_leaves=8)
VALUES = st.recursive(FLAT | st.lists(FLAT, max_size=4), lambda inner: st.dictionaries(TEXTS, inner, max_size=4))
DOCUMENTS = st.dictionaries(TEXTS, VALUES, max_size=5)


@given(DOCUMENTS)
def test_comes_back_as_it_was(document: Document) -> None:
    """Every JSON value, with its type: 1 is not 1.0 and not true."""
    assert typed(decoded(encoded(NAME, document))) == typed(document)


@given(DOCUMENTS)
def test_is_what_the_library_would_send(document: Document) -> None:
    """So that documents of either are documents of the other."""
    theirs = WireDocument(name=NAME, fields=_helpers.encode_dict(document))
    assert encoded(NAME, document) == theirs._pb
    assert decoded(theirs._pb) == document


@pytest.mark.parametrize("value", [2**63, "\ud800", {"deep": [object()]}, b"bytes", datetime.now(timezone.utc)])
def test_refuses_what_is_no_value_of_a_document(value: Any) -> None:
    """The message names the document and the field."""
    with pytest.raises(InvalidInput, match=r"things/a cannot hold its 'key'"):
        encoded(NAME, {"key": value})


@pytest.mark.parametrize("value", [b"bytes", GeoPoint(1.0, 2.0), {"deep": [b"bytes"]}])
def test_refuses_what_the_zoo_does_not_write(value: Any) -> None:
    """A hand, or another program, may have written it."""
    with pytest.raises(DataCorrupt, match=r"things/a holds a '(bytes|geo_point)_value', which the zoo does not write"):
        decoded(WireDocument(name=NAME, fields=_helpers.encode_dict({"key": value}))._pb)


def typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return type(value), value
