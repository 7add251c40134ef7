"""What a runner asks, read from JSON that is trusted in nothing: user code runs beside whoever sends it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ainimal_zookeeper.domain.documents import (
    CheckpointPoint,
    ControlAnswer,
    Failure,
    OverrideAnswer,
    RestoreAnswer,
    Stats,
)
from ainimal_zookeeper.domain.errors import InvalidInput, Unauthenticated
from ainimal_zookeeper.domain.events import EventKind
from ainimal_zookeeper.domain.lifecycle import RUNNER_PHASES, Report
from ainimal_zookeeper.domain.paths import is_path
from ainimal_zookeeper.domain.tokens import attempt_token, same_token
from starlette.requests import Request

from . import observed, replayed, saves
from .saves import NotSaved, Saved

PROTOCOL = 1
MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_DOCUMENT_BYTES = 900_000  # a document is at most 1 MiB, and JSON text grows a little inside JSON
MAX_UPLOAD_BYTES = 64 * 1024**3
MAX_LINES = 2_000
MAX_LINE_CHARACTERS = 8_192
MAX_EVENTS = 20
MAX_TEXT = 4_096
MAX_OVERRIDES = 400  # those that have ended since they were last asked for are told of, too
MAX_REASON = 500
MAX_TRACEBACK = 65_536

_ADDRESS = re.compile(r"[A-Za-z0-9_.\-\[\]:]{1,255}:[0-9]{1,5}\Z")
_INSTANCE = re.compile(r"(ins|env)_[a-z0-9]{1,64}\Z")
_RUNNER = re.compile(r"[A-Za-z0-9]{1,64}\Z")
_OBJECT = re.compile(r"[A-Za-z0-9_\-.]+(/[A-Za-z0-9_\-.]+)*\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_STREAMS = ("stdout", "stderr", "zoo")
_RUNNER_EVENTS: frozenset[str] = frozenset({"WARNING", "HANG", "CONTROL", "RESET", "STEP", "MODE", "RATE", "UPDATED"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a runner that has shown the token of this attempt."""

    instance_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something a runner wants people to know."""

    kind: EventKind
    message: str
    step: int | None


@dataclass(frozen=True, slots=True)
class Reported:
    """One report, checked. JSON texts are ready to be stored."""

    sequence: int
    report: Report
    save: Saved | NotSaved | None  # Saved where the report has a checkpoint
    restored: RestoreAnswer | None
    manifest_json: str | None
    series_json: str | None
    timelines: frozenset[int]  # those that the series are of
    thumbnail: dict[str, Any] | None
    lines: tuple[dict[str, str], ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Upload:
    """An object that a runner wants to create under its own prefix."""

    name: str
    size_bytes: int


async def read(request: Request) -> dict[str, Any]:
    """Returns the request's JSON object. Raises: Unauthenticated without a token; InvalidInput."""
    if not request.headers.get("authorization", "").startswith("Bearer "):
        raise Unauthenticated("the Authorization header holds no bearer token; send ZOO_TOKEN")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise InvalidInput(f"the request is larger than {MAX_BODY_BYTES} bytes; send less at a time")
    try:
        # NaN and Infinity are real values of statistics, and only this parser takes them.
        given = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the request is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise InvalidInput(f"the request is a JSON {type(given).__name__}, not an object")
    return given


def caller(request: Request, given: Mapping[str, Any], secret: bytes) -> Caller:
    """Returns who asks. Raises: Unauthenticated for a token of another attempt; InvalidInput for another protocol."""
    instance_id, attempt = given.get("instanceId"), given.get("attempt")
    if not isinstance(instance_id, str) or not _INSTANCE.match(instance_id):
        raise Unauthenticated(f"instanceId is {str(instance_id)[:80]!r}; send ZOO_INSTANCE")
    if type(attempt) is not int or not 1 <= attempt < 2**31:
        raise Unauthenticated(f"attempt is {str(attempt)[:80]}; send ZOO_ATTEMPT")
    token = request.headers["authorization"].removeprefix("Bearer ").strip()
    if not same_token(token, attempt_token(secret, "link", instance_id, attempt)):
        raise Unauthenticated(f"the token is not that of attempt {attempt} of {instance_id}; send ZOO_TOKEN")
    if given.get("protocol") != PROTOCOL:
        raise InvalidInput(
            f"the runner speaks protocol {given.get('protocol')!r} and the zoo {PROTOCOL}; "
            "install the same version of ainimal-zookeeper on both sides",
            ("protocol",),
        )
    return Caller(instance_id, attempt)


def runner(given: Mapping[str, Any]) -> str | None:
    """Returns what the runner calls itself; older ones have no name. Raises: InvalidInput."""
    name = given.get("runner")
    if name is not None and not (isinstance(name, str) and _RUNNER.match(name)):
        raise InvalidInput(f"runner is {str(name)[:80]!r}; it must be 1 to 64 letters and digits", ("runner",))
    return name


def upload(given: Mapping[str, Any]) -> Upload:
    """Raises: InvalidInput."""
    return Upload(_object_name(given.get("name"), ("name",)), _size(given.get("sizeBytes"), ("sizeBytes",)))


def reported(given: Mapping[str, Any]) -> Reported:
    """Raises: InvalidInput with the path of the first value that breaks a rule."""
    sequence = _whole(given.get("sequence"), ("sequence",), least=1)
    said = dict(_object(given.get("report", {}), ("report",)))
    has_checkpoint = said.get("checkpoint") is not None
    save = saves.read(said.pop("save", None), ("report", "save"), has_checkpoint=has_checkpoint)
    restored = saves.restore(said.pop("restored", None), ("report", "restored"))
    manifest, series, picture = given.get("manifest"), given.get("series"), given.get("thumbnail")
    return Reported(
        sequence=sequence,
        report=_report(said),
        save=save,
        restored=restored,
        manifest_json=None if manifest is None else _text_of(observed.manifest, manifest, ("manifest",)),
        series_json=None if series is None else _text_of(observed.series, series, ("series",)),
        timelines=frozenset(each["timeline"] for each in series or ()),
        thumbnail=None if picture is None else observed.thumbnail(picture, ("thumbnail",)),
        lines=_lines(_list(given.get("logs") or [], ("logs",))),
        events=_events(_list(given.get("events") or [], ("events",))),
    )


def restore_id(given: Mapping[str, Any]) -> str:
    """Returns which request to restore a runner wants to meet. Raises: InvalidInput."""
    return saves.restore_id(given.get("id"), ("id",))


def _report(said: Mapping[str, Any]) -> Report:
    known = {}
    for key, value in said.items():
        check = _REPORT.get(key)
        if check is None:
            raise InvalidInput(f"a report has no {key!r}; it has {', '.join(_REPORT)}", ("report",))
        known[key] = check(value, ("report", key))
    if known.get("phase") == "FAILED" and known.get("failure") is None:
        raise InvalidInput("a report that an instance FAILED must say why", ("report", "failure"))
    return cast(Report, known)


def _phase(value: Any, path: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in RUNNER_PHASES:
        raise InvalidInput(f"a runner cannot report the phase {value!r}", path)
    return value


def _stage(value: Any, path: tuple[str, ...]) -> str | None:
    return None if value is None else _text(value, path)[:200]


def _generation(value: Any, path: tuple[str, ...]) -> int:
    return _whole(value, path, least=0)


def _step(value: Any, path: tuple[str, ...]) -> int | None:
    return None if value is None else _whole(value, path, least=0)


def _address(value: Any, path: tuple[str, ...]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _ADDRESS.match(value) or not 1 <= int(value.rpartition(":")[2]) <= 65535:
        raise InvalidInput(f"{value!r} is no address; send host:port", path)
    return value


def _failure(value: Any, path: tuple[str, ...]) -> Failure | None:
    if value is None:
        return None
    given = _object(value, path)
    traceback = given.get("traceback")
    return {
        "code": _text(given.get("code"), (*path, "code"))[:64],
        "message": _text(given.get("message"), (*path, "message"))[:MAX_TEXT],
        # The end of a traceback names the error.
        "traceback": None if traceback is None else _text(traceback, (*path, "traceback"))[-MAX_TRACEBACK:],
        "step": _step(given.get("step"), (*path, "step")),
    }


def _stats(value: Any, path: tuple[str, ...]) -> Stats:
    given = _object(value, path)
    updated = given.get("updatedAt")
    speed = _number(given.get("stepsPerSecond", 0.0), (*path, "stepsPerSecond"))
    return {
        "step": _whole(given.get("step", 0), (*path, "step"), least=0),
        "episode": _whole(given.get("episode", 0), (*path, "episode"), least=0),
        "stepsPerSecond": speed if speed is not None and math.isfinite(speed) else 0.0,
        "episodeReturn": _number(given.get("episodeReturn"), (*path, "episodeReturn")),
        "loss": _number(given.get("loss"), (*path, "loss")),
        "updatedAt": None if updated is None else observed.moment(updated, (*path, "updatedAt")),
    }


def _preview_paths(value: Any, path: tuple[str, ...]) -> list[str]:
    given = _list(value, path)
    for one in given:
        if not isinstance(one, str) or not is_path(one):
            raise InvalidInput(f"{one!r} is no path of a signal", path)
    return given[:8]


def _flag(value: Any, path: tuple[str, ...]) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f"is {value!r}, not true or false", path)
    return value


def _control(value: Any, path: tuple[str, ...]) -> ControlAnswer:
    given = _object(value, path)
    if given.get("ended") != "LAPSED":
        raise InvalidInput(f"{given.get('ended')!r} is no end of a lease; it is LAPSED", (*path, "ended"))
    return {"id": _text(given.get("id"), (*path, "id"))[:80], "ended": "LAPSED"}


def _overrides(value: Any, path: tuple[str, ...]) -> list[OverrideAnswer]:
    answers: list[OverrideAnswer] = []
    for number, each in enumerate(_list(value, path)[:MAX_OVERRIDES]):
        where = (*path, str(number))
        given = _object(each, where)
        ended, message = given.get("ended"), given.get("message")
        if ended not in (None, "EXPIRED", "REFUSED"):
            raise InvalidInput(f"{ended!r} is no end of a rule; it is EXPIRED or REFUSED", (*where, "ended"))
        answers.append(
            {
                "id": _text(given.get("id"), (*where, "id"))[:80],
                "timeline": _generation(given.get("timeline"), (*where, "timeline")),
                "appliedAtStep": _step(given.get("appliedAtStep"), (*where, "appliedAtStep")),
                "expiresAtStep": _step(given.get("expiresAtStep"), (*where, "expiresAtStep")),
                "ended": ended,
                "message": None if message is None else _text(message, (*where, "message"))[:MAX_REASON],
            }
        )
    return answers


def _checkpoint(value: Any, path: tuple[str, ...]) -> CheckpointPoint:
    given = _object(value, path)
    sha256 = given.get("sha256")
    if not isinstance(sha256, str) or not _SHA256.match(sha256):
        raise InvalidInput(f"{sha256!r} is no SHA-256; send 64 hexadecimal digits", (*path, "sha256"))
    return {
        "object": _object_name(given.get("object"), (*path, "object")),
        "step": _whole(given.get("step"), (*path, "step"), least=0),
        "episode": _whole(given.get("episode"), (*path, "episode"), least=0),
        "sizeBytes": _size(given.get("sizeBytes"), (*path, "sizeBytes")),
        "sha256": sha256,
        "checkpointId": None,
    }


_REPORT = {
    "timeline": _generation,
    "phase": _phase,
    "stage": _stage,
    "observedGeneration": _generation,
    "acknowledgedAtStep": _step,
    "liveAddress": _address,
    "failure": _failure,
    "stats": _stats,
    "previewPaths": _preview_paths,
    "trainable": _flag,
    "restorable": _flag,
    "overrides": _overrides,
    "control": _control,
    "replay": replayed.report,
    "checkpoint": _checkpoint,
}


def _lines(given: list[Any]) -> tuple[dict[str, str], ...]:
    lines = []
    for number, value in enumerate(given[-MAX_LINES:]):
        path = ("logs", str(number))
        line = _object(value, path)
        stream = line.get("stream")
        if stream not in _STREAMS:
            raise InvalidInput(f"{stream!r} is no stream; use {', '.join(_STREAMS)}", (*path, "stream"))
        text = _text(line.get("text"), (*path, "text"))
        at = observed.moment(line.get("at"), (*path, "at"))
        lines.append({"at": at, "stream": stream, "text": text[:MAX_LINE_CHARACTERS]})
    return tuple(lines)


def _events(given: list[Any]) -> tuple[Event, ...]:
    events = []
    for number, value in enumerate(given[:MAX_EVENTS]):
        path = ("events", str(number))
        one = _object(value, path)
        kind = one.get("kind")
        if not isinstance(kind, str) or kind not in _RUNNER_EVENTS:
            raise InvalidInput(f"{kind!r} is no event of a runner's; use {', '.join(sorted(_RUNNER_EVENTS))}", path)
        message = _text(one.get("message"), (*path, "message"))[:MAX_TEXT]
        events.append(Event(cast(EventKind, kind), message, _step(one.get("step"), (*path, "step"))))
    return tuple(events)


def _object_name(value: Any, path: tuple[str, ...]) -> str:
    if not isinstance(value, str) or len(value) > 512 or not _OBJECT.match(value):
        raise InvalidInput(f"{value!r} names no object; use letters, digits and -_. between slashes", path)
    if any(part in (".", "..") for part in value.split("/")):
        raise InvalidInput(f"{value!r} leads out of the instance's folder; leave out . and ..", path)
    return value


def _size(value: Any, path: tuple[str, ...]) -> int:
    if type(value) is not int or not 0 <= value <= MAX_UPLOAD_BYTES:
        raise InvalidInput(f"is {value!r}; it must be from 0 to {MAX_UPLOAD_BYTES}", path)
    return value


def _text_of(check: Callable[[Any, tuple[str, ...]], Any], value: Any, path: tuple[str, ...]) -> str:
    text = _storable(json.dumps(check(value, path), separators=(",", ":"), ensure_ascii=False))
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidInput(f"is {len(text)} bytes of JSON, more than {MAX_DOCUMENT_BYTES}; leave something out", path)
    return text


def _text(value: Any, path: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"is {value!r}, not a text", path)
    return _storable(value)


def _storable(text: str) -> str:
    """Half a surrogate pair is JSON, but no store takes it."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _whole(value: Any, path: tuple[str, ...], *, least: int) -> int:
    if type(value) is not int or not least <= value < 2**53:
        raise InvalidInput(f"is {value!r}, not a whole number from {least}", path)
    return value


def _number(value: Any, path: tuple[str, ...]) -> float | None:
    if value is None:
        return None
    if type(value) not in {int, float}:
        raise InvalidInput(f"is {value!r}, not a number", path)
    try:
        return float(value)
    except OverflowError:
        raise InvalidInput("is a number with too many digits; send a float", path) from None


def _object(value: Any, path: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"is {value!r:.100}, not an object", path)
    return value


def _list(value: Any, path: tuple[str, ...]) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidInput(f"is {value!r:.100}, not a list", path)
    return value
