"""From the start of the process to the first 200: the staged API, beside a function without our SDK.

Both run under functions-framework in one environment, into which the requirements of the staged API were installed,
and answer a GraphQL query that reads one document on the Firestore emulator. In rounds, one after the other; the CPU
time is that of all their processes until the answer.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import time
import venv
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psutil
from ainimal_zookeeper.config import load
from ainimal_zookeeper.staging import stage
from google.cloud import firestore

from .emulator import firestore_emulator
from .row import Row

ROUNDS = 16
WARM_UP = 2
BAR = 1.25
NAME = "A cold zoo"

FLOOR = """
import asyncio
import functions_framework.aio
from google.cloud import firestore
from graphql import build_schema, graphql
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

SCHEMA = build_schema("type Query { server: Server! } type Server { name: String! }")
CLIENT = None

async def server(*_):
    return (await asyncio.to_thread(CLIENT.document("configuration/zoo").get)).to_dict()

@functions_framework.aio.http
async def graphql_function(request: Request) -> Response:
    global CLIENT
    if CLIENT is None:
        CLIENT = firestore.Client(project=PROJECT)
    asked = await request.json()
    result = await graphql(SCHEMA, asked["query"], {"server": server})
    return JSONResponse(result.formatted)
"""


def write_document(project: str) -> None:
    firestore.Client(project=project).document("configuration/zoo").set({"id": "zoo", "name": NAME})


def install(requirements: Path, environment: Path) -> Path:
    """Returns the functions-framework of a new environment with `requirements`."""
    venv.create(environment, with_pip=True)
    command = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", requirements.name]
    subprocess.run(command, check=True, cwd=requirements.parent, capture_output=True)
    return environment / "bin" / "functions-framework"


def start(command: Path, target: str, folder: Path, variables: Mapping[str, str]) -> tuple[float, float]:
    """Returns the seconds until the first answer, and the CPU seconds until then."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [str(command), "--target", target, "--host", "127.0.0.1", "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(arguments, cwd=folder, env=variables, start_new_session=True)
    try:
        answer = ask(port, process)
        took = time.perf_counter() - began
        processes = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        spent = sum(times.user + times.system for times in (each.cpu_times() for each in processes))
        assert answer["data"]["server"]["name"] == NAME, answer
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return took, spent


def ask(port: int, process: subprocess.Popen[bytes]) -> dict[str, dict[str, dict[str, str]]]:
    body = json.dumps({"query": "{ server { name } }"})
    while process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", "/graphql", body, {"content-type": "application/json"})
            response = connection.getresponse()
            assert response.status == 200, response.read()
            return dict(json.loads(response.read()))
        except ConnectionRefusedError:
            time.sleep(0.002)
        finally:
            connection.close()
    raise RuntimeError(f"{process.args!r} ended with status {process.returncode}")


def main() -> list[Row]:
    """Measures 16 rounds after two that fill the caches."""
    with TemporaryDirectory() as temporary, firestore_emulator():
        address = os.environ["FIRESTORE_EMULATOR_HOST"]
        folder = Path(temporary)
        project = f"cold-{uuid4().hex[:8]}"
        write_document(project)
        example = Path(__file__).parents[1] / "zoo.py"
        staged = stage(load(example, {}).compile().document(), folder / "staged")[0].folder
        command = install(staged / "requirements.txt", folder / "environment")
        floor = folder / "floor"
        floor.mkdir()
        (floor / "main.py").write_text(FLOOR.replace("PROJECT", repr(project)), encoding="utf-8")
        variables = {
            "PATH": os.environ["PATH"],
            "FIRESTORE_EMULATOR_HOST": address,
            "PUBSUB_EMULATOR_HOST": address,  # nobody asks the other two
            "STORAGE_EMULATOR_HOST": f"http://{address}",
            "GOOGLE_CLOUD_PROJECT": project,
            "ZOO_PROFILE": "emulators",
            "ZOO_BUCKET": "zoo",
            "ZOO_SECRET": base64.b64encode(bytes(32)).decode(),
        }
        sides = {"graphql": staged, "graphql_function": floor}
        measured: dict[str, list[tuple[float, float]]] = {target: [] for target in sides}
        for number in range(WARM_UP + ROUNDS):
            # Whoever comes second finds the machine warmer.
            for target in sorted(sides, reverse=bool(number % 2)):
                measured[target].append(start(command, target, sides[target], variables))
    ours, beside = (measured[target][WARM_UP:] for target in sides)
    rows: list[Row] = []
    for index, what in enumerate(("process start to first 200, median", "CPU time of it, median")):
        value, floor_value = (statistics.median(times[index] for times in side) for side in (ours, beside))
        row: Row = {
            "what": what,
            "value": value,
            "unit": "s",
            "beside": "functions_framework.aio, graphql-core and google-cloud-firestore alone",
            "beside_value": floor_value,
        }
        if index == 0:
            row |= {"bar": f"<= {BAR}x", "kept": value <= BAR * floor_value}
        rows.append(row)
    return rows
