"""What the launcher's functions read from their environment, once, at the first request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ainimal_zookeeper.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Settings:
    """Raises nothing by itself; `from_environ` checks."""

    state_dir: Path
    """`ZOO_STATE_DIR`: the state directory of the zoo, which another process may have open too."""
    link_url: str
    """`ZOO_LINK_URL`: where runners reach the runner link."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Raises: InvalidInput that names every variable that is missing or wrong."""
        problems = []
        profile = environ.get("ZOO_PROFILE", "embedded")
        if profile != "embedded":
            problems.append(f"ZOO_PROFILE is {profile!r}; this version has the profile 'embedded'")
        problems += [f"{name} is not set" for name in ("ZOO_STATE_DIR", "ZOO_LINK_URL") if not environ.get(name)]
        if problems:
            raise InvalidInput("; ".join(problems))
        return cls(Path(environ["ZOO_STATE_DIR"]), environ["ZOO_LINK_URL"].rstrip("/"))
