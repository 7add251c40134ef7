"""Lists that read well in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Table(list[T], Generic[T]):
    """A list of rows; `columns` tells what to show of each."""

    def __init__(self, rows: Iterable[T], columns: Mapping[str, Callable[[T], Any]]) -> None:
        super().__init__(rows)
        self.columns = columns

    def cells(self) -> list[list[str]]:
        """Returns one list of texts for each row, in the order of `columns`."""
        return [["" if (cell := show(row)) is None else str(cell) for show in self.columns.values()] for row in self]

    def __repr__(self) -> str:
        lines = [list(self.columns), *self.cells()]
        widths = [max(len(line[index]) for line in lines) for index in range(len(self.columns))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in self.cells())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
