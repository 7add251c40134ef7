"""The documents that the functions share through the store: their collections, keys and shapes.

A document is a JSON object (nothing nested deeper than Firestore takes: no list in a list, at most 1 MiB). Free-form
values (parameters, bounds, launch specifications) are therefore JSON *strings*; such keys end in `Json`. Times are
RFC 3339 strings in UTC with microseconds and a `Z`, so that they sort as text.
"""

from __future__ import annotations

from .checkpoint import (
    CheckpointDoc,
    CheckpointPoint,
    DiscardDoc,
    Push,
    RestoreAnswer,
    RestoreRequest,
    SaveAnswer,
    SaveKind,
    SaveRequest,
    WithdrawalDoc,
)
from .configuration import (
    ConfigurationDoc,
    EnvironmentDoc,
)
from .control import (
    ControlAnswer,
    ControlDoc,
)
from .instance import (
    FINAL_PHASES,
    Desired,
    DesiredPhase,
    Failure,
    InstanceDoc,
    Kind,
    Mode,
    Phase,
    Stats,
    Status,
)
from .model import (
    PACKED,
    PACKED_FILES,
    UPLOADS_PROVIDER,
    CodeDoc,
    ModelDoc,
    ModelRef,
    ParameterDoc,
    ScanDoc,
    UploadDoc,
    UploadedFile,
    code_of,
    ref_of,
)
from .observation import (
    EventDoc,
    LogChunkDoc,
    Manifest,
    ManifestDoc,
    ModalityDoc,
    ProbeDoc,
    SeriesDoc,
    SignalDoc,
    ThumbnailDoc,
)
from .override import (
    OverrideAnswer,
    OverrideDoc,
    OverrideRule,
)
from .places import (
    COMMAND_LIFE_S,
    EXPIRES_AT,
    Collections,
    Document,
    Ref,
    instance_ref,
    nests_lists,
    run_prefix,
)
from .recording import (
    AnnotationDoc,
    RecordingDoc,
    RecordingPhase,
    RecordingRequest,
    SaveLastRequest,
    SegmentDoc,
)
from .replay import (
    Divergence,
    Plane,
    ReplayDoc,
    ReplayReport,
)
from .upkeep import (
    CommandDoc,
    DeadLettersDoc,
    LimitDoc,
    PulseDoc,
)

__all__ = [
    "COMMAND_LIFE_S",
    "EXPIRES_AT",
    "FINAL_PHASES",
    "PACKED",
    "PACKED_FILES",
    "UPLOADS_PROVIDER",
    "AnnotationDoc",
    "CheckpointDoc",
    "CheckpointPoint",
    "CodeDoc",
    "Collections",
    "CommandDoc",
    "ConfigurationDoc",
    "ControlAnswer",
    "ControlDoc",
    "DeadLettersDoc",
    "Desired",
    "DesiredPhase",
    "DiscardDoc",
    "Divergence",
    "Document",
    "EnvironmentDoc",
    "EventDoc",
    "Failure",
    "InstanceDoc",
    "Kind",
    "LimitDoc",
    "LogChunkDoc",
    "Manifest",
    "ManifestDoc",
    "ModalityDoc",
    "Mode",
    "ModelDoc",
    "ModelRef",
    "OverrideAnswer",
    "OverrideDoc",
    "OverrideRule",
    "ParameterDoc",
    "Phase",
    "Plane",
    "ProbeDoc",
    "PulseDoc",
    "Push",
    "RecordingDoc",
    "RecordingPhase",
    "RecordingRequest",
    "Ref",
    "ReplayDoc",
    "ReplayReport",
    "RestoreAnswer",
    "RestoreRequest",
    "SaveAnswer",
    "SaveKind",
    "SaveLastRequest",
    "SaveRequest",
    "ScanDoc",
    "SegmentDoc",
    "SeriesDoc",
    "SignalDoc",
    "Stats",
    "Status",
    "ThumbnailDoc",
    "UploadDoc",
    "UploadedFile",
    "WithdrawalDoc",
    "code_of",
    "instance_ref",
    "nests_lists",
    "ref_of",
    "run_prefix",
]
