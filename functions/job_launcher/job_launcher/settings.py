"""What the launcher's functions read from their environment, once, at the first request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ainimal_zookeeper.profiles import ProfileSettings
from ainimal_zookeeper.profiles.variables import Variables


@dataclass(frozen=True, slots=True)
class Settings:
    """Raises nothing by itself; `from_environ` checks."""

    profile: ProfileSettings
    link_url: str
    """`ZOO_LINK_URL`: where runners reach the runner link."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Raises: InvalidInput that names every variable that is missing or wrong."""
        variables = Variables(environ)
        settings = cls(
            ProfileSettings.read(variables),
            variables.required("ZOO_LINK_URL", "where runners reach the runner link").rstrip("/"),
        )
        variables.check()
        return settings
