"""Attached: the runner as a library, for a script that owns its loop (docs/attach.md)."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from ainimal_zookeeper.attachment import Run

from ..link import Link
from .reach import CLAIM_S, Reach, introduce, script_name


def attach(name: str | None, zoo: str | None, parameters: Mapping[str, Any] | None, seed: int | None) -> Run:
    """Returns the run of this script in a zoo. Raises: ZookeeperError without one in reach, or where it refuses."""
    reach = Reach.from_environ(os.environ, zoo)
    introduced = introduce(reach, script_name(), name, parameters, seed)
    link = Link(introduced.settings)
    claiming = threading.Thread(target=_heavy, name="zoo-imports", daemon=True)
    claiming.start()  # most of it is importing numpy, while the claim is on its way
    launch = link.claim(CLAIM_S)
    claiming.join()
    run: Run = _heavy().begin(introduced, link, launch)
    return run


def _heavy() -> Any:
    from . import companion

    return companion
