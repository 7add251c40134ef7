"""Secrets that came with a claim stay out of what a runner tells."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zookeeper_runner.console import Lines
from zookeeper_runner.discretion import Discretion
from zookeeper_runner.link import Link
from zookeeper_runner.settings import Settings

from tests.fakes.runner_link import FakeRunnerLink, launch_of

KEY = "sk-hunter2-hunter2"


def launch(**variables: str) -> dict[str, Any]:
    spec = {"type": "python_class", "path": "a.py", "variables": variables}
    return launch_of(model={"id": "mod_1", "name": "a", "revision": None, "spec": spec})


@given(st.text(min_size=8), st.text(), st.text())
def test_no_text_for_people_holds_a_secret(secret: str, before: str, after: str) -> None:
    """Wherever it stands in what is told, stars stand instead."""
    text = f"{before}{secret}{after}"
    told = Discretion([secret]).told({"logs": [{"text": text}], "report": {"failure": {"message": text}}})

    assert secret not in told["logs"][0]["text"].replace("***", "")
    assert secret not in told["report"]["failure"]["message"].replace("***", "")


def test_what_machines_read_stays_as_it_is() -> None:
    """A variable that is the name of a signal breaks no manifest, and short values hide nothing."""
    told = {"manifest": {"signals": [{"path": "inputs.position"}], "findings": ["position is odd", "cpu"]}}

    assert Discretion(["position", "cpu"]).told(told) == {
        "manifest": {"signals": [{"path": "inputs.position"}], "findings": ["*** is odd", "cpu"]}
    }
    assert Discretion(["cpu"]).told(told) is told


def test_keys_of_several_lines_are_hidden_line_by_line() -> None:
    """A console shows a private key line by line."""
    discretion = Discretion(["-----BEGIN-----\nabcdefgh\nxyz\n"])

    assert [discretion.text(line) for line in ("-----BEGIN-----", "is abcdefgh", "xyz")] == ["***", "is ***", "xyz"]
    assert discretion.printed(b"key: abcdefgh\n") == b"key: ***\n"


def test_a_secret_is_known_within_quotes() -> None:
    """A KeyError quotes its key, and JSON its texts: both write backslashes and quotes in a way of their own."""
    key = '{"private_key": "-----BEGIN-----\\nabc\\n", "by": "it\'s me"}'
    discretion = Discretion([key])

    assert [discretion.text(quoted) for quoted in (repr(key), json.dumps(key))] == ["'***'", '"***"']


def test_lines_are_kept_without_secrets() -> None:
    """What the log and the live link show of a print is hidden before it is kept."""
    lines = Lines(discretion=Discretion.of(launch(TOKEN=KEY)))
    lines.add("stdout", f"Authorization: {KEY}")

    assert [line["text"] for line in lines.take()] == ["Authorization: ***"]


@pytest.mark.parametrize("variables", [{"TOKEN": KEY}, {}])
def test_reports_are_sent_without_the_secrets_of_the_claim(variables: dict[str, str]) -> None:
    """A failure whose message quotes a secret is told without it."""
    served = FakeRunnerLink(launch(**variables))
    try:
        link = Link(Settings.from_environ(served.variables("ins_1")))
        link.claim()
        failure = {"code": "AINIMAL_FAULT", "message": f"bad key {KEY}", "traceback": None, "step": None}
        link.report(link.numbered({"report": {"phase": "FAILED", "failure": failure}}))
        link.close()
    finally:
        served.close()
    told = served.reports["ins_1"][0]["report"]["failure"]["message"]

    assert told == ("bad key ***" if variables else f"bad key {KEY}")
