"""A real zoo to measure: `python -m ainimal_zookeeper.server` on a free port, with an example configuration."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

CONFIGURATION = """
from ainimal_zookeeper import GymnasiumEnvironment, LocalModelProvider, Server

server = Server(
    name="Benchmark",
    model_providers=[LocalModelProvider(root={root!r})],
    environments=[GymnasiumEnvironment(name="CartPole", env_name="CartPole-v1")],
)
"""


class Zoo:
    """A running server; `ask` sends one GraphQL operation and returns its data."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=60)

    def ask(self, operation: str, **variables: Any) -> dict[str, Any]:
        answer = self._client.post("/graphql", json={"query": operation, "variables": variables}).json()
        if answer.get("errors"):
            raise RuntimeError(str(answer["errors"]))
        data: dict[str, Any] = answer["data"]
        return data

    def model_id(self, name: str) -> str:
        nodes = self.ask("{ models(first: 100) { nodes { id name } } }")["models"]["nodes"]
        return next(str(node["id"]) for node in nodes if node["name"] == name)

    def environment_id(self, name: str) -> str:
        nodes = self.ask("{ environments(first: 100) { nodes { id name } } }")["environments"]["nodes"]
        return next(str(node["id"]) for node in nodes if node["name"] == name)

    def launch(self, **given: Any) -> str:
        payload = self.ask(
            "mutation($i: InstanceLaunchInput!) { instanceLaunch(input: $i) "
            "{ instance { id } userErrors { code message } } }",
            i=given,
        )["instanceLaunch"]
        if payload["userErrors"]:
            raise RuntimeError(str(payload["userErrors"]))
        return str(payload["instance"]["id"])

    def instances(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        fields = "id phase generation observedGeneration failure { message traceback } stats { step }"
        query = "{" + " ".join(f'a{n}: instance(id: "{one}") {{ {fields} }}' for n, one in enumerate(ids)) + "}"
        return {node["id"]: node for node in self.ask(query).values()}

    def wait_for_step(self, ids: list[str], deadline_s: float = 60) -> None:
        """Returns when each of `ids` runs and has made a step."""
        until = time.monotonic() + deadline_s
        waiting = ids
        while waiting:
            found = self.instances(waiting)
            for node in found.values():
                if node["phase"] in {"FAILED", "LOST", "TERMINATED"}:
                    raise RuntimeError(f"{node['id']} is {node['phase']}: {node['failure']}")
            waiting = [one for one in waiting if found[one]["phase"] != "RUNNING" or found[one]["stats"]["step"] == 0]
            if waiting and time.monotonic() > until:
                raise TimeoutError(f"{len(waiting)} of {len(ids)} made no step in {deadline_s} s")
            time.sleep(0.005)

    def end(self, ids: list[str]) -> None:
        """Terminates the instances and returns when they have ended."""
        for one in ids:
            self.ask(
                "mutation($i: InstanceInput!) { instanceTerminate(input: $i) { userErrors { message } } }",
                i={"instanceId": one},
            )
        until = time.monotonic() + 30
        while any(node["phase"] not in {"TERMINATED", "FAILED", "LOST"} for node in self.instances(ids).values()):
            if time.monotonic() > until:
                raise TimeoutError("instances do not end")
            time.sleep(0.02)


@contextmanager
def zoo(models: dict[str, str]) -> Iterator[Zoo]:
    """Runs a server that offers `models` (file name -> source) and the environment CartPole."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        root.mkdir()
        for name, source in models.items():
            (root / name).write_text(source)
        configuration = Path(folder) / "zoo.py"
        configuration.write_text(CONFIGURATION.format(root=str(root)))
        command = [sys.executable, "-m", "ainimal_zookeeper.server", "--port", "0", "--config", str(configuration)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert server.stdout is not None
            seen = ""
            for line in server.stdout:
                seen += line
                if found := re.search(r"http://[\w.\[\]:]+", line):
                    break
            else:
                raise RuntimeError(f"the server did not start:\n{seen}")
            threading.Thread(target=server.stdout.read, daemon=True).start()
            running = Zoo(found.group(0))
            until = time.monotonic() + 10
            while not running.ask("{ environments { nodes { id } } }")["environments"]["nodes"]:
                if time.monotonic() > until:
                    raise TimeoutError("the catalogue stays empty")
                time.sleep(0.02)
            yield running
        finally:
            server.terminate()
            server.wait(15)
