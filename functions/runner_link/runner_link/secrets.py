"""The variables that a function was given for models and environments."""

from __future__ import annotations

from collections.abc import Mapping

from ainimal_zookeeper.domain.references import is_own

PREFIX = "ZOO_VARIABLE_"  # of an environment variable that is meant for user code; no other can be read


class GivenSecrets:
    """A `Secrets` of the environment variables that begin with the prefix, by the rest of their names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        given = {name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)}
        self._given = {name: value for name, value in given.items() if not is_own(name)}

    def __repr__(self) -> str:
        return f"GivenSecrets({', '.join(sorted(self._given))})"

    def get(self, name: str) -> str | None:
        return self._given.get(name)

    def advice(self, name: str) -> str:
        return f"set {PREFIX}{name} where the runner link runs"
