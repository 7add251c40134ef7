"""Answers as bytes."""

from __future__ import annotations

import json
from typing import Any

import orjson


def encode(payload: Any) -> bytes:
    """Returns JSON. Integers beyond 64 bits and broken text are written as the standard library does."""
    try:
        return orjson.dumps(payload)
    except TypeError:
        return json.dumps(payload).encode()
