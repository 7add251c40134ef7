"""A secret as it travels in a deployed zoo: to the model that it is meant for, and to no store."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import closing

import pytest
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain import queries
from google.cloud import firestore, storage

from tests.emulators.deployed import DeployedZoo, deployed
from tests.fakes.discreet import CONFIGURATION, FILES, OTHER, SECRET

pytestmark = pytest.mark.emulators


@pytest.fixture(scope="module")
def hosted(
    tmp_path_factory: pytest.TempPathFactory, firestore_emulator: None, pubsub_emulator: None, storage_emulator: None
) -> Iterator[DeployedZoo]:
    with deployed(tmp_path_factory.mktemp("discreet"), CONFIGURATION, FILES) as zoo:
        yield zoo


def stored(zoo: DeployedZoo) -> bytes:
    """Returns every document of Firestore and every object of the bucket."""
    with closing(firestore.Client(project=zoo.project)) as client:
        documents = [each.to_dict() for collection in client.collections() for each in collection.stream()]
    with closing(storage.Client(project=zoo.project)) as client:
        objects = [blob.download_as_bytes() for blob in client.list_blobs(zoo.bucket_name)]
    return repr(documents).encode() + b"".join(objects)


def test_no_document_object_or_log_holds_a_secret(hosted: DeployedZoo) -> None:
    """The model gets it; Firestore, Cloud Storage, the functions' output and the jobs' logs do not."""
    with Zookeeper(hosted.url) as zoo:
        good = zoo.launch("Caller", "cartpole", parameters={"note": "${env.OTHER_KEY}"}, timeout_s=30)
        lines = []
        for line in good.logs(follow=True):
            lines.append(line.text)
            if line.text.startswith("my key"):
                break
        bad = zoo.launch("Caller", "cartpole", parameters={"note": "fail"}, wait=False)
        bad.wait("FAILED", timeout_s=30)
        good.terminate().wait("TERMINATED", timeout_s=30)

    assert lines[-3:] == [
        f"digest {hashlib.sha256(f'Bearer {SECRET}'.encode()).hexdigest()}",
        "note ${env.OTHER_KEY}",
        "my key is Bearer ***",
    ]
    kept = b"".join(path.read_bytes() for path in hosted.state_dir.rglob("*") if path.is_file())
    everything = stored(hosted) + kept + hosted.output.encode()
    assert b"${env.OPENAI_KEY}" in everything
    for secret in (SECRET, OTHER):
        assert secret.encode() not in everything
        assert base64.b64encode(secret.encode()) not in everything
    offered = hosted.store.query(queries.MODELS.bind(), queries.Page(10)).documents
    assert [model["source"] for model in offered] == ["models/caller.py"]
    assert str(hosted.state_dir.parent) not in repr(offered)
