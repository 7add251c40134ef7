"""Row: one line of a comparison.

A comparison is a module `benchmarks/NAME.py` whose docstring says what is compared with what, and how, and whose
`main() -> list[Row]` measures. `make bench ARGS=NAME` runs it alone; each runs in a fresh process.
"""

from __future__ import annotations

from typing import Required, TypedDict


class Row(TypedDict, total=False):
    """What was measured, beside what it is compared with in the same run."""

    what: Required[str]
    """In a few words: "step with nothing watched, median"."""
    value: Required[float]
    """In `unit`."""
    unit: Required[str]
    """us, ms, s, MiB, requests/s, ..."""
    beside: str
    """What it is compared with: "the bare loop"; absent: nothing."""
    beside_value: float
    """Of what it is compared with, in the same unit and run; the ratio is `value` over this."""
    bar: str
    """What was promised: "<= 1.02x"; absent: nothing."""
    kept: bool
    """Whether the promise is kept, where the comparison decides that."""
