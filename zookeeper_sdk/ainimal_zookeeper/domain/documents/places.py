"""Places: where documents live, and what is true of all of them."""

from __future__ import annotations

from typing import Any, NamedTuple

Document = dict[str, Any]


class Ref(NamedTuple):
    """Where a document lives."""

    collection: str
    id: str


def nests_lists(value: Any) -> bool:
    """Tells whether there is a list in a list, which Firestore does not hold."""
    if isinstance(value, dict):
        return any(nests_lists(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(isinstance(inner, list | tuple) or nests_lists(inner) for inner in value)
    return False


class Collections:
    """Names of all collections."""

    CONFIGURATION = "configuration"  # one document, `zoo`: ConfigurationDoc
    MODELS = "models"
    ENVIRONMENTS = "environments"
    PROBES = "probes"  # by model id: what a runner learnt of a model, with the revision it learnt it of
    INSTANCES = "instances"
    ENVIRONMENT_INSTANCES = "environmentInstances"
    MANIFESTS = "manifests"  # by instance id: signals, modalities, architecture; apart from the row because it is big
    SERIES = "series"  # by instance id: reduced history of the scalars
    THUMBNAILS = "thumbnails"  # by instance id: the last small picture
    LOGS = "logs"  # chunks of console lines
    EVENTS = "events"
    LIMITS = "limits"  # sets of ids that count against a limit
    COMMANDS = "commands"  # by command id: what a creating mutation answered
    CHECKPOINTS = "checkpoints"
    UPLOADS = "uploads"  # files on their way in, or in, to be made a model of
    SCANS = "scans"  # by model id: what a look into a file found, with the revision of the file
    DISCARDED = "discarded"  # checkpoints that are gone for everybody, while what they left is cleared away
    WITHDRAWN = "withdrawn"  # tags of such, to be taken away where the model's source is
    RECORDINGS = "recordings"
    SEGMENTS = "segments"  # of recordings: which of their objects have arrived
    ANNOTATIONS = "annotations"
    DUTIES = "duties"  # "pulse", "deadLetters": what the reconciler knows from one run to the next


EXPIRES_AT = "expiresAt"
"""A field of any document: from then on it may go. Firestore holds it so that a TTL policy can see to that."""

COMMAND_LIFE_S = 86_400
"""How long a command that comes again is known."""


def instance_ref(id: str) -> Ref:
    """Returns where an instance or environment instance lives: "env_..." names one of the latter."""
    return Ref(Collections.ENVIRONMENT_INSTANCES if id.startswith("env_") else Collections.INSTANCES, id)


def run_prefix(instance_id: str, attempt: int) -> str:
    """Returns what the names of all objects of an attempt begin with."""
    return f"runs/{instance_id}/{attempt}/"
