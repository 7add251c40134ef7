"""Run: what a script holds in its hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from ainimal_zookeeper.ainimal import losses
from ainimal_zookeeper.attachment import Run, warn_once
from ainimal_zookeeper.domain.errors import ZookeeperError

from ..fault import first_line
from .companion import Companion
from .reach import Introduction

T = TypeVar("T")


class AttachedRun(Run):
    """A script's place in a zoo that it has found."""

    def __init__(self, companion: Companion, introduced: Introduction) -> None:
        self.instance_id = introduced.settings.instance_id
        self.name = introduced.name
        self.url = introduced.url
        self._companion = companion

    def env(self, env: T) -> T:
        try:
            from .wrapping import wrapped

            with self._companion.turn:
                seen: T = wrapped(env, self._companion)
                return seen
        except Exception as error:  # noqa: BLE001 - the script is its user's and goes on
            self._complain("its environment is not watched", error)
            return env

    def watch(self, model: T, name: str | None = None) -> T:
        try:
            with self._companion.turn:
                self._companion.script.show(model, name)
                self._companion.look_again()
        except Exception as error:  # noqa: BLE001 - as above
            self._complain("it is not watched", error)
        return model

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        companion = self._companion
        if not companion.present:
            return
        with companion.turn:
            try:
                numbers = losses(values) if values else {}
            except (TypeError, ValueError) as error:
                self._complain(f"{values!r:.100} is not logged", error)
                numbers = {}
            companion.log(numbers, step)

    def checkpoints(self, save: Callable[[str], Any], load: Callable[[str], Any] | None = None) -> None:
        with self._companion.turn:
            self._companion.script.keep(save, load)
            self._companion.look_again()

    @property
    def stopping(self) -> bool:
        return self._companion.stopping

    def close(self) -> None:
        self._companion.part()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._companion.part(error)

    def _complain(self, what: str, error: Exception) -> None:
        said = str(error) if isinstance(error, ZookeeperError) else first_line(error)
        warn_once(f"{what}: {said}")
