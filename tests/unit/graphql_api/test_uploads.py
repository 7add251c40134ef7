"""Uploads through the API: links, the models that come of what arrives, and what is refused."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any, cast

import pytest
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections, ModelDoc, Ref
from ainimal_zookeeper.ports.bucket import SignedUrl
from graphql_api.api import Api
from graphql_api.uploads import LIFE_S, MAX_BYTES
from job_launcher.catalogue import Catalogue, Offer

from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor
from tests.unit.graphql_api.conftest import CONFIGURATION

UPLOAD = """mutation($i:UploadCreateInput!){uploadCreate(input:$i){
  uploadId url headers expiresAt userErrors{code message path}}}"""
MODEL = """mutation($i:ModelCreateInput!){modelCreate(input:$i){
  model{id name type source revision providerId scan findings launchable parameters{name}}
  userErrors{code message path}}}"""
BYTES = b"\x80\x04N."


class LinkedBucket(MemoryBucket):
    """Its links are the names of its objects."""

    def sign_put(self, name: str, size_bytes: int, expires_s: float = 900) -> SignedUrl:
        return SignedUrl(
            f"memory:{name}", FakeClock().now() + timedelta(seconds=expires_s), {"x-size": f"{size_bytes}"}
        )


class ForgetfulBucket(LinkedBucket):
    """Has computed no hash of what came by a link, as Cloud Storage."""

    def info(self, name: str) -> Any:
        found = super().info(name)
        return None if found is None else type(found)(name, found.size_bytes, found.generation, "", found.content_type)


@pytest.fixture(params=[LinkedBucket, ForgetfulBucket])
def bucket(request: pytest.FixtureRequest) -> MemoryBucket:
    return cast(MemoryBucket, request.param())


def announced(content: bytes = BYTES, filename: str = "rex.pkl", **changes: Any) -> dict[str, Any]:
    return {
        "filename": filename,
        "sizeBytes": float(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
        **changes,
    }


async def upload(visitor: Visitor, **changes: Any) -> dict[str, Any]:
    """Asks for a link; returns the payload."""
    payload: dict[str, Any] = (await visitor.data(UPLOAD, i=announced(**changes)))["uploadCreate"]
    return payload


async def uploaded(visitor: Visitor, bucket: MemoryBucket, content: bytes = BYTES, filename: str = "rex.pkl") -> str:
    """Uploads; returns the id."""
    ticket = await upload(visitor, content=content, filename=filename)
    assert ticket["userErrors"] == []
    bucket.put(ticket["url"].removeprefix("memory:"), content, if_generation=0)
    return cast(str, ticket["uploadId"])


async def create(visitor: Visitor, name: str, upload_id: str, **changes: Any) -> dict[str, Any]:
    data = await visitor.data(MODEL, i={"name": name, "uploadId": upload_id, **changes})
    return cast("dict[str, Any]", data["modelCreate"])


def code(payload: dict[str, Any]) -> str:
    (error,) = payload["userErrors"]
    return cast(str, error["code"])


async def test_a_file_becomes_a_model_that_waits_to_be_scanned(
    visitor: Visitor, bucket: MemoryBucket, store: MemoryStore
) -> None:
    """A link, the bytes, and the model is on offer, under its name and the hash of its file."""
    ticket = await upload(visitor)
    assert ticket["headers"] == {"x-size": "4"}
    assert ticket["expiresAt"].endswith("Z")
    bucket.put(f"uploads/{ticket['uploadId']}", BYTES)
    payload = await create(visitor, "Rex", ticket["uploadId"])
    assert payload["userErrors"] == []
    model = payload["model"]
    assert model["name"] == "Rex"
    assert model["type"] == "pickle"
    assert model["source"] == "rex.pkl (uploaded)"
    assert model["revision"] == hashlib.sha256(BYTES).hexdigest()[:12]
    assert model["scan"] == "WAITING"
    assert model["launchable"]
    found = cast(ModelDoc, store.get(Ref(Collections.MODELS, model["id"])))
    assert found["uploaded"]["object"] == f"uploads/{ticket['uploadId']}"
    assert "path" not in json.loads(found["specJson"])


@pytest.mark.parametrize(("filename", "of_type"), [("a.pickle", "pickle"), ("A.PKL", "pickle"), ("b.zip", "archive")])
async def test_the_end_of_the_name_says_what_it_is(
    visitor: Visitor, bucket: MemoryBucket, filename: str, of_type: str
) -> None:
    """Capitals or not."""
    upload_id = await uploaded(visitor, bucket, filename=filename)
    assert (await create(visitor, "it", upload_id))["model"]["type"] == of_type


@pytest.mark.parametrize(
    "filename",
    [
        "rex.py",
        "rex",
        ".pkl",
        "a/rex.pkl",
        "..\\rex.pkl",
        "",
        "x" * 200 + ".pkl",
        "\U0001f981" * 50 + ".pkl",
        "a\n.zip",
    ],
)
async def test_another_file_name_is_refused(visitor: Visitor, filename: str) -> None:
    """Paths, other kinds and what breaks lines."""
    payload = await upload(visitor, filename=filename)
    assert code(payload) == "INVALID_INPUT"
    assert payload["userErrors"][0]["path"] == ["input", "filename"]
    assert payload["uploadId"] is None


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"sizeBytes": 0.0}, "INVALID_INPUT"),
        ({"sizeBytes": 1.5}, "INVALID_INPUT"),
        ({"sizeBytes": -4.0}, "INVALID_INPUT"),
        ({"sizeBytes": MAX_BYTES + 1.0}, "LIMIT_REACHED"),
        ({"sha256": "0" * 63}, "INVALID_INPUT"),
        ({"sha256": "g" * 64}, "INVALID_INPUT"),
    ],
)
async def test_sizes_and_hashes_are_checked_first(visitor: Visitor, changes: dict[str, Any], wanted: str) -> None:
    """No link is made for what could never become a model."""
    assert code(await upload(visitor, **changes)) == wanted


async def test_other_bytes_than_announced_are_refused_and_go(
    visitor: Visitor, bucket: MemoryBucket, store: MemoryStore
) -> None:
    """DATA_CORRUPT; neither model nor object nor upload is left."""
    upload_id = (await upload(visitor))["uploadId"]
    bucket.put(f"uploads/{upload_id}", b"\x80\x04K.")
    payload = await create(visitor, "Rex", upload_id)
    assert code(payload) == "DATA_CORRUPT"
    assert "upload it again" in payload["userErrors"][0]["message"]
    assert list(bucket.list("uploads/")) == []
    assert code(await create(visitor, "Rex", upload_id)) == "NOT_FOUND"


async def test_a_model_waits_for_its_bytes(visitor: Visitor, bucket: MemoryBucket) -> None:
    """INVALID_TRANSITION says to send them; afterwards the same works."""
    upload_id = (await upload(visitor))["uploadId"]
    assert code(await create(visitor, "Rex", upload_id, commandId="c1")) == "INVALID_TRANSITION"
    bucket.put(f"uploads/{upload_id}", BYTES)
    assert (await create(visitor, "Rex", upload_id, commandId="c1"))["model"]["name"] == "Rex"


async def test_an_upload_becomes_one_model(visitor: Visitor, bucket: MemoryBucket) -> None:
    """A second one needs bytes of its own."""
    upload_id = await uploaded(visitor, bucket)
    assert (await create(visitor, "Rex", upload_id))["model"]
    assert code(await create(visitor, "Max", upload_id)) == "INVALID_TRANSITION"


async def test_the_same_command_answers_with_the_same_model(visitor: Visitor, bucket: MemoryBucket) -> None:
    """Twice the same command is one model; the same id for another input is refused."""
    upload_id = await uploaded(visitor, bucket)
    first = await create(visitor, "Rex", upload_id, commandId="c1")
    assert await create(visitor, "Rex", upload_id, commandId="c1") == first
    assert code(await create(visitor, "Max", upload_id, commandId="c1")) == "CONFLICT"


@pytest.mark.parametrize("name", ["learner", "Rex"])
async def test_a_name_is_one_models(visitor: Visitor, bucket: MemoryBucket, name: str) -> None:
    """Whether the other is of the configuration or was uploaded."""
    await create(visitor, "Rex", await uploaded(visitor, bucket))
    zoo.put(cast(Any, visitor.api)._records._store, Collections.MODELS, {**zoo.model(), "keywords": ["learner"]})
    assert code(await create(visitor, name, await uploaded(visitor, bucket))) == "ALREADY_EXISTS"


async def test_a_model_needs_a_name(visitor: Visitor, bucket: MemoryBucket) -> None:
    """Blanks are none."""
    assert code(await create(visitor, "  ", await uploaded(visitor, bucket))) == "INVALID_INPUT"


async def test_an_old_upload_is_no_model_any_more_and_goes(
    visitor: Visitor, bucket: MemoryBucket, clock: FakeClock, store: MemoryStore
) -> None:
    """After a day it cannot be used; later the next upload takes its bytes away, and none that a model has."""
    kept = await uploaded(visitor, bucket)
    assert (await create(visitor, "Rex", kept))["model"]
    old = await uploaded(visitor, bucket)
    clock.advance(LIFE_S + 1)
    assert code(await create(visitor, "Max", old)) == "NOT_FOUND"
    clock.advance(7200)
    await upload(visitor)
    assert [info.name for info in bucket.list("uploads/")] == [f"uploads/{kept}"]
    assert store.get(Ref(Collections.UPLOADS, old)) is None


async def test_nobody_uploads_without_being_allowed(api: Api, bucket: MemoryBucket, visitor: Visitor) -> None:
    """Denied by default, also with the id of an operator's upload; nobody else's upload exists."""
    upload_id = await uploaded(visitor, bucket)
    nobody = Visitor(api, Principal.nobody())
    assert code(await upload(nobody)) == "PERMISSION_DENIED"
    assert code(await create(nobody, "Rex", upload_id)) == "PERMISSION_DENIED"
    other = Visitor(api, Principal("usr_other", "OPERATOR"))
    assert code(await create(other, "Rex", upload_id)) == "NOT_FOUND"


async def test_an_uploaded_model_outlives_the_next_configuration(
    visitor: Visitor, bucket: MemoryBucket, store: MemoryStore
) -> None:
    """The catalogue takes away what a configuration no longer offers, and nothing that people brought."""
    model = (await create(visitor, "Rex", await uploaded(visitor, bucket)))["model"]
    Catalogue(store).publish(Offer(cast(Any, {**CONFIGURATION, "revision": "2"}), [], []))
    listed = await visitor.data("{models{nodes{id}}}")
    assert listed["models"]["nodes"] == [{"id": model["id"]}]


async def test_what_a_scan_found_is_shown_for_its_revision_alone(
    visitor: Visitor, bucket: MemoryBucket, store: MemoryStore
) -> None:
    """Verdict and findings of this very file; those of another leave it waiting; source has none."""
    model = (await create(visitor, "Rex", await uploaded(visitor, bucket)))["model"]
    scan = {
        "id": model["id"],
        "revision": model["revision"],
        "verdict": "DANGEROUS",
        "findings": ["it names os.system"],
    }
    query = "query($id:ID!){model(id:$id){scan findings}}"
    zoo.put(store, Collections.SCANS, scan)
    shown = await visitor.data(query, id=model["id"])
    assert shown["model"] == {"scan": "DANGEROUS", "findings": ["it names os.system"]}
    zoo.put(store, Collections.SCANS, {**scan, "revision": "another"})
    assert (await visitor.data(query, id=model["id"]))["model"] == {"scan": "WAITING", "findings": []}
    assert (await visitor.data(query, id="mod_learner"))["model"]["scan"] is None
