"""Scans: what pickles and zips name is found out before anybody launches them, in a process of its own each.

Level-triggered: whatever has no scan of its present revision gets one, wherever it came from.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from ainimal_zookeeper.adapters.embedded.interpreter import environment
from ainimal_zookeeper.domain.documents import PACKED, Collections, Document, ModelDoc, Ref, ScanDoc
from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.domain.queries import MODELS_BY_TYPE, Page
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

TIMEOUT_S: Final = 120.0

_VERDICTS = frozenset({"CLEAN", "UNKNOWN", "DANGEROUS", "UNREADABLE"})
_MAX_FINDINGS = 50
_MAX_FINDING = 2_000

_log = logging.getLogger(__name__)


class Scans:
    """`look` runs now and then, in one thread; `close` ends it from another.

    home: the folder of the zoo's files. environ: of this process, of which a scan inherits what runners do.
    """

    def __init__(
        self,
        *,
        store: DocumentStore,
        bucket: Bucket,
        home: Path,
        environ: Mapping[str, str],
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._home = home
        self._environ = environ
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._closing = threading.Event()

    def look(self) -> None:
        """Scans what has not been, one after the other. Raises: Transient; the next look does what is left."""
        trouble: Transient | None = None
        for model in list(self._waiting()):
            if self._closing.is_set():
                return
            try:
                self._keep(model, self._scanned(model))
            except Transient as error:  # such as a file for which there is no room: others are not to wait for it
                trouble = error
        if trouble is not None:
            raise trouble

    def close(self) -> None:
        """Ends the scan that is going on; none begins any more."""
        with self._lock:
            self._closing.set()
            if self._process is not None:
                _kill(self._process)

    def _waiting(self) -> Iterator[ModelDoc]:
        query, cursor = MODELS_BY_TYPE.bind(types=tuple(sorted(PACKED))), None
        while True:
            result = self._store.query(query, Page(100, cursor))
            scans = self._store.get_many([_ref(model["id"]) for model in result.documents])
            for model, scan in zip(result.documents, scans, strict=True):
                known = scan is not None and scan["revision"] == model["revision"]
                if model["revision"] is not None and not known:
                    yield cast(ModelDoc, model)
            if not result.has_next:
                return
            cursor = result.cursors[-1]

    def _keep(self, model: ModelDoc, found: ScanDoc | None) -> None:
        if found is None:
            return

        def change(transaction: Transaction) -> None:
            now = transaction.get(Ref(Collections.MODELS, model["id"]))
            if now is not None and now["revision"] == found["revision"]:  # else the next look sees to it
                transaction.put(_ref(model["id"]), cast(Document, found))

        self._store.transact(change)

    def _scanned(self, model: ModelDoc) -> ScanDoc | None:
        """Returns what a scan found; None when it was ended, or could not begin. Raises: Transient."""
        asked = json.dumps(self._asked(model))
        with tempfile.TemporaryDirectory(prefix="zoo-scan-") as folder:
            variables = environment(sys.executable, Path(folder), self._environ) | {"TMPDIR": folder}
            with self._lock:
                if self._closing.is_set():
                    return None
                try:
                    process = self._process = subprocess.Popen(
                        [sys.executable, "-m", "zookeeper_runner.probe", "--scan"],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        env=variables,
                        cwd=folder,
                        text=True,
                        start_new_session=True,
                    )
                except OSError as error:
                    raise Transient(f"no scan can be started: {error.strerror}", 5.0) from error
            try:
                output, errors = process.communicate(asked, self._timeout_s)
            except subprocess.TimeoutExpired:
                return _failed(model, f"it took more than {self._timeout_s:g} s")
            finally:
                _kill(process)
                process.communicate()
                with self._lock:
                    self._process = None
        return None if self._closing.is_set() else self._read(model, output, errors)

    def _asked(self, model: ModelDoc) -> dict[str, Any]:
        """Returns the model as a launch has it."""
        spec = json.loads(model["specJson"])
        uploaded = model.get("uploaded")
        if uploaded is None:
            return {"spec": {**spec, "path": str(self._home / spec["path"])}}
        signed = self._bucket.sign_get(uploaded["object"])
        facts = {key: uploaded[key] for key in ("filename", "sha256", "sizeBytes")}
        return {"spec": spec, "file": {"url": signed.url, "headers": dict(signed.headers), **facts}}

    @staticmethod
    def _read(model: ModelDoc, output: str, errors: str) -> ScanDoc | None:
        try:
            answer = json.loads((output.splitlines() or [""])[-1])
        except ValueError:
            _log.warning("the scan of %s said nothing: %s", model["name"], errors[-2_000:])
            return _failed(model, (errors.strip().splitlines() or ["its process was ended"])[-1])
        if answer.get("code") == "UNAVAILABLE":
            raise Transient(f"{model['name']} cannot be scanned now: {answer['message']}", 5.0)
        if "code" in answer:
            return _failed(model, answer["message"])
        if answer.get("verdict") not in _VERDICTS or not isinstance(answer.get("findings"), list):
            return _failed(model, "its answer cannot be read")
        return {
            "id": model["id"],
            "revision": answer["revision"],
            "verdict": answer["verdict"],
            "findings": [str(finding)[:_MAX_FINDING] for finding in answer["findings"][:_MAX_FINDINGS]],
        }


def _ref(model_id: str) -> Ref:
    return Ref(Collections.SCANS, model_id)


def _failed(model: ModelDoc, why: str) -> ScanDoc:
    return {
        "id": model["id"],
        "revision": model["revision"],
        "verdict": "UNREADABLE",
        "findings": [f"scan: it failed, so nothing is known of what this file does: {why}"[:_MAX_FINDING]],
    }


def _kill(process: subprocess.Popen[str]) -> None:
    """Ends the process and what it has started; nothing happens once it has ended."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
