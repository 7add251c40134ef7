"""`zoo drive`: the wheel of an instance, by the keys of a terminal or by lines of standard input."""

from __future__ import annotations

import json
import os
import re
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.paths import ACTION

from .connection import complete_instance, reading
from .output import show_json_lines

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Wheel, Zookeeper

_STEPS = 10  # from the middle of a range to its end
_KEYS = {"\x1b[D": "left", "\x1b[C": "right", "\x1b[A": "up", "\x1b[B": "down", "\t": "next", " ": "neutral"}
_SEQUENCE = re.compile(r"\x1b(\[[0-9;]*[A-Za-z~]|O[A-Za-z])")  # as terminals send keys that are no characters
_BEGINNING = re.compile(r"\x1b(\[[0-9;]*|O)?")
_HELP = "left/right and up/down change it, digits pick a choice, space is neutral, tab goes on to the next, q lets go"


@click.command()
@click.argument("instance", shell_complete=complete_instance)
@click.option("--path", "paths", multiple=True, metavar="PATH", help="What is driven, e.g. action.steer; repeatable.")
@click.option(
    "--on-silence",
    type=click.Choice(("model", "hold", "neutral", "pause")),
    default="neutral",
    show_default=True,
    help="What acts half a second after this program was heard of last.",
)
@click.option("--if-free", is_flag=True, help="Leaves the wheel to whoever has it.")
@reading
def drive(zoo: Zookeeper, as_json: bool, instance: str, paths: Sequence[str], on_silence: str, if_free: bool) -> None:
    """Takes the wheel of INSTANCE until the input ends.

    At a terminal by keys; otherwise each line of standard input is a value as JSON, or an object of values by path.
    """
    found = zoo.instance(instance)
    signals = [row for row in found.signals() if row["path"] == ACTION or row["path"].startswith(f"{ACTION}.")]
    with found.drive(paths=paths or None, on_silence=on_silence, if_free=if_free) as wheel:
        if sys.stdin.isatty() and not as_json:
            _by_keys(wheel, [row for row in signals if not paths or row["path"] in paths])
            return
        told = (_sent(wheel, number, line) for number, line in enumerate(sys.stdin, 1) if line.strip())
        if as_json:
            show_json_lines(told)
            return
        for each in told:
            step = each["appliedAtStep"]
            click.echo("not yet" if step is None else f"step {step}")


def _sent(wheel: Wheel, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f'line {number} is not JSON: {error}; write a value, or {{"action": value}}') from error
    return {"appliedAtStep": wheel.send(value)}


def _by_keys(wheel: Wheel, signals: Sequence[Mapping[str, Any]]) -> None:
    dials = [dial for row in signals if (dial := Dial.of(row)) is not None]
    if not dials:
        raise InvalidInput("nothing of its action can be driven by keys; send values by standard input")
    click.echo(_HELP, err=True)
    at = 0
    with _raw_keys() as keys:
        for key in keys:
            if key == "q":
                return
            if key == "next":
                at = (at + 1) % len(dials)
            elif dials[at].turn(key):
                step = wheel.send({dials[at].path: dials[at].value})
                click.echo(f"\r\x1b[K{dials[at]}  step {'?' if step is None else step}", nl=False, err=True)
                continue
            click.echo(f"\r\x1b[K{dials[at]}", nl=False, err=True)


class Dial:
    """A signal as keys move it: numbers by a tenth of half their range, choices one by one."""

    def __init__(self, path: str, modality: Mapping[str, Any]) -> None:
        self.path = path
        self._modality = modality
        self._whole = modality["kind"] in {"DISCRETE", "MULTI_DISCRETE"}
        count = 1
        for length in modality["shape"]:
            count *= length or 1
        self._neutral = _flat(modality.get("neutral"), count, 0.0)
        self._low, self._high = _flat(modality["low"], count, -1.0), _flat(modality["high"], count, 1.0)
        self._values = self._within(self._neutral)

    @classmethod
    def of(cls, signal: Mapping[str, Any]) -> Dial | None:
        """Returns the dial of a signal; None where keys cannot express it."""
        modality = signal["modality"]
        fits = modality["kind"] in {"SCALAR", "VECTOR", "DISCRETE", "MULTI_DISCRETE"} and len(modality["shape"]) <= 1
        return cls(signal["path"], modality) if fits else None

    @property
    def value(self) -> Any:
        values = [int(value) if self._whole else value for value in self._values]
        return values if self._modality["shape"] else values[0]

    def turn(self, key: str) -> bool:
        """Moves by one key; returns whether it means anything here."""
        if key == "neutral":
            self._values = self._within(self._neutral)
            return True
        if key.isdigit() and self._whole:
            self._values = self._within([self._low[0] + int(key), *self._values[1:]])
            return True
        axis, sign = {"left": (0, -1), "right": (0, 1), "down": (1, -1), "up": (1, 1)}.get(key, (0, 0))
        if not sign:
            return False
        axis = min(axis, len(self._values) - 1)
        step = 1.0 if self._whole else (self._high[axis] - self._low[axis]) / (2 * _STEPS)
        moved = list(self._values)
        moved[axis] += sign * step
        self._values = self._within(moved)
        return True

    def _within(self, values: Sequence[float]) -> list[float]:
        return [min(max(value, low), high) for value, low, high in zip(values, self._low, self._high, strict=True)]

    def __str__(self) -> str:
        labels = self._modality.get("labels")
        if labels and self._modality["kind"] == "DISCRETE":
            return f"{self.path}  {labels[int(self._values[0] - self._low[0])]}"
        names = self._modality.get("names") or [""] * len(self._values)
        shown = [f"{name} {value:g}".strip() for name, value in zip(names, self._values, strict=False)]
        return f"{self.path}  {', '.join(shown)}"


def _flat(told: Any, count: int, otherwise: float) -> list[float]:
    """Returns a bound for each element; `otherwise` where it is open."""
    if told is None:
        return [otherwise] * count
    if isinstance(told, (int, float)):
        return [float(told)] * count
    return [otherwise if value is None else float(value) for value in told]


@contextmanager
def _raw_keys() -> Iterator[Iterator[str]]:
    """Yields the keys that are pressed, one by one, without waiting for Enter."""
    try:
        import termios
        import tty
    except ImportError:
        raise InvalidInput("keys are read on Linux and macOS only; send values by standard input") from None
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield pressed(lambda: os.read(sys.stdin.fileno(), 64))
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        click.echo(err=True)


def pressed(read: Callable[[], bytes]) -> Iterator[str]:
    """Yields the keys in what `read` returns, until that is nothing: by name, or as the terminal has them."""
    decode = getincrementaldecoder("utf-8")(errors="ignore").decode
    pending = ""
    while data := read():
        pending += decode(data)
        while pending and not _BEGINNING.fullmatch(pending):
            sequence = _SEQUENCE.match(pending)
            key = pending[0] if sequence is None else sequence.group()
            pending = pending[len(key) :]
            arrow = f"\x1b[{key[-1]}" if key.startswith("\x1bO") else key
            yield _KEYS.get(arrow, key)
