"""`zoo probe`: loads a model in a process of its own and tells what was found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ainimal_zookeeper.adapters.embedded.interpreter import environment, interpreter
from ainimal_zookeeper.client.refusals import refusal
from ainimal_zookeeper.client.tables import Table
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput, NotFound, UserCodeFault

from .output import show_json, show_table


@click.command()
@click.argument("target", metavar="FILE[:CLASS]")
@click.option("--python", metavar="PATH", help="Interpreter to load it with, instead of this one.")
@click.option(
    "--timeout", type=float, default=120.0, show_default=True, metavar="SECONDS", help="How long it may take."
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def probe(target: str, python: str | None, timeout: float, as_json: bool) -> None:
    """Loads the model class in FILE, tries it once, and tells what the zoo makes of it and how sure it is."""
    file = target.rsplit(":", 1)[0] if not Path(target).exists() else target
    if not Path(file).is_file():
        raise NotFound(f"there is no file {file}; give a Python file, FILE or FILE:CLASS")
    executable = interpreter(python)
    with tempfile.TemporaryDirectory() as imports:
        variables = environment(executable, Path(imports), os.environ)
        report = run_probe([executable, "-m", "zookeeper_runner.probe", target], variables, timeout)
    if as_json:
        show_json(report)
    else:
        show_report(report)


def run_probe(command: list[str], variables: Mapping[str, str], timeout_s: float) -> dict[str, Any]:
    """Returns what the probe printed as its last line: JSON. What the model printed before is passed on to stderr.

    Raises: AInimalFault with the traceback when the model cannot be loaded, or takes too long; what the probe says.
    """
    try:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise AInimalFault(f"the model was not loaded within {timeout_s:g} s; give it more: --timeout") from error
    except OSError as error:
        raise InvalidInput(f"cannot run {command[0]}: {error.strerror}; give another --python") from error
    *printed, last = done.stdout.splitlines() or [""]
    try:
        report = json.loads(last)
    except ValueError:
        reason = (done.stderr.strip().splitlines() or [f"the probe ended with {done.returncode} and said nothing"])[-1]
        raise AInimalFault(f"the model cannot be loaded: {reason}", done.stderr or None) from None
    for line in printed:
        if line:
            click.echo(line, err=True)
    if "code" in report:
        refused = refusal(report["code"], report["message"])
        if isinstance(refused, UserCodeFault):
            refused.traceback = report.get("traceback")
        raise refused
    return dict(report)


def show_report(report: dict[str, Any]) -> None:
    """Prints the channels of a probed model and what else was found."""
    rows = [("input", row) for row in report.get("inputs", [])] + [("output", row) for row in report.get("outputs", [])]
    show_table(
        Table(
            rows,
            {
                "": lambda row: row[0],
                "name": lambda row: row[1]["name"],
                "kind": lambda row: row[1]["kind"],
                "shape": lambda row: row[1]["shape"],
                "dtype": lambda row: row[1]["dtype"],
                "unit": lambda row: row[1].get("unit"),
            },
        ),
        "it does not say what it takes and gives; an environment will",
    )
    click.echo(f"\nIt {'learns' if report.get('trainable') else 'does not learn'}.\n")
    columns: dict[str, Callable[[Sequence[str]], str]] = {
        "what": lambda row: row[0],
        "found": lambda row: row[1],
        "how sure": lambda row: row[2],
    }
    show_table(Table(map(_finding, report.get("findings", [])), columns), "nothing else was found")


def _finding(sentence: str) -> Sequence[str]:
    """Returns the parts of a finding, "what: sentence (how sure)"; one of another form is all sentence."""
    parts = re.fullmatch(r"([\w ]+): (.*) \(([^()]*)\)", sentence)
    return parts.groups() if parts else ("", sentence, "")
