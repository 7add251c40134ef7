"""How `zoo` speaks: tables for people at a terminal, plain columns in pipes, JSON when it was asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ainimal_zookeeper.client.tables import Table

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

STYLES: Mapping[str, str] = {
    "RUNNING": "green",
    "PAUSED": "yellow",
    "PENDING": "cyan",
    "STARTING": "cyan",
    "STOPPING": "cyan",
    "FAILED": "red",
    "LOST": "red",
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
}
"""Colour of a cell that is exactly this word; colour is never the only sign."""

PROSE = frozenset({"parameters", "found", "next step", "connected"})
"""Columns that may be broken into lines."""


def console(*, stderr: bool = False) -> Console:
    """Returns a console for this moment's standard output (or error); it honours NO_COLOR."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def show_table(table: Table[T], empty: str) -> None:
    """Prints a table; at a terminal with lines and colours, elsewhere as columns of plain text, never cut."""
    if not table:
        click.echo(empty, err=True)
        return
    if not sys.stdout.isatty():
        click.echo(repr(table))
        return
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in table.columns:
        drawn.add_column(name, no_wrap=name not in PROSE, min_width=len(name), overflow="fold")
    for line in table.cells():
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in line))
    console().print(drawn, soft_wrap=False)


def show_json(document: Any) -> None:
    """Prints one JSON document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def show_json_lines(documents: Iterable[Any]) -> None:
    """Prints one JSON document a line, each as soon as it comes."""
    for document in documents:
        click.echo(json.dumps(document, ensure_ascii=False))
        sys.stdout.flush()
