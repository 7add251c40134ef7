"""The probe: what the zoo makes of a model file, found out in a process of its own.

    python -m zookeeper_runner.probe FILE[:CLASS]

The last line of standard output is JSON: the manifest, or `code`, `message` and `traceback` of what went wrong. What
the model prints comes before it. Exit status 0, or 1 when the model cannot be loaded.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ainimal_zookeeper import models
from ainimal_zookeeper.domain.errors import AInimalFault, UserCodeFault, ZookeeperError

from .fault import fault_of
from .stage import manifest_of_agent


def probed(file: str, class_name: str | None) -> dict[str, Any]:
    """Loads the model in `file` without a world, tries it once, and returns its manifest.

    Raises: AInimalFault, InvalidInput.
    """
    spec: dict[str, Any] = {"type": "python_class", "path": str(Path(file).absolute())}
    if class_name is not None:
        spec["class_name"] = class_name
    try:
        agent = models.load(spec, {}, observation=None, action=None, stage=lambda _text: None)
        return {**manifest_of_agent(agent, None)}
    except ZookeeperError:
        raise
    except BaseException as error:
        raise fault_of(error, AInimalFault) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m zookeeper_runner.probe", description="Tells what a model file is.")
    parser.add_argument("target", metavar="FILE[:CLASS]")
    file: str = parser.parse_args(arguments).target
    class_name: str | None = None
    if not Path(file).exists() and ":" in file:
        file, class_name = file.rsplit(":", 1)
    try:
        answer, status = probed(file, class_name), 0
    except ZookeeperError as error:
        trace = error.traceback if isinstance(error, UserCodeFault) else None
        answer, status = {"code": error.code, "message": str(error), "traceback": trace}, 1
    # A line of its own, whatever the model has printed or done to sys.stdout.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os.write(1, f"\n{json.dumps(answer)}\n".encode())
    return status


if __name__ == "__main__":
    sys.exit(main())
