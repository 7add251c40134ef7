"""Home: the zoo's folder on this machine, where the paths in specifications begin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ainimal_zookeeper.domain.errors import InvalidInput


def at_home(spec: Mapping[str, Any], home: Path | None) -> Mapping[str, Any]:
    """Returns `spec` with an absolute path. Raises: InvalidInput without a home that a relative one needs."""
    path = spec.get("path")
    if not path or Path(path).is_absolute():
        return spec
    if home is None:
        raise InvalidInput(f"nobody knows where {path} is: set ZOO_HOME to the folder of the zoo's files", ("path",))
    return {**spec, "path": str(home / path)}
