from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.sdk.author import Author


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path)
