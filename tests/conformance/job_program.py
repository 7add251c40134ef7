"""What the jobs of the compute tests run: one of a few behaviours, named by the variable ZOO_TEST_BEHAVIOUR."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path


def _say(**facts: object) -> None:
    """Tells the test that the job has come this far, and what it found."""
    path = Path(os.environ["ZOO_TEST_FILE"])
    fresh = path.with_suffix(".fresh")
    fresh.write_text(json.dumps(facts))
    fresh.rename(path)


def end() -> None:
    """Ends with success."""


def fail() -> None:
    """Ends without."""
    print("something went wrong\nthese are the last words")
    sys.exit(3)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def run() -> None:
    """Runs until it is told to end, then saves and leaves."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _say(pid=os.getpid())
    while True:
        signal.pause()


def stubborn() -> None:
    """Ignores SIGTERM, and so does its child."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    _say(pid=os.getpid(), child=child.pid)
    while True:
        signal.pause()


def litter() -> None:
    """Ends with success and leaves a child behind."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    _say(child=child.pid)


def look() -> None:
    """Tells what it can see and import."""
    import ainimal_zookeeper
    import websockets
    import zookeeper_runner

    try:
        import orjson
    except ImportError:
        foreign = None
    else:
        foreign = orjson.__file__
    _say(
        version=list(sys.version_info[:2]),
        executable=sys.executable,
        variables=dict(os.environ),
        packages=[ainimal_zookeeper.__name__, zookeeper_runner.__name__, websockets.__name__],
        orjson=foreign,
        session=os.getsid(0) == os.getpid(),
    )


if __name__ == "__main__":
    {f.__name__: f for f in (end, fail, crash, run, stubborn, litter, look)}[os.environ["ZOO_TEST_BEHAVIOUR"]]()
