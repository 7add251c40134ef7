"""Console output becomes lines, whatever bytes there are."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st
from zookeeper_runner.console import LINE_BYTES, LineCutter, Lines


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_lines_do_not_depend_on_how_the_bytes_arrive(data: bytes, cuts: list[int]) -> None:
    """A line is the same in one piece and in many."""
    whole = LineCutter()
    expected = whole.feed(data) + whole.flush()
    cutter = LineCutter()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:stop] for start, stop in itertools.pairwise(places)]
    lines = [line for piece in pieces for line in cutter.feed(piece)] + cutter.flush()

    assert lines == expected
    json.dumps(lines).encode()
    assert all("\x00" not in line and "\n" not in line for line in lines)


def test_a_progress_bar_is_one_line_in_its_last_state() -> None:
    """A carriage return starts the line anew, as on a terminal."""
    assert LineCutter().feed(b"10%\r50%\r100%\r\nnext\n") == ["100%", "next"]


def test_an_endless_line_is_cut() -> None:
    """Output without line ends does not grow in memory."""
    cutter = LineCutter()

    lines = cutter.feed(b"x" * (LINE_BYTES * 2 + 5))

    assert [len(line) for line in lines] == [LINE_BYTES, LINE_BYTES]
    assert cutter.flush() == ["xxxxx"]


def test_no_report_gets_more_than_it_holds() -> None:
    """Long lines come in several reports: too large a one would be refused, and all in it lost."""
    lines = Lines()
    for number in range(100):
        lines.add("stdout", f"{number:03}" + "\x1b" * 3_997)
    reports = [lines.take() for _ in range(3)]

    assert [len(report) for report in reports] == [37, 37, 26]
    assert [line["text"][:3] for report in reports for line in report] == [f"{number:03}" for number in range(100)]
    assert all(len(json.dumps(report)) < 2**20 for report in reports)


def test_lines_that_nobody_takes_are_counted_when_they_are_lost() -> None:
    """A flood of output loses its oldest lines, and says how many."""
    lines = Lines(capacity=3)
    for number in range(5):
        lines.add("stdout", str(number))

    taken = lines.take()

    assert taken[0]["stream"] == "zoo"
    assert taken[0]["text"].startswith("2 lines")
    assert [line["text"] for line in taken[1:]] == ["2", "3", "4"]
    assert not lines.waiting


def test_whoever_follows_sees_what_came_since() -> None:
    """Following does not take lines away from the report."""
    lines = Lines()
    lines.add("stdout", "before")
    count = lines.count
    lines.add("stdout", "after")

    fresh, count = lines.since(count)

    assert [line["text"] for line in fresh] == ["after"]
    assert lines.since(count) == ([], 2)
    assert len(lines.take()) == 2


def test_the_copy_of_endless_output_ends() -> None:
    """What goes to a file that nobody shortens is bounded; the lines go on."""
    script = (
        "from zookeeper_runner.console import Console, Lines\n"
        "console = Console(Lines(), copied_bytes=25)\n"
        "console.start()\n"
        "for number in range(1000): print('line', number)\n"
        "console.close(10)\n"
        "print('lines', console.lines.count)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("line 0\nline 1\nline 2\nline\n[zoo] what is printed from here on")
    assert done.stdout.endswith("\nlines 1000\n")
    assert len(done.stdout) < 200


def test_no_two_lines_have_the_same_time() -> None:
    """A line that comes over the live link and again from the store is known by its time, stream and text."""
    lines = Lines()
    for _ in range(500):
        lines.add("stdout", "again")
    times = [line["at"] for line in lines.take()]

    assert times == sorted(set(times))
    assert len(times) == 500
