"""The embedded host as its users meet it: a process, an address, signals and bad days."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import TINY_FILES, HostedZoo, furnish, until


def test_zoo_serves_and_ends(zoo: HostedZoo) -> None:
    """It answers at the printed address and ends with status 0."""
    assert httpx.get(f"{zoo.url}/healthz").status_code == 200
    assert [model["name"] for model in zoo.ask("{ models { nodes { name } } }")["models"]["nodes"]] == ["Pole"]
    page = httpx.get(zoo.url)
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    assert zoo.stop() == 0
    assert "Traceback" not in zoo.output


def test_ctrl_c_ends_everything_within_five_seconds(zoo: HostedZoo) -> None:
    """A stop leaves no process behind, and the next start knows what became of the instances."""
    id = zoo.launch()  # noqa: A001
    zoo.wait(id, "RUNNING")
    runners = zoo.runners()
    assert runners
    began = time.monotonic()
    assert zoo.stop() == 0
    assert time.monotonic() - began < 5
    assert not any(psutil.pid_exists(runner.pid) and runner.is_running() for runner in runners)
    assert "Traceback" not in zoo.output


STUBBORN = {
    "pole.py": "import time\nclass Pole:\n    def act(self, observation):\n        time.sleep(3600)\n        return 1\n"
}


def test_runner_that_hangs_does_not_hold_the_zoo_up(tmp_path: Path, start_zoo: ZooStarter) -> None:
    """An instance that never comes back from its step is killed with the zoo, also while a page watches it."""
    furnish(tmp_path, files=STUBBORN)
    with start_zoo(tmp_path) as zoo:
        id = zoo.launch()  # noqa: A001
        zoo.wait(id, "STARTING", "RUNNING")
        runners = zoo.runners()
        body = {
            "query": "subscription($i: LiveInput!) { live(input: $i) { kind } }",
            "variables": {"i": {}},
        }
        headers = {"Accept": "text/event-stream"}
        with httpx.stream("POST", f"{zoo.url}/graphql", json=body, headers=headers) as stream:
            assert stream.status_code == 200
            assert any("SNAPSHOT" in line for line in stream.iter_lines())
            began = time.monotonic()
            assert zoo.stop() == 0
        assert time.monotonic() - began < 5
        assert not any(runner.is_running() for runner in runners)


def test_second_ctrl_c_ends_at_once(tmp_path: Path, start_zoo: ZooStarter) -> None:
    """Who cannot wait presses again: the zoo and its runners are gone within a second or so."""
    furnish(tmp_path, files=STUBBORN)
    with start_zoo(tmp_path) as zoo:
        zoo.wait(zoo.launch(), "STARTING", "RUNNING")
        runners = zoo.runners()
        zoo.process.send_signal(signal.SIGINT)
        until(lambda: "Stopping" in zoo.output)
        began = time.monotonic()
        assert zoo.stop() == 130
        assert time.monotonic() - began < 2.5
        until(lambda: not any(runner.is_running() for runner in runners), timeout_s=5)


def test_next_start_carries_on_the_instances_of_the_last(zoo: HostedZoo, start_zoo: ZooStarter) -> None:
    """What ran when the zoo was stopped runs again from where it was, though its model writes no save."""
    id = zoo.launch()  # noqa: A001
    zoo.wait(id, "RUNNING")
    zoo.stop(signal.SIGTERM)
    with start_zoo(zoo.folder) as again:
        until(lambda: again.instance(id)["attempt"] == 2)
        again.wait(id, "RUNNING")


def test_runner_outlives_a_killed_zoo(zoo: HostedZoo, start_zoo: ZooStarter) -> None:
    """After kill -9 the same attempt goes on, and the next zoo carries it on and can end it."""
    id = zoo.launch()  # noqa: A001
    zoo.wait(id, "RUNNING")
    (runner,) = zoo.runners()
    zoo.stop(signal.SIGKILL)
    with start_zoo(zoo.folder) as again:
        assert again.url == zoo.url
        assert again.wait(id, "RUNNING")["attempt"] == 1
        assert again.runners() == [runner]
        again.ask("mutation($i: ID!) { instanceTerminate(input: { instanceId: $i }) { instance { id } } }", i=id)
        again.wait(id, "TERMINATED")


def test_killed_runner_is_seen_at_once(zoo: HostedZoo) -> None:
    """A runner that dies without a word is LOST within seconds, with its exit status; the zoo goes on."""
    id = zoo.launch()  # noqa: A001
    zoo.wait(id, "RUNNING")
    (runner,) = zoo.runners()
    runner.kill()
    found = until(lambda: (row := zoo.instance(id))["phase"] == "LOST" and row, timeout_s=15)
    assert "SIGKILL" in found["failure"]["message"] or "9" in found["failure"]["message"]
    zoo.wait(zoo.launch(), "RUNNING")


def test_edited_model_is_noticed(zoo: HostedZoo) -> None:
    """A saved file shows up in the running zoo; one that is broken for now keeps the zoo going."""
    name = "{ models { nodes { name revision findings } } }"
    before = zoo.ask(name)["models"]["nodes"][0]["revision"]
    (zoo.folder / "pole.py").write_text(TINY_FILES["pole.py"] + "\n# another thought\n")
    until(lambda: zoo.ask(name)["models"]["nodes"][0]["revision"] != before)


def test_foreign_host_is_refused(zoo: HostedZoo) -> None:
    """A page that points its own name at this machine gets nothing."""
    answer = httpx.post(f"{zoo.url}/graphql", json={"query": "{ __typename }"}, headers={"Host": "evil.example"})
    assert answer.status_code == 421


def test_autostart_and_launches_run_from_the_start(tmp_path: Path, start_zoo: ZooStarter) -> None:
    """A world with autostart runs on its own; a second start does not make another one."""
    config = """
models: []
environments:
  - {name: cartpole, type: gymnasium, env_name: CartPole-v1, autostart: true}
"""
    furnish(tmp_path, config, {})
    query = "{ environmentInstances { nodes { id phase } } }"
    with start_zoo(tmp_path) as hosted:
        until(lambda: [row["phase"] for row in hosted.ask(query)["environmentInstances"]["nodes"]] == ["RUNNING"])
        hosted.stop(signal.SIGKILL)
        with start_zoo(tmp_path) as again:
            time.sleep(1.5)
            assert len(again.ask(query)["environmentInstances"]["nodes"]) == 1


def test_port_in_use_is_said(tmp_path: Path, start_zoo: ZooStarter) -> None:
    """The message names the port, who has it, and what to do; status 2, no traceback."""
    furnish(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        hosted = start_zoo(tmp_path, "--port", str(port))
        assert hosted.process.wait(30) == 2
    assert f"port {port} is in use by process" in hosted.output
    assert "--port" in hosted.output
    assert "Traceback" not in hosted.output


def test_second_zoo_on_the_same_state_is_refused(zoo: HostedZoo, tmp_path: Path) -> None:
    """The message leads to the zoo that runs."""
    (tmp_path / "second").mkdir()
    furnish(tmp_path / "second")
    second = HostedZoo(tmp_path / "second", "--port", "0", "--state-dir", str(zoo.state_dir))
    assert second.process.wait(30) == 2
    assert f"another zoo ({zoo.url}, process {zoo.process.pid})" in second.output


@pytest.mark.parametrize("file", ["zoo.sqlite3", "queue.sqlite3"])
def test_corrupt_store_is_said(tmp_path: Path, start_zoo: ZooStarter, file: str) -> None:
    """A damaged file is named and left as it is; no traceback."""
    furnish(tmp_path)
    (tmp_path / ".zoo").mkdir()
    (tmp_path / ".zoo" / file).write_bytes(b"this is no database" * 1000)
    hosted = start_zoo(tmp_path)
    assert hosted.process.wait(30) == 2
    assert f"{file} is damaged" in hosted.output
    assert "Traceback" not in hosted.output
    assert (tmp_path / ".zoo" / file).read_bytes().startswith(b"this is no database")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0", "--port", "0"), "add --insecure"),
        (("--host", "no.such.host.invalid", "--port", "0", "--insecure"), "there is no host"),
        (("--state-dir", "/proc/zoo", "--port", "0"), "state directory /proc/zoo cannot be written"),
        (("--port", "99999"), "99999 is not in the range"),
    ],
)
def test_bad_start_is_refused_with_what_to_do(
    tmp_path: Path, start_zoo: ZooStarter, arguments: tuple[str, ...], said: str
) -> None:
    """What cannot work is said in a sentence, with status 2."""
    furnish(tmp_path)
    hosted = start_zoo(tmp_path, *arguments)
    assert hosted.process.wait(30) == 2
    assert said in hosted.output
    assert "Traceback" not in hosted.output


def test_bad_configuration_is_refused(tmp_path: Path, start_zoo: ZooStarter) -> None:
    """Every mistake is listed, nothing starts."""
    furnish(tmp_path, "modells: []\nport: high\n", {})
    hosted = start_zoo(tmp_path)
    assert hosted.process.wait(30) == 2
    assert "modells" in hosted.output
    assert "Traceback" not in hosted.output
