"""`zoo watch`: signals as they come."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from .connection import complete_instance, reading
from .output import console, show_json, show_json_lines, show_table

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Value, Zookeeper

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60


def _read_whole(_context: click.Context, _parameter: click.Parameter, text: str | None) -> list[int] | None:
    """Returns whole numbers that stand between commas."""
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is no list of whole numbers; write 0,10") from None


@click.command()
@click.argument("instance", shell_complete=complete_instance)
@click.argument("paths", nargs=-1)
@click.option("--rate", type=float, metavar="HZ", help="At most so many values per second and signal.")
@click.option(
    "--reduce",
    type=click.Choice(("full", "jpeg", "statistics", "histogram")),
    help="What to send instead of the whole value.",
)
@click.option("--max-size", type=click.IntRange(min=1), metavar="N", help="Longest side in pixels or elements.")
@click.option("--crop", callback=_read_whole, metavar="START,STOP,...", help="Only that part of each axis.")
@click.option("--index", callback=_read_whole, metavar="I,...", help="Only that element of an array.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Ends after so many values.")
@reading
def watch(
    zoo: Zookeeper,
    as_json: bool,
    instance: str,
    paths: Sequence[str],
    rate: float | None,
    reduce: str | None,
    max_size: int | None,
    crop: list[int] | None,
    index: list[int] | None,
    count: int | None,
) -> None:
    """Shows the signals PATHS of INSTANCE until it ends; without a path, lists what can be watched."""
    found = zoo.instance(instance)
    if not paths:
        signals = found.signals()
        if as_json:
            show_json(list(signals))
        else:
            show_table(signals, f"{found.name} has no signals yet; it is {found.phase}")
        return
    watched = found.watch(*paths, rate=rate, reduce=reduce, max_size=max_size, crop=crop, index=index)
    values = islice(watched, count)
    if as_json:
        show_json_lines(map(value_document, values))
    elif console().is_terminal:
        _draw(values, paths)
    else:
        for value in values:
            click.echo(f"{value.step}\t{value.path}\t{brief(value)}")


def _draw(values: Iterator[Value], paths: Sequence[str]) -> None:
    from rich.live import Live
    from rich.text import Text

    lines = {path: Line() for path in paths}
    with Live(console=console(), refresh_per_second=10, get_renderable=lambda: Text("\n".join(
        f"{path}  {line}" for path, line in lines.items()
    ), no_wrap=True)):  # fmt: skip
        for value in values:
            lines.setdefault(value.path, Line()).add(value)


class Line:
    """The last values of one signal in one line of text."""

    def __init__(self) -> None:
        self._numbers: deque[float] = deque(maxlen=WIDTH)
        self._said = "..."

    def add(self, value: Value) -> None:
        if isinstance(value.content, float):
            self._numbers.append(value.content)
        marks = (" (overridden)" if value.overridden else "") + (
            f" ({value.dropped} left out)" if value.dropped else ""
        )
        self._said = f"{brief(value)}  step {value.step}{marks}"

    def __str__(self) -> str:
        return f"{sparkline(self._numbers)}  {self._said}" if self._numbers else self._said


def sparkline(numbers: Sequence[float] | deque[float]) -> str:
    """Returns one bar for each number, from the least to the greatest; what is not finite is a question mark."""
    finite = [number for number in numbers if math.isfinite(number)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    span = (high - low) or 1.0
    return "".join(
        BARS[min(int((number - low) / span * len(BARS)), len(BARS) - 1)] if math.isfinite(number) else "?"
        for number in numbers
    )


def brief(value: Value) -> str:
    """Returns a value in a few words: numbers and short arrays as they are, longer ones by dtype and shape."""
    content = value.content
    if content is None:
        return "nothing"
    if isinstance(content, float):
        return f"{content:g}"
    if isinstance(content, str):
        return content
    shape = getattr(content, "shape", None)
    if shape is not None and not (math.prod(shape) <= 8 and content.encoding == "RAW"):  # type: ignore[union-attr]
        return f"{content.dtype}{list(shape)} {content.encoding}"  # type: ignore[union-attr]
    return json.dumps(plain(value), ensure_ascii=False)


def value_document(value: Value) -> dict[str, Any]:
    """Returns a value as JSON; pictures stay base64 of their JPEG file, numbers that JSON lacks become text."""
    return {
        "path": value.path,
        "timeline": value.timeline,
        "step": value.step,
        "time": value.time,
        "overridden": value.overridden,
        "dropped": value.dropped,
        "value": plain(value),
    }


def plain(value: Value) -> Any:
    from ainimal_zookeeper.client import Histogram, Tensor

    content = value.content
    if isinstance(content, Tensor):
        if content.encoding == "JPEG":
            return {"jpeg": content.data, "shape": list(content.shape)}
        return _finite(content.tolist())
    if isinstance(content, Histogram):
        return {"edges": _finite(list(content.edges)), "counts": list(content.counts)}
    return _finite(content)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return [_finite(item) for item in value] if isinstance(value, list) else value
