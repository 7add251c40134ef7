"""Overrides: rules that stand on signals, applied to values on their way and held on weights and state.

Most attempts never have one: what rules take is imported with the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.documents import Desired, OverrideDoc

from ..arrows import Arrows
from ..session import Session

if TYPE_CHECKING:
    from ..taps import Taps
    from .rule import Values
    from .standing import Standing

Listener = Callable[[str, Mapping[str, Any]], None]


class Overrides:
    """The rules of one attempt. Step thread only.

    taps: those of the agent, None without one. fetch: returns what a PATCH takes from a recording, None while that is
    on its way; without it a PATCH is refused. `listeners` are told of each rule that begins to stand ("override") or
    ends ("override.ended").
    """

    def __init__(
        self,
        session: Session,
        arrows: Arrows,
        taps: Callable[[], Taps | None],
        fetch: Callable[[OverrideDoc], Values | None] | None = None,
    ) -> None:
        self.listeners: list[Listener] = []
        self._session = session
        self._arrows = arrows
        self._taps = taps
        self._fetch = fetch
        self._standing: Standing | None = None
        self._stood: dict[str, int] = {}

    @property
    def documents(self) -> list[OverrideDoc]:
        """The rules that stand, in their order."""
        return [] if self._standing is None else self._standing.documents

    def heed(self, desired: Desired) -> float | None:
        """Lets stand what is desired; returns in how many seconds one expires by time alone, None where none does."""
        if self._standing is None:
            if not desired.get("overrides"):
                return None
            from .standing import Standing

            self._standing = Standing(self._session, self._taps, self._fetch, self.listeners, self._stood)
            self._arrows.rules = self._standing
        self._standing.heed(desired)
        return self._standing.wait_s()

    @contextmanager
    def lifted(self) -> Iterator[list[dict[str, Any]]]:
        """Lets weights and state be what lies under the rules meanwhile; yields what `put_back` takes of the rules."""
        if self._standing is None:
            yield []
            return
        with self._standing.lifted() as rules:
            yield rules

    @contextmanager
    def beneath(self, kept: Iterable[Mapping[str, Any]]) -> Iterator[None]:
        """Lets the model become, meanwhile, what was saved together with `kept`, which `lifted` had yielded.

        Rules that stood then have as much left as they had then; the others keep what they have left. What is raised
        leaves all as it was.
        """
        standing = self._standing
        if standing is not None:
            standing.leave()
        try:
            yield
        except BaseException:
            if standing is not None:
                standing.stay()
            raise
        self._stood.clear()
        self._stood.update({str(each["id"]): int(each["stood"]) for each in kept})
        if standing is not None:
            standing.put_back()
