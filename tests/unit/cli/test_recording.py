"""`zoo record`: what is asked of the zoo, and what a person reads of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ainimal_zookeeper.cli.connection import Connector
from ainimal_zookeeper.cli.main import zoo
from ainimal_zookeeper.client import Zookeeper
from click.testing import CliRunner, Result

from tests.fakes.zoo_api import FakeZoo, instance_row, recording_row


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.instances = [instance_row("Rex")]
    fake.recordings = [recording_row("rec_aa1"), recording_row("rec_ab2", instanceId="ins_max", instanceName="Max")]
    return fake


def record(fake: FakeZoo, *arguments: str) -> Result:
    connector = Connector(lambda url: Zookeeper(url, transport=fake.transport, sleep=lambda _seconds: None))
    return CliRunner().invoke(zoo, ["record", *arguments], obj=connector)


def test_start_asks_for_the_signals_that_are_named(fake: FakeZoo) -> None:
    """Without any the zoo decides."""
    result = record(fake, "start", "Rex", "--signal", "inputs.*", "--signal", "action")
    assert result.output == "Rex is recorded as rec_aa1 from step 5 on\n"
    assert fake.asked == [("recordingStart", {"instanceId": "ins_rex", "signals": ["inputs.*", "action"]})]
    record(fake, "start", "Rex")
    assert fake.asked[-1] == ("recordingStart", {"instanceId": "ins_rex"})


def test_stop_goes_by_instance_or_by_recording(fake: FakeZoo) -> None:
    """And tells what there is; of an instance that is not being recorded it says so."""
    result = record(fake, "stop", "rec_aa1")
    assert result.output == "rec_aa1 of Rex is SEALED: steps 5 to 1,004, 2,048 bytes\n"
    assert record(fake, "stop", "Rex").exit_code != 0
    fake.recordings[0]["phase"] = "OPEN"
    assert record(fake, "stop", "Rex").exit_code == 0
    assert fake.asked[-1] == ("recordingStop", {"recordingId": "rec_aa1"})


def test_last_tells_what_is_less_than_was_asked_for(fake: FakeZoo) -> None:
    """Ten seconds unless something else is said."""
    fake.recordings[0]["problem"] = "the disk was full"
    result = record(fake, "last", "Rex")
    assert "the disk was full" in result.output
    assert fake.asked[-1] == ("recordingSaveLast", {"instanceId": "ins_rex", "seconds": 10.0})
    record(fake, "last", "Rex", "2.5")
    assert fake.asked[-1][1]["seconds"] == 2.5


def test_recordings_are_listed_and_removed(fake: FakeZoo) -> None:
    """All, or those of one instance, in a table or as JSON; one goes by the beginning of its id."""
    assert [line.split()[0] for line in record(fake, "ls").output.splitlines()[1:]] == ["rec_aa1", "rec_ab2"]
    listed = json.loads(record(fake, "--json", "ls", "--instance", "Rex").output)
    assert [row["id"] for row in listed] == ["rec_aa1"]
    assert record(fake, "rm", "rec_ab").output == "rec_ab2 is removed\n"
    assert fake.asked[-1] == ("recordingDelete", {"recordingId": "rec_ab2"})
    ambiguous = record(fake, "rm", "rec_a")
    assert ambiguous.exit_code != 0
    assert "rec_aa1" in ambiguous.output


def test_what_is_still_open_is_not_fetched(fake: FakeZoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next step is told, and no empty folder is left."""
    monkeypatch.chdir(tmp_path)
    fake.recordings[0]["phase"] = "OPEN"
    result = record(fake, "fetch", "rec_aa1")
    assert result.exit_code != 0
    assert "stop it" in result.output
    assert list(tmp_path.iterdir()) == []
