"""Fetching: the recording that is to be replayed, from the bucket to a folder that goes with the process."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ainimal_zookeeper.domain.errors import DataCorrupt, Rejected, Transient
from ainimal_zookeeper.domain.recordings import MANIFEST, check_manifest
from ainimal_zookeeper.recording.recording import Recording

from .. import objects


def fetch(replay: Mapping[str, Any], enter: Callable[[str], None], patience_s: float) -> Recording:
    """Returns the recording of the `replay` of a launch, whole and as it was recorded.

    Raises: DataCorrupt when its bytes are others than were recorded, or gone; Transient.
    """
    enter(f"fetching the recording {replay['recordingId']}")
    folder = Path(tempfile.mkdtemp(prefix="ainimal-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    base, headers, what = replay["baseUrl"], replay["headers"], f"the recording {replay['recordingId']}"
    try:
        data = objects.patiently_read(base + MANIFEST, headers, patience_s=patience_s)
        manifest = check_manifest(json.loads(data), MANIFEST)
        (folder / MANIFEST).write_bytes(data)
        for entry in [*manifest["segments"], *manifest["weights"]]:
            objects.patiently_download(
                base + quote(entry["name"]),
                headers,
                folder / Path(entry["name"]).name,
                sha256=entry["sha256"],
                size_bytes=entry["sizeBytes"],
                patience_s=patience_s,
                what=what,
            )
    except Rejected as error:
        raise DataCorrupt(f"{what} cannot be had: {error}") from error
    except ValueError as error:
        raise DataCorrupt(f"the manifest of {what} is no JSON: {error}") from error
    except OSError as error:
        raise Transient(f"there is no room for {what}: {error}") from error
    return Recording.open(folder)
