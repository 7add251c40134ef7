"""What the launcher's functions read from their environment, once, when they start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ainimal_zookeeper.profiles import ProfileSettings
from ainimal_zookeeper.profiles.variables import Variables

CONFIGURATION_NAME = "configuration.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """Raises nothing by itself; `from_environ` checks."""

    profile: ProfileSettings
    link_url: str
    """`ZOO_LINK_URL`: where runners reach the runner link."""
    caller_account: str = ""
    """`ZOO_CALLER_ACCOUNT`: e-mail of the one service account that may call this function: the push subscription's for
    `launch`, the timer's for `reconcile`. Required on gcp; empty: whoever reaches the function may call."""
    caller_audience: str = ""
    """`ZOO_CALLER_AUDIENCE`: what the tokens of the caller are made for: the audience that the push subscription or the
    timer is configured with, as a rule the function's URL. Goes with `ZOO_CALLER_ACCOUNT`."""
    configuration: Path | None = None
    """`ZOO_CONFIGURATION`: the compiled configuration that `reconcile` publishes; unless set, `configuration.json`
    beside the entry point, where there is one; None: the catalogue is somebody else's."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], folder: Path | None = None) -> Settings:
        """`folder` is where the entry point lies. Raises: InvalidInput that names every variable that is missing or
        wrong.
        """
        variables = Variables(environ)
        profile = ProfileSettings.read(variables)
        link_url = variables.required("ZOO_LINK_URL", "where runners reach the runner link").rstrip("/")
        account, audience = variables.get("ZOO_CALLER_ACCOUNT"), variables.get("ZOO_CALLER_AUDIENCE")
        if profile.name == "gcp" or account or audience:
            account = variables.required("ZOO_CALLER_ACCOUNT", "the service account that may call this function")
            audience = variables.required("ZOO_CALLER_AUDIENCE", "what the tokens of the caller are made for")
        settings = cls(profile, link_url, account, audience, _configuration(variables, folder))
        variables.check()
        return settings


def _configuration(variables: Variables, folder: Path | None) -> Path | None:
    named = variables.get("ZOO_CONFIGURATION")
    if named:
        return Path(named).absolute()
    beside = None if folder is None else folder / CONFIGURATION_NAME
    return beside if beside is not None and beside.is_file() else None
