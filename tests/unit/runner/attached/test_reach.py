"""How a script finds a zoo, and what it costs where there is none."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import Any

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput, Rejected, Transient
from zookeeper_runner.attached import reach
from zookeeper_runner.attached.reach import Reach, introduce

from tests.fakes.zoo_door import Door

SCRIPT = """
import logging, sys, threading
import ainimal_zookeeper
for _ in range(2):
    run = ainimal_zookeeper.attach(zoo="http://127.0.0.1:{port}", parameters={{"lr": 0.1}})
environment, model = object(), object()
assert run.env(environment) is environment and run.watch(model) is model
run.log({{"loss": 1.0}}, step=3)
run.checkpoints(lambda folder: 1 / 0, lambda folder: 1 / 0)
with run:
    assert not run.stopping
run.close()
heavy = [name for name in ("numpy", "gymnasium", "torch", "websockets", "httpx") if name in sys.modules]
print(heavy, threading.active_count())
"""


def test_without_a_zoo_a_script_runs_as_it_would() -> None:
    """It is warned once, and no thread is started and nothing heavy imported for it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(port=port)], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[] 1"
    assert done.stderr.count("this script runs without a zoo: no zoo answers at") == 1


def test_an_address_is_looked_for_where_the_command_line_does() -> None:
    """What is given goes first, then the environment variable."""
    assert Reach.from_environ({"ZOO_SERVER": "http://zoo.test"}, None).url == "http://zoo.test"
    assert Reach.from_environ({"ZOO_SERVER": "http://zoo.test"}, "other:3000/graphql").url == "http://other:3000"
    assert Reach.from_environ({"ZOO_ID_TOKEN": "t"}, "http://a.test").token == "t"
    with pytest.raises(InvalidInput, match="ftp"):
        Reach.from_environ({}, "ftp://zoo.test")


def test_the_zoo_is_told_who_attaches(door: Door) -> None:
    """Script, name, seed and parameters, those that are no JSON as text; the token goes with it."""
    made = introduce(Reach(door.url, "secret"), "train", "mine", {"lr": 0.1, "net": object, "bad": float("nan")}, 3)
    asked = door.asked["variables"]["input"]

    assert (asked["script"], asked["name"], asked["seed"]) == ("train", "mine", 3)
    assert asked["parameters"] == {"lr": 0.1, "net": str(object), "bad": "nan"}
    assert door.authorization == "Bearer secret"
    assert (made.settings.link, made.settings.instance_id, made.settings.token) == (
        "http://127.0.0.1:1/runner",
        "ins_1",
        "t",
    )
    assert (made.url, made.is_here) == (f"{door.url}/instances/ins_1", True)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ({"errors": [{"message": "Cannot query field"}]}, "Cannot query field"),
        ({"data": {"instanceAttach": {"userErrors": [{"message": "you may not"}]}}}, "you may not"),
        ({}, "is no zoo"),
        ("<html>", "is no zoo"),
    ],
)
def test_a_zoo_that_refuses_says_why(door: Door, answer: Any, what: str) -> None:
    """So does one that is none."""
    door.answer = answer

    with pytest.raises(Rejected, match=what):
        introduce(Reach(door.url), "train", None, None, None)


def test_nobody_is_waited_for_who_does_not_answer() -> None:
    """A script must begin."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        here = Reach(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Transient, match="no zoo answers"):
            introduce(here, "train", None, None, None, patience_s=0.05)


def test_a_zoo_elsewhere_is_spoken_to_where_it_was_found() -> None:
    """What it calls its own computer is not the script's."""
    away = Reach("http://10.0.0.7:3000")

    assert reach._seen_from_here("http://127.0.0.1:3000/runner", away) == "http://10.0.0.7:3000/runner"
    assert reach._seen_from_here("https://link.zoo.test/runner", away) == "https://link.zoo.test/runner"
    assert not away.is_here
