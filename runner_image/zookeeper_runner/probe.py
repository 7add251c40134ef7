"""The probe: what the zoo makes of a model file, found out in a process of its own.

    python -m zookeeper_runner.probe FILE[:CLASS]
    python -m zookeeper_runner.probe --scan

The second looks into a pickle or a zip and runs nothing of it: standard input is JSON, the `model` of a launch
(docs/protocols.md), and the answer `verdict`, `findings` and `revision`, the hash of what was looked into.

The last line of standard output is JSON: the manifest, or `code`, `message` and `traceback` of what went wrong. What
the model prints comes before it. Exit status 0, or 1 when the model cannot be loaded.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ainimal_zookeeper import models
from ainimal_zookeeper.domain.documents import MODEL_FILES
from ainimal_zookeeper.domain.errors import AInimalFault, NotFound, UserCodeFault, ZookeeperError

from .fault import fault_of
from .stage import manifest_of_agent
from .uploaded import specification

_MEMORY = 4 << 30
_CPU_S = 120


def probed(file: str, class_name: str | None) -> dict[str, Any]:
    """Loads the model in `file` without a world, tries it once, and returns its manifest.

    Raises: AInimalFault, InvalidInput.
    """
    of_type = MODEL_FILES.get(Path(file).suffix.lower(), "python_class")
    spec: dict[str, Any] = {"type": of_type, "path": str(Path(file).absolute())}
    if class_name is not None:
        spec["class_name"] = class_name
    try:
        agent = models.load(spec, {}, observation=None, action=None, stage=lambda _text: None)
        return {**manifest_of_agent(agent, None)}
    except ZookeeperError:
        raise
    except BaseException as error:
        raise fault_of(error, AInimalFault) from error


def scanned(model: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a look into the file of a model finds, of which nothing is run. Raises: ZookeeperError."""
    from .scan import scan

    spec = specification(model, None, lambda _text: None, 0)
    file = Path(spec["path"])
    try:
        revision = _revision(file)
        found = scan(file, spec["type"])
    except OSError as error:
        raise NotFound(f"{file.name} cannot be read: {error.strerror}") from error
    return {"verdict": found.verdict, "findings": found.findings, "revision": revision}


def _revision(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()[:12]


def _hold_back() -> None:
    """Lets what is looked into take no more memory and time than a scan needs, also when nobody waits any more."""
    import resource  # of Unix alone, as scans are

    for what, most in ((resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_CPU, _CPU_S)):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _named(target: str) -> tuple[str, str | None]:
    if not Path(target).exists() and ":" in target:
        file, class_name = target.rsplit(":", 1)
        return file, class_name
    return target, None


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m zookeeper_runner.probe", description="Tells what a model file is.")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("target", metavar="FILE[:CLASS]", nargs="?")
    target.add_argument("--scan", action="store_true", help="Look into what standard input names, and run nothing.")
    given = parser.parse_args(arguments)
    try:
        if given.scan:
            _hold_back()
            answer, status = scanned(json.load(sys.stdin)), 0
        else:
            answer, status = probed(*_named(given.target)), 0
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
