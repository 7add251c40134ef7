"""Checkpoints as tags in a model's git graph: saved, read, compared, pushed and cloned.

Importing this package imports dulwich, which takes a tenth of a second: whoever starts often imports it when needed.
"""

from .cloning import Clone, clone
from .comparison import Comparison, Difference, compare, differences, differences_in_code
from .manifest import MAX_MANIFEST_BYTES, MAX_PAYLOAD_FILES, Code, Manifest, PayloadFile
from .names import MAX_TAG_BYTES, check_tag, checkpoint_id, commit_in
from .pushing import push
from .repository import Repository
from .snapshot import Author, Checkpoint, Snapshot
from .source import SourceRepository, SourceState

__all__ = [
    "MAX_MANIFEST_BYTES",
    "MAX_PAYLOAD_FILES",
    "MAX_TAG_BYTES",
    "Author",
    "Checkpoint",
    "Clone",
    "Code",
    "Comparison",
    "Difference",
    "Manifest",
    "PayloadFile",
    "Repository",
    "Snapshot",
    "SourceRepository",
    "SourceState",
    "check_tag",
    "checkpoint_id",
    "clone",
    "commit_in",
    "compare",
    "differences",
    "differences_in_code",
    "push",
]
