"""Settings of the API as a function of its own. The only place that reads its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROFILES = ("embedded",)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the API finds its zoo."""

    profile: str
    """`ZOO_PROFILE`: which adapters to use; default "embedded"."""
    state_dir: Path
    """`ZOO_STATE_DIR`: directory of the embedded profile's files; default ".zoo" here."""

    @staticmethod
    def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
        """Raises: SystemExit that lists every variable that is wrong."""
        variables = os.environ if environment is None else environment
        problems = []
        profile = variables.get("ZOO_PROFILE", "embedded")
        if profile not in PROFILES:
            problems.append(f"ZOO_PROFILE is {profile!r}; it must be one of: {', '.join(PROFILES)}")
        state_dir = Path(variables.get("ZOO_STATE_DIR", ".zoo")).absolute()
        if not (state_dir / "secret").is_file():
            problems.append(f"ZOO_STATE_DIR is {str(state_dir)!r}, which has no zoo; start one there with `zoo up`")
        if problems:
            raise SystemExit("\n".join(problems))
        return Settings(profile, state_dir)
