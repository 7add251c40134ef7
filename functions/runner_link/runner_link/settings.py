"""What the runner link's function reads from its environment, once, at its first request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ainimal_zookeeper.profiles import ProfileSettings
from ainimal_zookeeper.profiles.variables import Variables


@dataclass(frozen=True, slots=True)
class Settings:
    """Raises nothing by itself; `from_environ` checks."""

    profile: ProfileSettings

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Raises: InvalidInput that names every variable that is missing or wrong."""
        variables = Variables(environ)
        settings = cls(ProfileSettings.read(variables))
        if settings.profile.name == "embedded":
            variables.required("ZOO_PUBLIC_URL", "where runners reach the zoo")
        variables.check()
        return settings
