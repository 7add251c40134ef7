"""Settings: what the runner is told from outside. The only place that reads environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ainimal_zookeeper.domain.errors import InvalidInput

PROTOCOL = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """Who this runner is and whom it asks."""

    link: str
    """Base URL of the runner link."""
    instance_id: str
    attempt: int
    token: str
    """Shown to the runner link; worth nothing for another instance or attempt."""
    live_host: str = "127.0.0.1"
    """Address that the live server listens on; in a pod the pod's own."""
    live_port: int = 0
    """0: any free one."""
    home: Path | None = None
    """`ZOO_HOME`: the folder of the zoo's files, where the paths in specifications begin."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Raises: InvalidInput that names every variable that is missing or wrong."""
        wrong = [f"{name} is not set" for name in ("ZOO_LINK", "ZOO_INSTANCE", "ZOO_TOKEN") if not environ.get(name)]
        numbers = {}
        for name, default in (("ZOO_ATTEMPT", None), ("ZOO_LIVE_PORT", "0")):
            text = environ.get(name) or default
            if text is None or not text.isdecimal():
                wrong.append(f"{name} is {text!r}; it must be a whole number" if text else f"{name} is not set")
            else:
                numbers[name] = int(text)
        if wrong:
            raise InvalidInput(f"{'; '.join(wrong)}. A runner is started by the zoo, which sets them")
        return cls(
            link=environ["ZOO_LINK"],
            instance_id=environ["ZOO_INSTANCE"],
            attempt=numbers["ZOO_ATTEMPT"],
            token=environ["ZOO_TOKEN"],
            live_host=environ.get("ZOO_LIVE_HOST") or "127.0.0.1",
            live_port=numbers["ZOO_LIVE_PORT"],
            home=Path(environ["ZOO_HOME"]).absolute() if environ.get("ZOO_HOME") else None,
        )


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often things happen, in seconds: `settings` of the launch."""

    poll_s: float = 5.0
    """Between two questions for what is desired."""
    report_s: float = 10.0
    """Between two reports of statistics."""
    log_s: float = 0.25
    """Between two reports of nothing but console lines; those who watch see them at once."""
    grace_s: float = 5.0
    """From the wish to stop to the end of the process, whatever user code does."""
    hang_s: float = 30.0
    """Without a step that should have been made: a hang."""
    orphan_s: float = 60.0
    """Without an answer of the runner link: nobody knows this runner any more."""

    @property
    def working_s(self) -> float:
        """From the wish to stop until user code must be done.

        Whoever asked kills after the grace; the last report needs a moment before that.
        """
        return self.grace_s - min(1.0, 0.3 * self.grace_s)

    @classmethod
    def from_launch(cls, settings: Mapping[str, Any]) -> Cadence:
        """Reads the launch's `settings`; what is absent keeps its default."""
        names = {"poll_s": "pollSeconds", "report_s": "reportSeconds", "grace_s": "graceSeconds"}
        names |= {"log_s": "logSeconds", "hang_s": "hangSeconds", "orphan_s": "orphanSeconds"}
        return cls(**{field: float(settings[name]) for field, name in names.items() if name in settings})
