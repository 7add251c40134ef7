"""Documents of models: what is on offer, what was uploaded, and what a look into its file found."""

from __future__ import annotations

import json
import sys
from typing import Final, Literal, TypedDict

if sys.version_info >= (3, 11):  # before that nobody looks the name up
    from typing import NotRequired


class CodeDoc(TypedDict):
    """Where a model's source stood in the git repository that it is kept in."""

    commit: str  # HEAD
    path: str  # of the source there
    modified: bool  # the source differed from that commit
    atHand: bool  # the zoo that says so has the repository: it keeps history with checkpoints and pushes tags


class ModelRef(TypedDict):
    """A model as it was when its instance was launched; once an attempt has begun: as that has found it."""

    id: str
    name: str
    revision: str | None
    code: NotRequired[CodeDoc]  # absent where the source is in no git repository


class ParameterDoc(TypedDict):
    name: str
    type: str  # "float" | "int" | "bool" | "str" | "json"
    defaultJson: str | None
    description: str | None
    display: str | None
    minimum: float | None
    maximum: float | None
    choicesJson: str | None  # JSON list
    required: bool


class ModelDoc(TypedDict):
    id: str  # "mod_..." made of provider and name, the same after a restart and in every clone
    name: str
    type: str
    source: str  # for people: a path, relative to the configuration's folder where it lies below, or an address
    revision: str | None  # hash of the source file(s)
    description: str | None
    providerId: str | None
    parameters: list[ParameterDoc]
    findings: list[str]  # what was found without running it
    defect: str | None  # why no runner can load it: a syntax error with its line; then it is not launched
    keywords: list[str]
    specJson: str  # what a runner needs to load it: config.specification.ModelSpec; no secrets
    uploaded: NotRequired[UploadedFile]  # the file of a model that was uploaded; others have theirs at `source`
    code: NotRequired[CodeDoc]  # absent where the source is in no git repository


PACKED_FILES: Final = {".pkl": "pickle", ".pickle": "pickle", ".zip": "archive"}
"""How files end that hold a pickled object or a packed folder, and the types of models that they are."""

PACKED: Final = frozenset(PACKED_FILES.values())
"""Types of models whose file nobody looks into but a runner."""

MODEL_FILES: Final = {**PACKED_FILES, ".onnx": "onnx"}
"""How files end that hold one whole model, and the types of models that they are: those above, and graphs."""

UPLOADS_PROVIDER: Final = "uploads"
"""The `providerId` of models that people have uploaded: no configuration offers them, so none takes them away."""


class UploadedFile(TypedDict):
    filename: str
    object: str
    sizeBytes: int
    sha256: str
    ownerId: str | None
    createdAt: str


class UploadDoc(TypedDict):
    """A file that somebody was given a link for."""

    id: str  # "upl_..."
    filename: str
    object: str
    sizeBytes: int  # as it was announced, which the link holds it to
    sha256: str  # as it was announced
    ownerId: str | None
    createdAt: str
    modelId: str | None  # what was made of it


class ScanDoc(TypedDict):
    """What a look into the file of a model found, of which nothing was run."""

    id: str  # model id
    revision: str | None
    verdict: Literal["CLEAN", "UNKNOWN", "DANGEROUS", "UNREADABLE"]
    findings: list[str]  # sentences


def ref_of(model: ModelDoc) -> ModelRef:
    """Returns what an instance says of its model."""
    ref: ModelRef = {"id": model["id"], "name": model["name"], "revision": model["revision"]}
    if "code" in model:
        ref["code"] = model["code"]
    return ref


def code_of(model: ModelDoc) -> str:
    """Returns what a model must still be for its checkpoints to fit, in words: its class and where that is."""
    named = json.loads(model["specJson"]).get("class_name")
    return f"{named or model['type']} in {model['source']}"
