"""Live events: what a stream tells at once, and how one that is too large is told in two."""

from __future__ import annotations

from typing import Any

from .projection import Shown
from .watches import Problem

_LISTS = ("problems", "values", "events", "logs", "removedInstanceIds", "instances", "environmentInstances")


def live_event(kind: str, **lists: list[Any]) -> Shown:
    """Returns a `LiveEvent` but for its cursor; lists that are not given are empty."""
    return {"kind": kind, **{name: [] for name in _LISTS}, **lists}


def shown_problem(
    problem: Problem, *, key: str | None = None, instance_id: str | None = None, path: str | None = None
) -> Shown:
    """Returns a `LiveProblem`."""
    told = {"key": key, "instanceId": instance_id, "path": path}
    return {**told, "code": problem.code, "message": problem.message}


def halves(event: Shown, size: int, most: int) -> list[Shown]:
    """Returns an event in two parts, the rows last; one that holds a single thing becomes the problem that it is."""
    things = [(name, each) for name in _LISTS for each in event[name]]
    if len(things) < 2:
        name, thing = things[0] if things else ("event", {})
        named = thing if isinstance(thing, dict) else {}
        row_id = named.get("instanceId") or named.get("id")
        message = f"{row_id or name} takes {size} bytes as it is asked for, and an event carries {most}; select less"
        return [
            live_event(event["kind"], problems=[shown_problem(Problem("INVALID_INPUT", message), instance_id=row_id)])
        ]
    middle = len(things) // 2
    return [
        live_event(kind, **{name: [each for of, each in half if of == name] for name in _LISTS})
        for kind, half in ((event["kind"], things[:middle]), ("UPDATE", things[middle:]))
    ]
