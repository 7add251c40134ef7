"""The log in the cloud: lines that Cloud Logging takes apart."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from ainimal_zookeeper.profiles import structured_logging


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Logs so for one test and leaves logging as it was."""
    root = logging.getLogger()
    ours = [logging.getLogger(name) for name in ("ainimal_zookeeper", "graphql_api", "job_launcher", "runner_link")]
    before = (root.handlers[:], root.level, [logger.level for logger in ours])
    stream = io.StringIO()
    structured_logging.write_to(stream)
    yield stream
    root.handlers[:], level, levels = before
    root.setLevel(level)
    for logger, was in zip(ours, levels, strict=True):
        logger.setLevel(was)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_record_is_one_line_with_what_goes_with_it(written: io.StringIO) -> None:
    """An alert finds the message, a person the instance."""
    logging.getLogger("job_launcher.x").error("it %s", "broke", extra={"instance_id": "ins_1", "attempt": 2, "at": {1}})
    (line,) = lines(written)
    assert (line["severity"], line["message"], line["logger"]) == ("ERROR", "it broke", "job_launcher.x")
    assert (line["instance_id"], line["attempt"], line["at"]) == ("ins_1", 2, "{1}")
    assert line["time"].endswith("+00:00")
    assert line.keys() == {"severity", "message", "logger", "time", "instance_id", "attempt", "at"}


def test_a_traceback_stays_in_its_line(written: io.StringIO) -> None:
    """Otherwise each of its lines would be an entry of its own."""
    try:
        int("no\nnumber")
    except ValueError:
        logging.getLogger("graphql_api").exception("it failed")
    (line,) = lines(written)
    assert line["message"].startswith("it failed\nTraceback")
    assert "ValueError: invalid literal" in line["message"]


def test_only_the_zoo_tells_what_goes_well(written: io.StringIO) -> None:
    """Libraries are heard when something is wrong."""
    for name in ("httpx", "runner_link"):
        logging.getLogger(name).info("fine")
        logging.getLogger(name).warning("not fine")
    assert [(line["logger"], line["severity"]) for line in lines(written)] == [
        ("httpx", "WARNING"),
        ("runner_link", "INFO"),
        ("runner_link", "WARNING"),
    ]
