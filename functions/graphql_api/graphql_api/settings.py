"""Settings of the API as a function of its own. The only place that reads its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ainimal_zookeeper.profiles import ProfileSettings
from ainimal_zookeeper.profiles.variables import Variables


@dataclass(frozen=True, slots=True)
class Settings:
    """Raises nothing by itself; `from_environ` checks."""

    profile: ProfileSettings
    allowed_origins: tuple[str, ...] = ()
    """`ZOO_ALLOWED_ORIGINS`: the origins of web clients, by commas, as https://zoo.example; none is the default."""
    processes: Path | None = None
    """`ZOO_PROCESSES`: the file in which a host on the same machine tells of its side processes; None: it has none."""

    link_url: str | None = None
    """`ZOO_LINK_URL`: where scripts that attach reach the runner link; None: none can."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Raises: InvalidInput that names every variable that is missing or wrong."""
        variables = Variables(environ)
        settings = cls(
            ProfileSettings.read(variables),
            variables.read("ZOO_ALLOWED_ORIGINS", _origins, (), "origins by commas, as https://zoo.example"),
            Path(variables.get("ZOO_PROCESSES")).absolute() if variables.get("ZOO_PROCESSES") else None,
            variables.get("ZOO_LINK_URL").rstrip("/") or None,
        )
        variables.check()
        return settings


def _origins(text: str) -> tuple[str, ...]:
    """Raises: ValueError for what no browser would send as its page's origin, `null` and `*` included."""
    origins = tuple(origin.strip().rstrip("/") for origin in text.split(",") if origin.strip())
    for origin in origins:
        parts = urlsplit(origin)
        named = parts.scheme in {"http", "https"} and parts.hostname and "*" not in parts.netloc
        if not named or origin != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
            raise ValueError(origin)
    return origins
