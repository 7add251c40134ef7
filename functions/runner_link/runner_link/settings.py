"""What the runner link's function reads from its environment, once, at its first request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ainimal_zookeeper.ports.secrets import Secrets
from ainimal_zookeeper.profiles import ProfileSettings
from ainimal_zookeeper.profiles.variables import Variables

from .secrets import GivenSecrets


@dataclass(frozen=True, slots=True)
class Settings:
    """Raises nothing by itself; `from_environ` checks."""

    profile: ProfileSettings
    secrets: Secrets
    """What specifications may name. With `ZOO_HOME`, on an operator's machine: the environment and the `.env.local`
    there. Else `ZOO_VARIABLE_<NAME>` is the variable NAME, and nothing else of the environment can be read."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Raises: InvalidInput that names every variable that is missing or wrong."""
        variables = Variables(environ)
        profile = ProfileSettings.read(variables)
        settings = cls(profile, _secrets(environ, profile.home))
        if settings.profile.name == "embedded":
            variables.required("ZOO_PUBLIC_URL", "where runners reach the zoo")
        variables.check()
        return settings


def _secrets(environ: Mapping[str, str], home: Path | None) -> Secrets:
    if home is None:
        return GivenSecrets(environ)
    from ainimal_zookeeper.config.secrets import SecretsBeside  # no cold start waits for it

    return SecretsBeside.of_folder(home, environ)
