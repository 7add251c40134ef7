"""A file that becomes a model, from a script."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.errors import AlreadyExists, InvalidInput, NotFound, Rejected, Transient

from tests.fakes.zoo_api import FakeZoo, model_row


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.models = [model_row("Rex", scan="WAITING")]
    return fake


@pytest.fixture
def client(fake: FakeZoo) -> Zookeeper:
    return Zookeeper("http://zoo.test", token="secret", transport=fake.transport)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "rex.pkl").write_bytes(b"\x80\x04N.")
    return tmp_path / "rex.pkl"


def test_a_file_is_sent_and_becomes_a_model(client: Zookeeper, fake: FakeZoo, file: Path) -> None:
    """Announced with its hash, sent with the link's headers and without the token, then named."""
    model = client.add_model(file, command_id="c1")
    assert model.name == "Rex"
    assert model.scan == "WAITING"
    announced = {"filename": "rex.pkl", "sizeBytes": 4.0, "sha256": hashlib.sha256(b"\x80\x04N.").hexdigest()}
    created = {"name": "rex", "uploadId": "upl_1", "commandId": "c1"}
    assert fake.asked == [("uploadCreate", announced), ("modelCreate", created)]
    assert fake.uploaded is not None
    url, headers, content = fake.uploaded
    assert str(url) == "http://bucket.test/uploads/upl_1"
    assert content == b"\x80\x04N."
    assert headers["content-length"] == "4"
    assert headers["x-once"] == "1"
    assert "authorization" not in headers


def test_the_zoos_own_links_lead_to_where_the_zoo_is(client: Zookeeper, fake: FakeZoo, file: Path) -> None:
    """A zoo on another computer calls itself loopback."""
    fake.upload_url = "http://127.0.0.1:3000/bucket/uploads/upl_1?signature=a%3D&size=4"
    client.add_model(file)
    assert fake.uploaded is not None
    assert str(fake.uploaded[0]) == "http://zoo.test/bucket/uploads/upl_1?signature=a%3D&size=4"


def test_what_is_no_file_is_not_sent(client: Zookeeper, fake: FakeZoo, tmp_path: Path) -> None:
    """Neither what is not there nor what is empty."""
    (tmp_path / "empty.zip").touch()
    with pytest.raises(NotFound, match="there is no file"):
        client.add_model(tmp_path / "none.pkl")
    with pytest.raises(InvalidInput, match="is empty"):
        client.add_model(tmp_path / "empty.zip")
    assert fake.asked == []


@pytest.mark.parametrize(("status", "error"), [(403, Rejected), (503, Transient)])
def test_a_link_that_does_not_take_it(client: Zookeeper, fake: FakeZoo, file: Path, status: int, error: type) -> None:
    """No model is asked for."""
    fake.upload_status = status
    with pytest.raises(error, match=r"rex\.pkl was not taken by bucket\.test"):
        client.add_model(file)
    assert [name for name, _ in fake.asked] == ["uploadCreate"]


def test_a_refusal_is_told(client: Zookeeper, fake: FakeZoo, file: Path) -> None:
    """As the error that it is, and nothing is sent."""
    fake.user_errors = [{"code": "ALREADY_EXISTS", "message": "there is a model rex already"}]
    with pytest.raises(AlreadyExists):
        client.add_model(file)
    assert fake.uploaded is None
