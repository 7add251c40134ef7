"""Documents of checkpoints, and of what people ask to be saved and restored."""

from __future__ import annotations

import sys
from typing import Literal, TypedDict

if sys.version_info >= (3, 11):  # before that nobody looks the name up
    from typing import NotRequired

SaveKind = Literal["ASKED", "AUTOSAVE", "DEPARTURE", "RECORDING"]


class SaveRequest(TypedDict):
    """Somebody wants the state saved, and the instance to go on."""

    id: str  # "sav_..."
    tag: str | None  # None: the zoo makes one up
    authorId: str | None


class SaveAnswer(TypedDict):
    """What became of a `SaveRequest`: one of `checkpointId` and `failure` is None."""

    id: str  # of the request
    checkpointId: str | None
    failure: dict[str, str] | None  # {code, message}


class CheckpointPoint(TypedDict):
    """A saved state that an instance can start again from."""

    object: str  # in the bucket, below the prefix of the attempt that saved it: a zip of what `save` wrote
    step: int
    episode: int
    sizeBytes: int
    sha256: str  # hexadecimal
    checkpointId: str | None  # the checkpoint that it is; None, or absent in older documents, where it is none


class RestoreRequest(TypedDict):
    """Somebody wants it to go back to a checkpoint, in the process that runs."""

    id: str  # "res_..."
    tag: str  # of the checkpoint
    authorId: str | None
    point: CheckpointPoint


class RestoreAnswer(TypedDict):
    """What became of a `RestoreRequest`: one of `timeline` and `failure` is None."""

    id: str  # of the request
    timeline: int | None  # the one that it began
    failure: dict[str, str] | None  # {code, message}


Push = Literal["WAITING", "PUSHED", "REFUSED"]
"""Where a tag is on its way to the git repository of the model's source; REFUSED: it was told why it never comes."""


class CheckpointDoc(TypedDict):
    """A saved state that has a tag in its model's git repository.

    The repository tells more of it; what is here is enough to list it, to start from it, and to take it away.
    """

    id: str  # "chk_<commit>"
    modelId: str
    modelName: str
    modelRevision: str | None
    code: str  # the class and its source: what a model must still be to start from it
    instanceId: str
    instanceName: str
    ownerId: str | None  # the instance's: who may do what is decided as for the instance
    authorId: str | None  # who asked for it
    attempt: int
    timeline: int
    step: int
    episode: int
    tag: str
    commit: str
    parents: list[str]  # commits
    createdAt: str
    sizeBytes: int
    needsPickle: bool
    object: str
    sha256: str
    kind: SaveKind
    kept: bool  # a user gave its tag, or something was started from it: only a user takes it away
    starts: int  # how often something was started from it
    saveId: str | None  # the `SaveRequest` that it answers
    parametersJson: str
    push: NotRequired[Push]  # absent: nothing of it goes to the model's source


class DiscardDoc(TypedDict):
    """What a checkpoint that is gone has left: a tag in its model's repository, and an object."""

    id: str
    modelId: str
    tag: str
    object: str
    at: str
    pushed: NotRequired[bool]  # whether the git repository of the model's source has the tag, or is getting it


class WithdrawalDoc(TypedDict):
    """A tag that is to be taken away from the git repository of a model's source, if it still is the one we pushed."""

    id: str  # of the checkpoint
    modelId: str
    tag: str
    target: str  # id of the tag's git object
    at: str
