"""Finding what a person meant: an id, a name, or the beginning of either when only one thing begins so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import TypeVar

from ainimal_zookeeper.domain.errors import InvalidInput, NotFound

T = TypeVar("T")

_SHOWN = 5


def pick(
    rows: Sequence[T],
    wanted: str,
    kind: str,
    *,
    identity: Callable[[T], str],
    name: Callable[[T], str],
    preferred: Callable[[T], bool] = lambda _row: True,
    otherwise: str = "give an id",
) -> T:
    """Returns the row that `wanted` names; `preferred` decides between rows that fit equally well.

    `otherwise` is the next step where nothing decides. Names that differ by capitals alone are two names.

    Raises: NotFound with the names, nearest first, InvalidInput with the candidates when several fit.
    """
    text = wanted.casefold()
    tests: tuple[Callable[[T], bool], ...] = (
        lambda row: identity(row) == wanted,
        lambda row: name(row) == wanted,
        lambda row: name(row).casefold() == text,
        lambda row: name(row).casefold().startswith(text) or identity(row).casefold().startswith(text),
    )
    for fits in tests:
        found = [row for row in rows if text and fits(row)]
        better = [row for row in found if preferred(row)]
        if len(found) == 1 or len(better) == 1:
            return (better if len(better) == 1 else found)[0]
        if found:
            candidates = ", ".join(f"{name(row)} ({identity(row)})" for row in (better or found)[:5])
            raise InvalidInput(f"{kind} {wanted!r} may be any of {len(better or found)}: {candidates}; {otherwise}")
    names = sorted({name(row) for row in rows}, key=lambda each: (-_likeness(each, wanted), each))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    hint = f"; there are: {', '.join(names[:_SHOWN])}{more}" if names else "; there are none"
    raise NotFound(f"there is no {kind} {wanted!r}{hint}")


def _likeness(name: str, wanted: str) -> float:
    return SequenceMatcher(None, name.casefold(), wanted.casefold()).ratio()
