"""Manifest: what a checkpoint says of itself, and its one form as text.

The text is JSON with sorted keys, one a line, so that the same facts are the same bytes and `git diff` between two
checkpoints shows what changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput

from .names import check_paths, is_commit

FORMAT = 1
MAX_MANIFEST_BYTES = 1 << 20
MAX_PAYLOAD_FILES = 256  # each is an object that a save writes

Value = TypeVar("Value")

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_LARGEST = 2**53 - 1  # whole numbers that every reader of JSON keeps


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """A file that restoring needs. Its bytes are the object `object` of the bucket."""

    path: str
    object: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Code:
    """What was running: the model `model`, a `kind` (its class, or the type of its file) from `source` at `revision`.

    `commit`, where the source is in a git repository: its HEAD when the code was loaded; `path` is the source's name
    there, and `modified` tells whether the source differed from that commit.
    """

    model: str
    kind: str
    source: str
    revision: str | None = None
    commit: str | None = None
    path: str | None = None
    modified: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts of a checkpoint. Mappings hold JSON values only.

    `grew_from`: the commit of the checkpoint that the instance was restored or went on from; None for the first.
    `seeds` by what they seed; `libraries`: versions by name; `overrides`: the standing rules.
    """

    instance_id: str
    timeline: int
    step: int
    episode: int
    code: Code
    payload: tuple[PayloadFile, ...]
    grew_from: str | None = None
    mode: str = "BOTH"
    needs_pickle: bool = False
    seeds: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[Mapping[str, Any]] = ()
    environment: Mapping[str, Any] | None = None
    architecture: Mapping[str, Any] | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)


def to_document(manifest: Manifest) -> dict[str, Any]:
    """Returns the manifest as JSON values, under the names that its text has."""
    code = manifest.code
    return {
        "format": FORMAT,
        "instanceId": manifest.instance_id,
        "timeline": manifest.timeline,
        "step": manifest.step,
        "episode": manifest.episode,
        "grewFrom": manifest.grew_from,
        "mode": manifest.mode,
        "needsPickle": manifest.needs_pickle,
        "seeds": dict(manifest.seeds),
        "parameters": dict(manifest.parameters),
        "overrides": [dict(rule) for rule in manifest.overrides],
        "environment": None if manifest.environment is None else dict(manifest.environment),
        "architecture": None if manifest.architecture is None else dict(manifest.architecture),
        "libraries": dict(manifest.libraries),
        "code": code_document(code),
        "payload": [
            {"path": file.path, "object": file.object, "sha256": file.sha256, "sizeBytes": file.size_bytes}
            for file in manifest.payload
        ],
    }


def code_document(code: Code) -> dict[str, Any]:
    return {
        "model": code.model,
        "kind": code.kind,
        "source": code.source,
        "revision": code.revision,
        "commit": code.commit,
        "path": code.path,
        "modified": code.modified,
    }


def to_text(manifest: Manifest) -> bytes:
    """Returns the manifest's text, which can be read again. Raises: InvalidInput for what is none, or is too big."""
    try:
        document = to_document(manifest)
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"the manifest is no JSON: {error}", ("manifest",)) from None
    text = canonical(document)
    if len(text) > MAX_MANIFEST_BYTES:
        raise InvalidInput(
            f"the manifest has {len(text):,} bytes, more than {MAX_MANIFEST_BYTES:,}; shorten the architecture or the "
            "parameters",
            ("manifest",),
        )
    _parse(text)
    return text


def canonical(document: Mapping[str, Any]) -> bytes:
    """Returns a document's one text: keys sorted, one a line. Raises: InvalidInput for what is no JSON."""
    try:
        return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except UnicodeEncodeError:
        raise InvalidInput("the manifest holds text that is no valid Unicode", ("manifest",)) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the manifest is no JSON: {error}", ("manifest",)) from None


def from_text(text: bytes, of: str) -> Manifest:
    """Returns the manifest of `of`. Keys that this version does not know are left out.

    Raises: DataCorrupt that names `of` and what is wrong.
    """
    try:
        return _parse(text)
    except InvalidInput as error:
        raise DataCorrupt(f"the manifest of {of} is none: {error}") from None


def _parse(text: bytes) -> Manifest:
    """Raises: InvalidInput."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"it is no JSON: {error}", ("manifest",)) from None
    manifest = _read(_Fields(document))
    _check(manifest)
    return manifest


def _check(manifest: Manifest) -> None:
    """Raises: InvalidInput."""
    for name, number in (("timeline", manifest.timeline), ("step", manifest.step), ("episode", manifest.episode)):
        _check_whole(number, name)
    for name, commit in (("grewFrom", manifest.grew_from), ("code.commit", manifest.code.commit)):
        if commit is not None and not is_commit(commit):
            raise InvalidInput(f"{name} is {commit[:80]!r}; it must be a commit of 40 hexadecimal digits", (name,))
    if len(manifest.payload) > MAX_PAYLOAD_FILES:
        raise InvalidInput(
            f"the payload has {len(manifest.payload):,} files, more than {MAX_PAYLOAD_FILES}; pack them together",
            ("payload",),
        )
    check_paths([file.path for file in manifest.payload])
    for file in manifest.payload:
        _check_whole(file.size_bytes, f"sizeBytes of {file.path}")
        if not _SHA256.match(file.sha256):
            raise InvalidInput(
                f"sha256 of {file.path} is {file.sha256[:80]!r}; it must be 64 lower-case hexadecimal digits",
                ("payload",),
            )


def _check_whole(number: int, name: str) -> None:
    if not 0 <= number <= _LARGEST:
        raise InvalidInput(f"{name} is {number:.4g}; it must be between 0 and {_LARGEST}", (name,))


class _Fields:
    """An object of JSON, read key by key. Raises: InvalidInput for a key that is missing or of another kind."""

    def __init__(self, document: Any, where: str = "") -> None:
        if not isinstance(document, dict):
            raise InvalidInput(f"{where or 'it'} is no object", (where,))
        self._document = document
        self._where = where

    def text(self, key: str) -> str:
        return self._of(key, str, "text")

    def text_or_none(self, key: str) -> str | None:
        return None if self._document.get(key) is None else self.text(key)

    def whole(self, key: str) -> int:
        return self._of(key, int, "a whole number")

    def flag(self, key: str) -> bool:
        return self._of(key, bool, "true or false")

    def object(self, key: str) -> dict[str, Any]:
        return self._of(key, dict, "an object")

    def object_or_none(self, key: str) -> dict[str, Any] | None:
        return None if self._document.get(key) is None else self.object(key)

    def objects(self, key: str) -> list[dict[str, Any]]:
        items = self._of(key, list, "a list")
        if not all(isinstance(item, dict) for item in items):
            raise InvalidInput(f"{self._where}{key} holds what is no object", (key,))
        return items

    def _of(self, key: str, kind: type[Value], called: str) -> Value:
        value = self._document.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InvalidInput(f"{self._where}{key} is not {called}", (key,))
        return value


def _read(fields: _Fields) -> Manifest:
    if fields.whole("format") != FORMAT:
        raise InvalidInput(f"its format is not {FORMAT}; read it with a newer zoo", ("format",))
    code = _Fields(fields.object("code"), "code.")
    libraries = fields.object("libraries")
    if not all(isinstance(version, str) for version in libraries.values()):
        raise InvalidInput("libraries holds what is no text", ("libraries",))
    return Manifest(
        instance_id=fields.text("instanceId"),
        timeline=fields.whole("timeline"),
        step=fields.whole("step"),
        episode=fields.whole("episode"),
        grew_from=fields.text_or_none("grewFrom"),
        mode=fields.text("mode"),
        needs_pickle=fields.flag("needsPickle"),
        seeds=fields.object("seeds"),
        parameters=fields.object("parameters"),
        overrides=tuple(fields.objects("overrides")),
        environment=fields.object_or_none("environment"),
        architecture=fields.object_or_none("architecture"),
        libraries=libraries,
        code=Code(
            model=code.text("model"),
            kind=code.text("kind"),
            source=code.text("source"),
            revision=code.text_or_none("revision"),
            commit=code.text_or_none("commit"),
            path=code.text_or_none("path"),
            modified=code.flag("modified"),
        ),
        payload=tuple(_file(_Fields(file, "payload.")) for file in fields.objects("payload")),
    )


def _file(fields: _Fields) -> PayloadFile:
    return PayloadFile(fields.text("path"), fields.text("object"), fields.text("sha256"), fields.whole("sizeBytes"))
