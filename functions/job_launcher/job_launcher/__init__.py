"""What queues and timers ask of the zoo: start the jobs that are wanted, and make documents and jobs agree."""

from .launcher import Launcher
from .patience import Patience
from .push import Push
from .reconciler import Reconciler

__all__ = ["Launcher", "Patience", "Push", "Reconciler"]
