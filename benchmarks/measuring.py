"""Measuring: what the process of one comparison does. Apart from `__main__`, which a fresh process cannot import."""

from __future__ import annotations

from importlib import import_module

from .row import Row


def measure(name: str) -> tuple[str, list[Row]]:
    """Returns what the comparison `name` says of itself, and its rows."""
    module = import_module(f"{__package__}.{name}")
    return (module.__doc__ or "").strip(), module.main()
