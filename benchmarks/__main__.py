"""Runs the comparisons and writes results.md: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timezone
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path

from .measuring import measure
from .row import Row

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.md"
INTRODUCTION = """# Results

Written by `make bench`. Both sides of each ratio were measured in one run, interleaved: read the ratios, not the times.
"""


def names() -> list[str]:
    """Returns the comparisons that there are: modules with a `main` that returns rows."""
    return sorted(
        path.stem for path in FOLDER.glob("*.py") if "\ndef main() -> list[" in path.read_text(encoding="utf-8")
    )


def section(name: str, said: str, rows: Sequence[Row], where: str) -> str:
    """Returns one comparison as Markdown."""
    lines = [
        f"## {name}\n",
        f"{said}\n",
        f"{where}\n",
        "| measured | | beside | | ratio | bar | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        value, unit, beside_value = row["value"], row["unit"], row.get("beside_value")
        cells = (
            row["what"],
            amount(value, unit),
            row.get("beside", ""),
            "" if beside_value is None else amount(beside_value, unit),
            f"{value / beside_value:.3g}x" if beside_value else "",
            row.get("bar", ""),
            {True: "kept", False: "**missed**", None: ""}[row.get("kept")],
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def amount(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if abs(value) >= 1000 else f"{value:.3g} {unit}"


def machine() -> str:
    """Returns when, on what and of which commit this is."""
    processor = platform.processor() or platform.machine()
    memory = ""
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = re.search(r"model name\s*:\s*(.+)", information.read_text())
        processor = found[1] if found else processor
        kilobytes = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
        memory = f", {int(kilobytes[1]) / (1 << 20):.0f} GiB" if kilobytes else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "gymnasium", "graphql-core", "torch"))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=FOLDER, check=False
    ).stdout.strip()
    today = datetime.now(timezone.utc).date()
    return (
        f"{today}, commit {commit or 'unknown'}: {cores} cores of {processor}{memory}, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, {versions}."
    )


def version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def read_sections(text: str) -> dict[str, str]:
    """Returns what results.md holds already, by comparison: what is not measured again stays."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("## "): f"{part.rstrip()}\n" for part in parts}


def written(sections: Mapping[str, str]) -> str:
    """Returns results.md."""
    return "\n".join([INTRODUCTION, *(sections[name] for name in sorted(sections))])


def main(wanted: Sequence[str]) -> int:
    """Runs the `wanted` comparisons, all when empty. Returns an exit status: 1 when one of them failed."""
    known = names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"there is no comparison {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    before = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    sections = {name: text for name, text in read_sections(before).items() if name in known}
    where = machine()
    failed = False
    # A process for each, so that none measures what another has imported or left behind.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for name in wanted or known:
            try:
                said, rows = pool.submit(measure, name).result()
            except Exception as error:  # noqa: BLE001 - one that fails must not keep the others from running
                failed = True
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
                continue
            sections[name] = section(name, said, rows, where)
            print(sections[name], flush=True)
            RESULTS.write_text(written(sections), "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
