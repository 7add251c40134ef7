"""What runners ask of the zoo: claim an instance, learn what is wanted of it, report, get links for uploads."""

from .claims import RunnerSettings
from .link import RunnerLink

__all__ = ["RunnerLink", "RunnerSettings"]
