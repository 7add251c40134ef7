"""RecordedDriver: drives where somebody drove, or all the way, with the actions that were recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ainimal_zookeeper.domain import paths
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.domain.recordings import DRIVEN
from ainimal_zookeeper.modality import Modality

from ..fault import fault_of
from .tape import Tape
from .world import as_it_was

SOMEBODY = "somebody"


class RecordedDriver:
    """Stands at the arrow of the action (`arrows.Driving`).

    always: whether the recording drives every step. handover: the model's; None where it has none.
    """

    def __init__(
        self, tape: Tape, action: Mapping[str, Modality], key: str | None, handover: Callable[..., Any] | None, *,
        always: bool,
    ) -> None:  # fmt: skip
        self._tape = tape
        self._action = action
        self._key = key
        self._handover = handover
        self._always = always
        self._driver: str | None = None
        names = {paths.ACTION: next(iter(action))} if len(action) == 1 else {}
        self._paths = names or {paths.join(paths.ACTION, name): name for name in action}
        self._paths = {path: name for path, name in self._paths.items() if path in tape.channels}

    @property
    def active(self) -> bool:
        return True

    def begin_with(self, driver: str | None) -> None:
        """Somebody drives already: the model was told before, in what the checkpoint holds."""
        self._driver = driver

    def pass_over(self, driver: str | None, last_action: Any) -> None:
        """Somebody else drives from the next step on; None: the model. Raises: AInimalFault when `handover` does."""
        if driver == self._driver:
            return
        self._driver = driver
        if self._handover is not None:
            try:
                self._handover("model" if driver is None else driver, last_action)
            except BaseException as error:
                raise fault_of(error, AInimalFault) from error

    def drove(self, step: int) -> str | None:
        """Returns who drove a step, None: the model."""
        return (self._driver or SOMEBODY) if self._tape.flags(step) & DRIVEN else None

    def drive(self, action: Any, step: int) -> tuple[Any, str | None]:
        """Returns the recorded action of a step that was driven, and who drove it."""
        driver = self.drove(step)
        if driver is None and not self._always:
            return action, None
        done = dict(action) if self._key is None else {self._key: action}
        for path, name in self._paths.items():
            value = self._tape.value(path, step)
            if value is not None:
                done[name] = as_it_was(value, self._action[name])
        return (done if self._key is None else done[self._key]), driver
