"""How comparisons are written down."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.__main__ import amount, names, read_sections, section, written
from benchmarks.row import Row


def test_a_row_shows_its_ratio_and_its_promise() -> None:
    """Both sides, the ratio and whether the promise is kept stand on one line."""
    rows: list[Row] = [
        {
            "what": "a step",
            "value": 3.0,
            "unit": "us",
            "beside": "the bare loop",
            "beside_value": 2.0,
            "bar": "<= 1.6x",
            "kept": True,
        },
        {"what": "memory", "value": 1234.5, "unit": "MiB"},
    ]

    lines = section("step", "What it does.", rows, "here").splitlines()

    assert lines[-2] == "| a step | 3 us | the bare loop | 2 us | 1.5x | <= 1.6x | kept |"
    assert lines[-1] == "| memory | 1,234 MiB |  |  |  |  |  |"


def test_what_is_not_measured_again_stays_as_it_is() -> None:
    """However often something else is."""
    sections = {name: section(name, "Said.", [], "here") for name in ("launch", "saving")}
    text = written(sections)
    assert read_sections(text) == sections
    assert written(read_sections(text)) == text


def test_amounts_keep_three_digits() -> None:
    """Small numbers are not rounded away, large ones are readable."""
    assert amount(0.012345, "s") == "0.0123 s"
    assert amount(22762.4, "requests/s") == "22,762 requests/s"


def test_the_comparisons_that_are_named_to_people_exist() -> None:
    """What the Makefile and CONTRIBUTING.md give as examples can be run."""
    root = Path(__file__).parents[2]
    makefile = re.search(r'writes benchmarks/results.md \(some: ARGS="([^"]+)"\)', (root / "Makefile").read_text())
    contributing = re.search(r"make bench .*ARGS=(\w+) for one", (root / "CONTRIBUTING.md").read_text())

    assert makefile is not None
    assert contributing is not None
    assert {*makefile[1].split(), contributing[1]} <= set(names())
