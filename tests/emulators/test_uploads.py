"""Uploaded models on the emulators: the link is Cloud Storage's, which computes no SHA-256 of what it takes."""

from __future__ import annotations

import hashlib
import pickle
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ainimal_zookeeper.client import Zookeeper

from tests.e2e.hosting import HostedZoo, furnish, until

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(300)]

SITTER = "class Sitter:\n    def act(self, observation):\n        return 0\n"
UPLOAD = "mutation($i: UploadCreateInput!) { uploadCreate(input: $i) { uploadId url headers } }"
CREATE = "mutation($i: ModelCreateInput!) { modelCreate(input: $i) { model { id } userErrors { code } } }"


@pytest.fixture
def hosted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    firestore_emulator: None,
    pubsub_emulator: None,
    storage_emulator: None,
) -> Iterator[HostedZoo]:
    """A tiny zoo in a project of its own."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", f"demo-{uuid.uuid4().hex[:12]}")
    furnish(tmp_path)
    zoo = HostedZoo(tmp_path, "--profile", "emulators", "--port", "0")
    with zoo:
        yield zoo


def test_an_uploaded_folder_is_scanned_and_runs(hosted: HostedZoo, tmp_path: Path) -> None:
    """By the link of the bucket, hashed by the API, scanned in a process of the zoo, fetched by its runner."""
    with zipfile.ZipFile(tmp_path / "sitter.zip", "w") as archive:
        archive.writestr("ainimal.py", SITTER)
        archive.writestr("saved/notes.pkl", pickle.dumps(print))
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("ainimal.py", SITTER)
    with Zookeeper(hosted.url) as zoo:
        odd = zoo.add_model(tmp_path / "sitter.zip", name="Odd")
        plain = zoo.add_model(tmp_path / "plain.zip", name="Sitter")
        until(lambda: {zoo.model(made.id).scan for made in (odd, plain)} == {"UNKNOWN"})
        assert any("builtins.print" in finding for finding in zoo.model("Odd").findings)
        instance = zoo.launch("Sitter", "cartpole", timeout_s=120)
        assert instance.info.phase == "RUNNING"
        instance.terminate().wait("TERMINATED", timeout_s=60)


def test_other_bytes_than_announced_make_no_model(hosted: HostedZoo) -> None:
    """The API reads what the bucket cannot tell it the hash of."""
    given = {"filename": "a.pkl", "sizeBytes": 4.0, "sha256": hashlib.sha256(b"abcd").hexdigest()}
    ticket = hosted.ask(UPLOAD, i=given)["uploadCreate"]
    assert httpx.put(ticket["url"], content=b"abcx", headers=ticket["headers"]).is_success
    answer = hosted.ask(CREATE, i={"name": "A", "uploadId": ticket["uploadId"]})["modelCreate"]
    assert answer == {"model": None, "userErrors": [{"code": "DATA_CORRUPT"}]}


def test_a_page_of_this_machine_may_send_to_the_link(hosted: HostedZoo) -> None:
    """The bucket answers the preflight of a browser for the method and all headers of the link."""
    given = {"filename": "a.pkl", "sizeBytes": 4.0, "sha256": "0" * 64}
    ticket = hosted.ask(UPLOAD, i=given)["uploadCreate"]
    wanted = ", ".join(sorted(name.lower() for name in ticket["headers"]))
    asked = {
        "Origin": "http://127.0.0.1:3000",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": wanted,
    }
    answer = httpx.options(ticket["url"], headers=asked)
    origin = f"http://{httpx.URL(ticket['url']).netloc.decode()}"
    assert f"connect-src 'self' {origin};" in httpx.get(hosted.url).headers["Content-Security-Policy"]
    assert answer.headers.get("Access-Control-Allow-Origin") in {"*", "http://127.0.0.1:3000"}, dict(answer.headers)
