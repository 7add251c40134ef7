"""Listening: where a zoo may be reached, and what is said when it cannot be."""

from __future__ import annotations

import os
import socket
import threading

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput, Transient
from ainimal_zookeeper.server import listener
from ainimal_zookeeper.server.ticker import Ticker


def test_exposure_needs_to_be_asked_for() -> None:
    """A zoo that asks nobody for a password leaves loopback only when it is told twice."""
    listener.check_exposure("127.0.0.1", insecure=False)
    listener.check_exposure("0.0.0.0", insecure=True)
    with pytest.raises(InvalidInput, match="add --insecure"):
        listener.check_exposure("0.0.0.0", insecure=False)


def test_port_in_use_names_its_user() -> None:
    """The message leads to the process to end, or to another port."""
    with listener.listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput, match=rf"port {port} is in use by process {os.getpid()} .*--port"):
            listener.listen("127.0.0.1", port)


def test_unknown_host_is_said() -> None:
    """A host that is not this machine's cannot be listened on."""
    with pytest.raises(InvalidInput, match=r"192\.0\.2\.1 is no address of this machine"):
        listener.listen("192.0.2.1", 0)
    with pytest.raises(InvalidInput, match="there is no host"):
        listener.listen("no such host", 0)


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("localhost", "localhost")]
)
def test_address_is_one_that_can_be_opened(host: str, expected: str) -> None:
    """A zoo on all addresses prints one that works on this machine."""
    with listener.listen(host, 0) as bound:
        assert listener.url_of(bound, host) == f"http://{expected}:{bound.getsockname()[1]}"


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_address_of_version_six_is_bracketed() -> None:
    """An IPv6 address is written as URLs want it."""
    with socket.socket() as any_socket:
        assert listener.url_of(any_socket, "::1").startswith("http://[::1]:")


def test_ticker_survives_what_its_task_raises(caplog: pytest.LogCaptureFixture) -> None:
    """One bad round is said once and does not end the later ones."""
    rounds = threading.Semaphore(0)

    def task() -> None:
        rounds.release()
        raise Transient("the disk is full")

    ticker = Ticker("reconciler", task, 0.001)
    for _ in range(5):
        assert rounds.acquire(timeout=5)
    ticker.close()
    assert [record.getMessage() for record in caplog.records] == ["reconciler: the disk is full"]
