"""Uploaded: the file of a model that somebody brought, fetched for this process and gone with it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ainimal_zookeeper.domain.errors import DataCorrupt, Rejected, Transient

from .home import at_home


def specification(
    model: Mapping[str, Any], home: Path | None, enter: Callable[[str], None], patience_s: float
) -> Mapping[str, Any]:
    """Returns the specification of the `model` of a launch with the absolute path of its file, which is there.

    Raises: DataCorrupt when it is not, to the bit, what was uploaded, or is gone; InvalidInput; Transient.
    """
    given, spec = model.get("file"), model["spec"]
    if given is None:
        return at_home(spec, home)
    from . import objects

    enter(f"fetching {given['filename']}")
    place = Path(tempfile.mkdtemp(prefix="ainimal-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    file = place / given["filename"]
    try:
        objects.patiently_download(
            given["url"],
            given["headers"],
            file,
            sha256=given["sha256"],
            size_bytes=given["sizeBytes"],
            patience_s=patience_s,
            what=f"the uploaded file {given['filename']}",
        )
    except Rejected as error:
        raise DataCorrupt(f"the uploaded file {given['filename']} cannot be had: {error}; upload it again") from error
    except OSError as error:
        raise Transient(f"there is no room for the uploaded file {given['filename']}: {error}") from error
    return {**spec, "path": str(file)}
