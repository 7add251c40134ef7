"""A zoo as it is deployed: each function behind functions-framework in processes of its own, messages by push."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import httpx
import psutil
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.adapters.gcp.pubsub_topics import Names, make_topic
from ainimal_zookeeper.adapters.gcp.storage import StorageBucket
from ainimal_zookeeper.config import load
from ainimal_zookeeper.domain.documents import Collections, InstanceDoc, Ref, instance_ref
from ainimal_zookeeper.domain.tokens import attempt_token
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC
from ainimal_zookeeper.provenance import Provenance
from ainimal_zookeeper.server.catalogue import Catalogue
from google.api_core.exceptions import NotFound as GoogleNotFound
from google.cloud import pubsub_v1, storage

from tests.e2e.hosting import furnish, until
from tests.emulators.processes import free_address

_FUNCTIONS = Path(__file__).parents[2] / "functions"
SOURCES = {  # where the main.py of each target is
    "graphql": _FUNCTIONS / "graphql_api",
    "link": _FUNCTIONS / "runner_link",
    "launch": _FUNCTIONS / "job_launcher",
    "reconcile": _FUNCTIONS / "job_launcher",
}

# Interpreters import this before anything else: each start of a runner leaves a line, however short it lives.
_ROLL_CALL = """
import os
if "ZOO_INSTANCE" in os.environ:
    line = "{ZOO_INSTANCE} {ZOO_ATTEMPT} ".format(**os.environ) + f"{os.getpid()}\\n"
    roll = os.open(os.path.join(os.path.dirname(__file__), "starts"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(roll, line.encode())
    os.close(roll)
"""


class Start(NamedTuple):
    """A runner's process that was started, whether it still lives or not."""

    instance_id: str
    attempt: int
    pid: int

    @property
    def process(self) -> psutil.Process | None:
        """The process while it lives."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            variables = process.environ()
            asked = (variables.get("ZOO_INSTANCE"), variables.get("ZOO_ATTEMPT"))
            if asked == (self.instance_id, str(self.attempt)) and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


class Function:
    """One function: a master of functions-framework, in a group of its own, and the worker that it keeps running."""

    def __init__(self, folder: Path, target: str, environ: Mapping[str, str], log: Path) -> None:
        """folder: holds the main.py that defines `target`."""
        self.target = target
        self.address = free_address()
        self._folder = folder
        self._environ = dict(environ)
        self._log = log
        self._master: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Returns at once; requests are taken as soon as it `listens`."""
        host, _, port = self.address.partition(":")
        program = str(Path(sys.executable).with_name("functions-framework"))
        command = [program, "--target", self.target, "--source", "main.py", "--host", host, "--port", port]
        with self._log.open("ab") as log:
            self._master = subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def listens(self) -> bool:
        assert self._master is not None
        assert self._master.poll() is None, self.output
        with suppress(httpx.TransportError):
            httpx.get(f"{self.url}/healthz", timeout=10)
            return True
        return False

    def worker(self) -> psutil.Process | None:
        """Returns the process that answers, if there is one just now."""
        with suppress(psutil.Error):
            assert self._master is not None
            for child in psutil.Process(self._master.pid).children():
                if child.status() != psutil.STATUS_ZOMBIE:
                    return child
        return None

    def kill_worker(self) -> bool:
        """Kills the process that answers; the master makes another. Tells whether there was one."""
        worker = self.worker()
        with suppress(psutil.NoSuchProcess):
            if worker is not None:
                worker.kill()
                return True
        return False

    def kill(self) -> None:
        """Kills master and worker at once."""
        if self._master is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._master.pid, signal.SIGKILL)
            self._master.wait()

    def restart(self) -> None:
        """Kills all of it and starts it anew, at the same address."""
        self.kill()
        self.start()


class Timer:
    """Calls the reconciler again and again, as Cloud Scheduler does, whether it answers or not."""

    def __init__(self, url: str, period_s: float) -> None:
        self._url = url
        self._period_s = period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self._stop.wait(self._period_s):
                with suppress(httpx.TransportError):
                    client.post(self._url)


class DeployedZoo:
    """Functions, topic, bucket and catalogue of one zoo in a project of its own; `deployed` makes and ends them."""

    def __init__(self, folder: Path, *, sources: Mapping[str, Path], environ: Mapping[str, str]) -> None:
        self.project = f"zoo-{uuid.uuid4().hex[:12]}"
        self.bucket_name = f"{self.project}-runs"
        self.state_dir = folder / "state"
        self.secret = os.urandom(32)
        self._roll = folder / "python"
        self._names = Names(self.project)
        self._timer: Timer | None = None
        self.state_dir.mkdir()
        self._roll.mkdir()
        (self.state_dir / "secret").write_bytes(self.secret)
        (self._roll / "sitecustomize.py").write_text(_ROLL_CALL)
        variables = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(self._roll), os.environ.get("PYTHONPATH")))),
            "ZOO_PROFILE": "emulators",
            "GOOGLE_CLOUD_PROJECT": self.project,
            "ZOO_BUCKET": self.bucket_name,
            "ZOO_STATE_DIR": str(self.state_dir),
            "ZOO_HOME": str(folder / "zoo"),
            **environ,
        }

        def function(target: str) -> Function:
            return Function(sources.get(target, SOURCES[target]), target, variables, folder / f"{target}.log")

        self.link = function("link")
        variables["ZOO_LINK_URL"] = self.link.url
        self.api, self.launcher, self.reconciler = map(function, ("graphql", "launch", "reconcile"))
        self.functions = (self.api, self.link, self.launcher, self.reconciler)
        self.store = FirestoreStore(self.project)
        self.bucket = StorageBucket(self.bucket_name, project=self.project)

    @property
    def url(self) -> str:
        """Where clients reach the API."""
        return self.api.url

    @property
    def output(self) -> str:
        """What the functions have written, for a test that fails."""
        return "\n".join(f"--- {function.target}\n{function.output}" for function in self.functions)

    def start(self, configuration: Path, *, timer_s: float) -> None:
        """Publishes the catalogue of `configuration` and starts everything; returns when all functions listen."""
        for function in self.functions:
            function.start()
        self.make_bucket()
        self.make_topic()
        offered = load(configuration, os.environ).compile()
        Catalogue(self.store, offered, Provenance(offered.home, os.environ, at_hand=True)).write()
        until(lambda: all(function.listens() for function in self.functions))
        self._timer = Timer(self.reconciler.url, timer_s)

    def make_bucket(self) -> None:
        with storage.Client(project=self.project) as client:
            client.create_bucket(self.bucket_name)

    def make_topic(self) -> None:
        """Makes the topic of launches, and the subscription that pushes them to the launcher."""
        make_topic(self._names, LAUNCH_TOPIC, max_deliveries=100, push_endpoint=self.launcher.url)

    def row(self, instance_id: str) -> InstanceDoc | None:
        """Returns the instance's document as the store has it now."""
        return self.store.get(instance_ref(instance_id))  # type: ignore[return-value]

    def members(self, limit: str) -> list[str]:
        """Returns what counts against a limit."""
        found = self.store.get(Ref(Collections.LIMITS, limit))
        return [] if found is None else list(found["members"])

    def token(self, instance_id: str, attempt: int) -> str:
        """Returns what a runner of this attempt shows to the runner link."""
        return attempt_token(self.secret, "link", instance_id, attempt)

    def starts(self) -> list[Start]:
        """Returns every start of a runner so far."""
        roll = self._roll / "starts"
        lines = roll.read_text().splitlines() if roll.exists() else []
        return [Start(name, int(attempt), int(pid)) for name, attempt, pid in map(str.split, lines)]

    def doubles(self) -> list[tuple[str, int]]:
        """Returns the attempts for which more than one runner was ever started."""
        counts = Counter((start.instance_id, start.attempt) for start in self.starts())
        return [attempt for attempt, count in counts.items() if count > 1]

    def runners(self) -> dict[Start, psutil.Process]:
        """Returns the runners that live."""
        found = ((start, start.process) for start in self.starts())
        return {start: process for start, process in found if process is not None}

    def runner(self, instance_id: str) -> psutil.Process:
        """Returns the only runner that lives of an instance."""
        (process,) = (process for start, process in self.runners().items() if start.instance_id == instance_id)
        return process

    def close(self) -> None:
        """Ends every process, and what the emulators would go on doing for this zoo."""
        if self._timer is not None:
            self._timer.close()
        for function in self.functions:
            function.kill()
        for process in self.runners().values():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.store.close()
        self.bucket.close()
        self.remove_subscription()

    def remove_subscription(self) -> None:
        """Nobody listens any more where it pushes to."""
        with pubsub_v1.SubscriberClient() as subscriber, suppress(GoogleNotFound):
            subscriber.delete_subscription(subscription=self._names.subscription(LAUNCH_TOPIC), timeout=10)


@contextmanager
def deployed(
    folder: Path,
    configuration: str,
    files: Mapping[str, str],
    *,
    sources: Mapping[str, Path] = MappingProxyType({}),
    environ: Mapping[str, str] | None = None,
    timer_s: float = 0.5,
) -> Iterator[DeployedZoo]:
    """A zoo on the emulators that FIRESTORE_EMULATOR_HOST and the others name; on leaving, its processes have ended.

    configuration, files: what `furnish` writes. sources: folders of other main.py than `SOURCES`, by target. environ:
    more variables for the functions. timer_s: between two calls of the reconciler.
    """
    furnish(folder / "zoo", configuration, files)
    zoo = DeployedZoo(folder, sources=sources, environ=environ or {})
    try:
        zoo.start(folder / "zoo", timer_s=timer_s)
        yield zoo
    except BaseException:
        print(zoo.output)
        raise
    finally:
        zoo.close()
