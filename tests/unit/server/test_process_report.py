"""The report of side processes: what the host writes is what the API tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ainimal_zookeeper.server.process_report import ProcessReport
from graphql_api.neighbours import Neighbours


class Snapshots:
    """Side processes that are as the test says."""

    def __init__(self) -> None:
        self.now: list[dict[str, Any]] = []

    def snapshot(self) -> list[dict[str, Any]]:
        return list(self.now)


def test_the_api_tells_what_the_host_wrote(tmp_path: Path) -> None:
    """Before there is anything to tell nothing is told; a change is seen, and what has not changed is not written."""
    processes: Any = Snapshots()
    file = tmp_path / "processes.json"
    report, neighbours = ProcessReport(processes, file), Neighbours(file)
    assert neighbours() == ()
    report.write()
    assert neighbours() == []
    processes.now = [{"name": "board", "running": True, "restarts": 0, "url": "http://127.0.0.1:6006"}]
    report.write()
    assert neighbours() == processes.now
    file.unlink()
    report.write()
    assert not file.exists()


def test_a_damaged_report_tells_nothing(tmp_path: Path) -> None:
    """A page is shown all the same."""
    file = tmp_path / "processes.json"
    file.write_text("[{")
    assert Neighbours(file)() == ()
