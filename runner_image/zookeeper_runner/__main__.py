"""Runs one attempt: `python -m zookeeper_runner` with ZOO_LINK, ZOO_INSTANCE, ZOO_ATTEMPT and ZOO_TOKEN set.

Exit status: 0 ended as asked, 1 failed, 2 never began, 3 fenced, 4 orphaned.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Any

from ainimal_zookeeper.domain.errors import ZookeeperError

from .console import Console, Lines
from .discretion import Discretion
from .link import Link
from .settings import Settings

_NEVER_BEGAN = 2


def main() -> int:
    """Returns the exit status."""
    try:
        settings = Settings.from_environ(os.environ)
        link = Link(settings)
    except ZookeeperError as error:
        sys.stderr.write(f"{error}\n")
        return _NEVER_BEGAN
    claimed: list[dict[str, Any] | BaseException] = []

    def claim() -> None:
        try:
            claimed.append(link.claim())
        except BaseException as error:  # noqa: BLE001 - raised below, in the main thread
            claimed.append(error)

    claiming = threading.Thread(target=claim, name="zoo-claim", daemon=True)
    claiming.start()
    lacking: ImportError | None = None
    try:
        from .runner import Runner  # while the claim is on its way: most of the start is importing numpy
    except ImportError as error:
        lacking = error
    claiming.join()
    launch = claimed[0]
    if isinstance(launch, BaseException):
        sys.stderr.write(f"instance {settings.instance_id}, attempt {settings.attempt}: {launch}\n")
        return _NEVER_BEGAN
    if lacking is not None:
        return _give_up(link, lacking)
    console = Console(Lines(discretion=Discretion.of(launch)))
    console.start()
    return Runner(settings, link, launch, console).run()


def _give_up(link: Link, lacking: ImportError) -> int:
    """Says that this interpreter cannot run the instance, and why."""
    message = (
        f"{sys.executable} cannot run a runner ({lacking}); install {lacking.name or 'what is missing'} for it, or "
        "name another interpreter as `python` in the configuration"
    )
    sys.stderr.write(f"{message}\n")
    failure = {"code": "INVALID_INPUT", "message": message, "traceback": None, "step": None}
    with contextlib.suppress(ZookeeperError):  # who is not heard is found by the reconciler
        link.report(link.numbered({"report": {"phase": "FAILED", "failure": failure}}))
    return _NEVER_BEGAN


def leave(status: int) -> None:
    """Ends the process, also when user code has left threads behind that would never end."""
    left = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    if left:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    leave(main())
