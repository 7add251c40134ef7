"""Function: one deployable of the zoo, and where its parts are, in a clone and in an installed wheel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ainimal_zookeeper.domain.errors import NotFound

_OPERATORS = {"cli", "client", "config", "server", "staging"}  # used where a person sits, by whatever reaches there
_CARRIED = Path(__file__).parent / "functions"  # where a wheel keeps what stands beside the packages in a clone


@dataclass(frozen=True, slots=True)
class Function:
    """One source with one or more entry points."""

    name: str
    """Of its package and of its folder."""
    targets: tuple[str, ...]
    """The functions in its main.py that are served, each as a service of its own."""
    configured: bool = False
    """Whether it brings the configuration of the zoo."""

    def files(self) -> dict[str, bytes]:
        """Returns main.py and the files of the package by their place in the deployed folder."""
        package = self._package()
        found = {
            f"{self.name}/{path.relative_to(package).as_posix()}": path.read_bytes()
            for path in package.rglob("*")
            if path.is_file() and not _is_left_out(path.relative_to(package))
        }
        return {"main.py": self._beside_package("main.py").read_bytes(), **found}

    def requirements(self) -> str:
        """Returns its locked requirements: each with its version and the hashes of its files."""
        return self._beside_package("requirements.txt").read_text(encoding="utf-8")

    def _package(self) -> Path:
        spec = find_spec(self.name)
        if spec is None or spec.origin is None:
            raise NotFound(f"there is no package {self.name}; install AInimal Zookeeper again: its wheel has it")
        return Path(spec.origin).parent

    def _beside_package(self, name: str) -> Path:
        candidates = (_CARRIED / self.name / name, self._package().parent / name)
        found = next((path for path in candidates if path.is_file()), None)
        if found is None:
            raise NotFound(f"{name} of {self.name} is neither {' nor '.join(map(str, candidates))}; install anew")
        return found


FUNCTIONS = (
    Function("graphql_api", ("graphql",)),
    Function("job_launcher", ("launch", "reconcile"), configured=True),
    Function("runner_link", ("link",)),
)


def sdk_files() -> Mapping[str, Path]:
    """Returns the modules of the SDK by name, but for those that only the machine of an operator has."""
    root = Path(__file__).parents[1]
    modules: dict[str, Path] = {}
    for path in root.rglob("*.py"):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        if parts[1] in _OPERATORS:
            continue
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def _is_left_out(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)
