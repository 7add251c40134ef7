"""A real zoo, a real browser, and a page between them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ainimal_zookeeper.client.site import BUILT
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import ToolFinder, in_ci

ROOT = Path(__file__).parents[2]
AXE = ROOT / "client_web/node_modules/axe-core/axe.min.js"
PHONE = {"width": 375, "height": 812}
DESKTOP = {"width": 1280, "height": 900}

MODELS = {
    "stumbler.py": """
from ainimal_zookeeper import AInimal


class Stumbler(AInimal):
    def __init__(self) -> None:
        self.seen = 0

    def forward(self, inputs):
        self.seen += 1
        if self.seen == 1:
            print("the first step of many")
        if self.seen > 20:
            raise ValueError("out of patience")
        return {"action": self.seen % 2}
""",
    "forgetful.py": """
from ainimal_zookeeper import AInimal


class Forgetful(AInimal):
    def forward(self, inputs):
        return {"action": 0}

    def save(self, path):
        raise OSError("nothing comes to mind")

    def load(self, path):
        pass
""",
    "amnesiac.py": """
from pathlib import Path

from ainimal_zookeeper import AInimal


class Amnesiac(AInimal):
    def forward(self, inputs):
        return {"action": 0}

    def save(self, path):
        Path(path, "notes.txt").write_text("the keeper comes at nine")

    def load(self, path):
        raise LookupError("where was it that they kept the notes?")
""",
    "misspelt.py": "class Misspelt:\n    def act(self, observation)\n        return 0\n",
}

ZOO = """
from ainimal_zookeeper.config import GymnasiumEnvironment, LocalModelProvider, PythonEnvironment, PythonModel, Server

server = Server(
    models=[
        PythonModel("{ainimals}/balancer.py", class_name="Balancer", rate=100),
        PythonModel("{ainimals}/parrot.py", class_name="Parrot"),
        PythonModel("stumbler.py", class_name="Stumbler", rate=100),
        PythonModel("forgetful.py", class_name="Forgetful", rate=100),
        PythonModel("amnesiac.py", class_name="Amnesiac", rate=100),
        PythonModel("misspelt.py", class_name="Misspelt"),
    ],
    environments=[
        GymnasiumEnvironment("CartPole-v1", name="CartPole"),
        PythonEnvironment("{ainimals}/catcher.py", class_name="Catch", name="Catch", autostart=True),
    ],
)
"""


@dataclass(frozen=True)
class LiveZoo:
    """A zoo that runs, and the way to ask it."""

    url: str
    folder: Path
    """Where it was started and keeps its state."""

    def ask(self, query: str, **variables: Any) -> Any:
        answer = httpx.post(
            f"{self.url}/graphql",
            json={"query": query, "variables": variables},
            headers={"accept": "application/json"},
            timeout=20,
        ).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def id_of(self, kind: str, name: str) -> str:
        nodes = self.ask(f"{{ {kind}(first: 100) {{ nodes {{ id name }} }} }}")[kind]["nodes"]
        return next(str(node["id"]) for node in nodes if node["name"] == name)

    def launch(self, model: str, *, environment: str | None = "CartPole", **given: Any) -> str:
        """Launches and returns the instance's id."""
        given["modelId"] = self.id_of("models", model)
        if environment is not None:
            given["environmentId"] = self.id_of("environments", environment)
        payload = self.ask(
            "mutation($input: InstanceLaunchInput!) "
            "{ instanceLaunch(input: $input) { instance { id } userErrors { message } } }",
            input=given,
        )["instanceLaunch"]
        assert not payload["userErrors"], payload["userErrors"]
        return str(payload["instance"]["id"])

    def save(self, instance_id: str, tag: str) -> str:
        """Saves an instance as soon as it runs, and returns the checkpoint's id."""
        deadline = time.monotonic() + 30
        while True:
            payload = self.ask(
                "mutation($input: CheckpointSaveInput!) "
                "{ checkpointSave(input: $input) { checkpoint { id } userErrors { code message } } }",
                input={"instanceId": instance_id, "tag": tag},
            )["checkpointSave"]
            if not payload["userErrors"]:
                return str(payload["checkpoint"]["id"])
            assert payload["userErrors"][0]["code"] == "INVALID_TRANSITION", payload["userErrors"]
            assert time.monotonic() < deadline, payload["userErrors"]
            time.sleep(0.2)

    def launch_world(self, environment: str) -> str:
        """Launches a world on its own and returns its id."""
        payload = self.ask(
            "mutation($id: ID!) { environmentLaunch(input: {environmentId: $id}) "
            "{ environmentInstance { id } userErrors { message } } }",
            id=self.id_of("environments", environment),
        )["environmentLaunch"]
        assert not payload["userErrors"], payload["userErrors"]
        return str(payload["environmentInstance"]["id"])

    def terminate_world(self, world_id: str) -> None:
        self.ask(
            "mutation($id: ID!) "
            "{ environmentTerminate(input: {environmentInstanceId: $id}) { userErrors { message } } }",
            id=world_id,
        )

    def terminate(self, instance_id: str) -> None:
        self.ask(
            "mutation($id: ID!) { instanceTerminate(input: {instanceId: $id}) { userErrors { message } } }",
            id=instance_id,
        )


def missing(reason: str) -> None:
    """Skips, or fails where nothing may be skipped."""
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def start(command: list[str], folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Starts a server and returns it with the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if found := re.search(r"http://[\w.:\[\]]+", line):
            return process, found.group().rstrip("/")
    raise AssertionError(f"{command[0]} ended before it printed an address:\n{printed}")


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


@pytest.fixture(scope="package")
def web_client() -> Path:
    if not (BUILT / "index.html").is_file():
        missing(f"the web client is not built: {BUILT} is empty; run `npm run build` in client_web")
    return BUILT


@pytest.fixture(scope="package")
def zoo(web_client: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveZoo]:
    folder = tmp_path_factory.mktemp("zoo")
    for name, text in MODELS.items():
        (folder / name).write_text(text)
    (folder / "zoo.py").write_text(ZOO.format(ainimals=ROOT / "ainimals"))
    process, url = start(["ainimal_zookeeper.server", "--client", "--port", "0", "--config", "zoo.py"], folder)
    yield LiveZoo(url, folder)
    stop(process)


@pytest.fixture
def standalone_client(web_client: Path, tmp_path: Path) -> Iterator[str]:
    process, url = start(["ainimal_zookeeper.client", "--port", "0"], tmp_path)
    yield url
    stop(process)


@pytest.fixture(scope="module")
def browser(require_tool: ToolFinder) -> Iterator[Browser]:
    """One browser per module: while playwright's own event loop runs, no asynchronous test of another module may."""
    chromium = require_tool("chromium", "apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium),
            args=[
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
        )  # fmt: skip
        yield browser
        browser.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens an address in a fresh profile; whatever the page complains about in its console fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(url: str, *, viewport: dict[str, int] = DESKTOP, scheme: str = "light", strict: bool = True) -> Page:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        if strict:
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def until(holds: Callable[[], bool], patience_s: float = 20.0) -> None:
    """Returns once `holds()`, which asks the zoo; fails after `patience_s` seconds."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"it did not come true within {patience_s:g} s"
        time.sleep(0.1)


def axe_violations(page: Page) -> list[str]:
    """Returns what axe-core finds on the page, one line each."""
    if not AXE.is_file():
        missing(f"{AXE} is missing; run `npm ci` in client_web")
    # The content security policy keeps foreign scripts out of the page; the debugger's evaluation is not bound by it.
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations")
    return [
        f"{violation['id']}: {violation['help']}: {json.dumps([node['html'][:160] for node in violation['nodes'][:3]])}"
        for violation in found
    ]
