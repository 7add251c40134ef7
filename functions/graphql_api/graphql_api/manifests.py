"""Manifests: what the repositories of models say of checkpoints, beyond what their documents do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ainimal_zookeeper.domain.errors import DataCorrupt, NotFound
from ainimal_zookeeper.ports.bucket import Bucket

from . import stored

_log = logging.getLogger(__name__)

_KEPT = 32  # an architecture may take hundreds of kilobytes


class Manifests:
    """Thread-safe; its functions block. `bucket` opens the bucket when it is first needed."""

    def __init__(self, bucket: Callable[[], Bucket]) -> None:
        self._bucket = bucket
        self._architecture = lru_cache(_KEPT)(self._read_architecture)  # a commit never changes

    def architecture(self, model_id: str, commit: str) -> dict[str, Any] | None:
        """Returns an `Architecture`; None where nobody has told one, or it cannot be read. Raises: Transient."""
        return self._architecture(model_id, commit)

    def _read_architecture(self, model_id: str, commit: str) -> dict[str, Any] | None:
        from ainimal_zookeeper.checkpoints import Repository

        try:
            manifest = Repository(self._bucket(), model_id).read(commit).manifest
        except (DataCorrupt, NotFound):
            _log.warning(
                "cannot read the manifest of a checkpoint; its architecture is shown as absent",
                exc_info=True,
                extra={"model_id": model_id, "commit": commit},
            )
            return None
        return stored.architecture(manifest.architecture, commit)
