"""Whatever stands in a file is read as it was meant, or refused."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper import ConfigurationError
from ainimal_zookeeper.config.references import references, substitute
from ainimal_zookeeper.config.written import read_written
from hypothesis import given
from hypothesis import strategies as st

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=15)


def read(text: str, suffix: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"zoo{suffix}"
        path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        return read_written(path).plain()


@given(VALUES, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_json_is_read_as_json_reads_it(value: Any, indent: int | str | None, ascii_only: bool) -> None:
    """Any JSON value comes out equal, whatever its layout and escapes."""
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
        text.encode()
    except UnicodeEncodeError:
        return

    assert read(text, ".json") == value


@given(VALUES)
def test_json_is_yaml(value: Any) -> None:
    """What json.dumps writes can stand in a YAML file: the same value comes out, but for what YAML cannot hold."""
    try:
        found = read(json.dumps(value), ".yaml")
    except ConfigurationError:
        return
    if "\\u" not in json.dumps(value) and "\\/" not in json.dumps(value) and "Infinity" not in json.dumps(value):
        assert found == value


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
@given(text=st.text(alphabet=st.characters(codec="utf-8")) | st.text(alphabet="-:[]{}'\"\\ \n\t&*<|>!?#%@,ab01.eE~=\0"))
def test_any_text_is_read_or_refused(suffix: str, text: str) -> None:
    """No text makes the reader fail in any other way than by saying what is wrong."""
    with suppress(ConfigurationError):
        read(text, suffix)


@given(st.text(alphabet="${}.envparsx ") | st.sampled_from(["${env.a}", "${process.ENV.a}${params.b}"]), st.text())
def test_substitution_leaves_parameters_alone(text: str, value: str) -> None:
    """Variables are replaced once, by any value whatsoever; parameters and other text stay."""

    class Everything(dict[str, str]):
        def __missing__(self, key: str) -> str:
            return value

    found = substitute(text, Everything())
    kept = [reference.text for reference in references(text) if reference.kind != "variable"]
    assert all(part in found for part in kept)
    if not references(text):
        assert found == text
