"""Overrides: what a rule says, and whether it can stand on a signal of that modality.

    SET     value takes the place
    CLAMP   no less than low, no more than high; either may be missing
    SCALE   times value
    BLEND   value by weight, from 0 (nothing of it) to 1 (nothing else)
    PATCH   what a recording has, from a step of it on

Numbers may be one for all elements, or nested lists or a tensor of the signal's shape; `index` limits a rule to one
element. Texts and integers that are choices take SET and PATCH. Nothing here needs numpy: functions ask it.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .documents import ModalityDoc, OverrideDoc, OverrideRule, SignalDoc
from .errors import InvalidInput, NotFound
from .values import Numbers, numbers_of

RULES: tuple[OverrideRule, ...] = ("SET", "CLAMP", "SCALE", "BLEND", "PATCH")
MAX_STEPS = 2**53
MAX_SECONDS = 10 * 366 * 86_400.0

_RANGES = {
    f"{kind}{bits}": (0, 2**bits - 1) if kind == "uint" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for kind in ("int", "uint")
    for bits in (8, 16, 32, 64)
}
_CHOICES = frozenset({"DISCRETE", "MULTI_DISCRETE", "TEXT"})
_TAKES: Mapping[OverrideRule, frozenset[str]] = {
    "SET": frozenset({"value"}),
    "CLAMP": frozenset({"low", "high"}),
    "SCALE": frozenset({"value"}),
    "BLEND": frozenset({"value", "weight"}),
    "PATCH": frozenset({"patch"}),
}


@dataclass(frozen=True, slots=True)
class Patch:
    """What a rule takes from a recording: the values of `path` (None: the rule's own), from `from_step` on."""

    recording_id: str
    path: str | None
    from_step: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule says. value, low and high are JSON: a number, nested lists, {dtype, shape, data: base64}, or text."""

    rule: OverrideRule
    value: Any = None
    low: Any = None
    high: Any = None
    weight: float | None = None
    index: tuple[int, ...] | None = None
    patch: Patch | None = None
    allow_non_finite: bool = False


def terms_of(override: OverrideDoc) -> Terms:
    """Returns what a stored rule says."""
    said: dict[str, Any] = json.loads(override["valueJson"])
    patch, index = said.get("patch"), said.get("index")
    return Terms(
        override["rule"],
        said.get("value"),
        said.get("low"),
        said.get("high"),
        said.get("weight"),
        None if index is None else tuple(index),
        None if patch is None else Patch(patch["recordingId"], patch.get("path"), int(patch["fromStep"])),
        bool(said.get("allowNonFinite")),
    )


def value_json(terms: Terms) -> str:
    """Returns what `terms_of` reads: all that was given but the rule."""
    said: dict[str, Any] = {"value": terms.value, "low": terms.low, "high": terms.high, "weight": terms.weight}
    if terms.index is not None:
        said["index"] = list(terms.index)
    if terms.patch is not None:
        patch = terms.patch
        said["patch"] = {"recordingId": patch.recording_id, "path": patch.path, "fromStep": patch.from_step}
    if terms.allow_non_finite:
        said["allowNonFinite"] = True
    return json.dumps({key: value for key, value in said.items() if value is not None}, separators=(",", ":"))


def signal_at(path: str, signals: Iterable[SignalDoc]) -> SignalDoc:
    """Returns the signal called `path`.

    Raises: NotFound with the nearest names; InvalidInput where no rule can stand.
    """
    by_path = {signal["path"]: signal for signal in signals}
    signal = by_path.get(path)
    if signal is None:
        near = nearest(path, [each["path"] for each in by_path.values() if each["overridable"]] or list(by_path))
        hint = f"; did you mean {' or '.join(near)}?" if near else "; list its signals to see which there are"
        raise NotFound(f"there is no signal {path}{hint}")
    if not signal["overridable"]:
        why = signal.get("reason") or "nothing uses what would be put in its place"
        raise InvalidInput(f"{path} cannot be overridden: {why}", ("input", "path"))
    return signal


def nearest(path: str, paths: Sequence[str]) -> list[str]:
    """Returns up to three of `paths` that look like `path`, the likeliest first."""
    by_fold = {each.lower(): each for each in paths}
    close = difflib.get_close_matches(path.lower(), list(by_fold), 3, 0.5)
    last = path.lower().rpartition(".")[2]
    ends = [fold for fold in by_fold if last and fold.rpartition(".")[2] == last and fold not in close]
    return [by_fold[fold] for fold in [*close, *ends][:3]]


def check(terms: Terms, path: str, modality: ModalityDoc) -> None:
    """Raises: InvalidInput, naming what was expected, where the rule cannot stand on a signal of `modality`."""
    rule, kind = terms.rule, modality["kind"]
    if rule not in RULES:
        raise InvalidInput(f"rule is {rule!r}; it must be one of {', '.join(RULES)}", ("input", "rule"))
    if kind == "TREE":
        raise InvalidInput(f"{path} cannot be overridden: it is a tree of anything, not numbers", ("input", "path"))
    if rule not in {"SET", "PATCH"} and (kind in _CHOICES or modality["dtype"] == "bool"):
        what = "text" if kind == "TEXT" else "a choice, not a quantity"
        raise InvalidInput(f"{path} is {what}: it takes SET, not {rule}", ("input", "rule"))
    _check_fields(terms)
    _check_index(terms, path, modality)
    if terms.weight is not None and not 0.0 <= terms.weight <= 1.0:
        raise InvalidInput(f"weight is {terms.weight:g}; it must be from 0 to 1", ("input", "weight"))
    if rule == "CLAMP":
        _check_clamp(terms, path, modality)
    elif kind == "TEXT" and rule == "SET":
        if not isinstance(terms.value, str):
            raise InvalidInput(f"{path} is text; value is {_said(terms.value)}", ("input", "value"))
    elif rule == "SCALE":
        _numbers(terms, "value", path, modality, whole=False)
    elif rule != "PATCH":
        given = _numbers(terms, "value", path, modality, whole=True)
        _check_bounds(given, terms, path, modality)


def check_expiry(in_steps: int | None, in_seconds: float | None) -> None:
    """Raises: InvalidInput unless each is a time to come. None: it does not expire by it."""
    if in_steps is not None and not 1 <= in_steps < MAX_STEPS:
        raise InvalidInput(f"expiresInSteps is {in_steps}; it must be 1 or more, or null", ("input", "expiresInSteps"))
    if in_seconds is not None and not 0 < in_seconds <= MAX_SECONDS:
        raise InvalidInput(
            f"expiresInSeconds is {in_seconds:g}; it must be above 0 and at most {MAX_SECONDS:g}, or null",
            ("input", "expiresInSeconds"),
        )


def describe(modality: ModalityDoc) -> str:
    """Returns what a value must be, in words: "float32[4] from -1 to 1"."""
    if modality["kind"] == "TEXT":
        return "text"
    low, high = _bound(modality["low"]), _bound(modality["high"])
    if modality["kind"] == "DISCRETE":
        return f"an integer from {low} to {high}"
    shape = ", ".join("any" if length is None else str(length) for length in modality["shape"])
    text = f"{modality['dtype']}[{shape}]" if modality["shape"] else modality["dtype"]
    if isinstance(low, list) or isinstance(high, list):
        return f"{text}, each element within its bounds"
    if low is not None and high is not None:
        return f"{text} from {low:g} to {high:g}"
    if low is not None:
        return f"{text} from {low:g}"
    return text if high is None else f"{text} up to {high:g}"


def _check_fields(terms: Terms) -> None:
    """Raises: InvalidInput where the rule lacks what it needs, or has what it does not take."""
    takes = _TAKES[terms.rule]
    given = {name for name in ("value", "low", "high", "weight", "patch") if getattr(terms, name) is not None}
    if extra := sorted(given - takes):
        raise InvalidInput(
            f"{terms.rule} takes {' and '.join(sorted(takes))}, not {' or '.join(extra)}", ("input", extra[0])
        )
    if terms.rule == "CLAMP":
        if not given:
            raise InvalidInput("CLAMP needs low, high or both", ("input", "low"))
    elif missing := sorted(takes - given):
        raise InvalidInput(f"{terms.rule} needs {' and '.join(missing)}", ("input", missing[0]))
    if terms.patch is not None and terms.patch.from_step < 0:
        raise InvalidInput(f"fromStep is {terms.patch.from_step}; it must be 0 or more", ("input", "patch", "fromStep"))


def _check_index(terms: Terms, path: str, modality: ModalityDoc) -> None:
    if terms.index is None:
        return
    shape = modality["shape"]
    if modality["kind"] == "TEXT" or len(terms.index) != len(shape):
        raise InvalidInput(
            f"index is {list(terms.index)}; {path} is {describe(modality)}, "
            f"so that it takes {len(shape)} number{'' if len(shape) == 1 else 's'}",
            ("input", "index"),
        )
    for at, length in zip(terms.index, shape, strict=True):
        if at < 0 or (length is not None and at >= length):
            raise InvalidInput(
                f"index is {list(terms.index)}, outside of {path}, which is {describe(modality)}", ("input", "index")
            )


def _check_clamp(terms: Terms, path: str, modality: ModalityDoc) -> None:
    low = None if terms.low is None else _numbers(terms, "low", path, modality, whole=False)
    high = None if terms.high is None else _numbers(terms, "high", path, modality, whole=False)
    for name, bound in (("low", low), ("high", high)):
        if bound is not None and any(math.isnan(each) for each in bound.flat):
            raise InvalidInput(f"{name} is not a number, which bounds nothing", ("input", name))
    if low is None or high is None:
        return
    count = max(len(low.flat), len(high.flat))
    for least, most in zip(low.spread(count), high.spread(count), strict=True):
        if least > most:
            raise InvalidInput(f"low is {least:g}, above high, {most:g}", ("input", "low"))


def _numbers(terms: Terms, name: str, path: str, modality: ModalityDoc, *, whole: bool) -> Numbers:
    """Returns what is called `name`, of the signal's shape or one for all.

    whole: whether it has to be of its dtype, too. Raises: InvalidInput.
    """
    where = ("input", name)
    given = getattr(terms, name)
    expected = describe(modality)
    try:
        numbers = numbers_of(given)
    except ValueError as error:
        raise InvalidInput(f"{path} is {expected}; {name} is {_said(given)}: {error}", where) from None
    shape = modality["shape"]
    fits = _fits(numbers.shape, shape) or _fits(numbers.shape, _fixed(shape))
    if numbers.shape and (terms.index is not None or not fits):
        wanted = f"one element of {path}" if terms.index is not None else path
        got = ", ".join(map(str, numbers.shape))
        raise InvalidInput(f"{wanted} is {expected}; {name} has the shape [{got}]", where)
    if not terms.allow_non_finite and not all(map(math.isfinite, numbers.flat)):
        raise InvalidInput(f"{name} holds a number that is not finite; give another one, or set allowNonFinite", where)
    if whole:
        _check_dtype(numbers, name, path, modality)
    return numbers


def _check_dtype(numbers: Numbers, name: str, path: str, modality: ModalityDoc) -> None:
    dtype = modality["dtype"]
    if dtype in _RANGES:
        least, most = _RANGES[dtype]
        for each in numbers.flat:
            if not math.isfinite(each) or each != int(each) or not least <= each <= most:
                raise InvalidInput(
                    f"{path} is {describe(modality)}; {name} holds {each:g}, which no {dtype} is", ("input", name)
                )
    elif dtype == "bool" and any(each not in {0, 1} for each in numbers.flat):
        raise InvalidInput(f"{path} is {describe(modality)}; {name} holds more than 0 and 1", ("input", name))


def _check_bounds(given: Numbers, terms: Terms, path: str, modality: ModalityDoc) -> None:
    """Raises: InvalidInput for a value outside of the modality's bounds. Values that are not finite were allowed."""
    for name, sign in (("low", 1), ("high", -1)):
        bound = _bound(modality[name])  # type: ignore[literal-required]
        if bound is None:
            continue
        limits = list(map(_bound, _flat(bound)))
        if len(limits) > 1 and terms.index is not None:
            limits = [_bound(_element(bound, terms.index))]
        count = max(len(limits), len(given.flat))
        if len(limits) not in {1, count}:
            continue  # of a length that varies
        for limit, each in zip(limits * (count // len(limits)), given.spread(count), strict=True):
            if limit is not None and math.isfinite(each) and sign * each < sign * limit:
                beyond = "below" if sign > 0 else "above"
                raise InvalidInput(
                    f"{path} is {describe(modality)}; value holds {each:g}, {beyond} {limit:g}", ("input", "value")
                )


def _fits(got: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(got) == len(wanted) and all(
        length is None or length == given for given, length in zip(got, wanted, strict=True)
    )


def _bound(told: Any) -> Any:
    """Returns a bound as a runner has told it, None for what is none: user code runs beside it."""
    known = isinstance(told, list) or (isinstance(told, (int, float)) and not isinstance(told, bool))
    return told if known and told == told else None  # noqa: PLR0124 - only NaN differs from itself


def _fixed(shape: Sequence[int | None]) -> Sequence[int | None]:
    """Returns a shape without the axes that it begins with and whose length varies: one value is for all of them."""
    while shape and shape[0] is None:
        shape = shape[1:]
    return shape


def _flat(bound: Any) -> Iterable[Any]:
    if isinstance(bound, list):
        for part in bound:
            yield from _flat(part)
    else:
        yield bound


def _element(bound: Any, index: Sequence[int]) -> Any:
    for at in index:
        if not isinstance(bound, list) or at >= len(bound):
            return None
        bound = bound[at]
    return bound


def _said(given: Any) -> str:
    return "a tensor" if isinstance(given, Mapping) else f"{given!r:.60}"
