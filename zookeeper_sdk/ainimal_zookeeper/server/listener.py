"""Listener: the one socket that a zoo serves on, and what to do when it cannot be had."""

from __future__ import annotations

import errno
import socket

import psutil

from ainimal_zookeeper.domain.addresses import is_loopback
from ainimal_zookeeper.domain.errors import InvalidInput


def check_exposure(host: str, *, insecure: bool) -> None:
    """Raises: InvalidInput when others could reach a zoo that asks nobody who they are."""
    if insecure or is_loopback(host):
        return
    raise InvalidInput(
        f"{host} can be reached from other machines, and this zoo asks nobody who they are: whoever reaches it could "
        "run code here; listen on 127.0.0.1, or add --insecure (no_auth in the configuration) if that is what you want"
    )


def listen(host: str, port: int) -> socket.socket:
    """Returns a bound socket that does not listen yet. `port` 0: any free one.

    Raises: InvalidInput that says who has the port, or what is wrong with the host.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise InvalidInput(f"there is no host {host!r} on this machine ({error}); try --host 127.0.0.1") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise InvalidInput(_refusal(host, port, error)) from error
    return listener


def url_of(listener: socket.socket, host: str) -> str:
    """Returns the address for people and runners on this machine; a zoo on all addresses is also on loopback."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    return f"http://{name}:{listener.getsockname()[1]}"


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use{_user(port)}; end that, or take another port with --port ({port + 1}, or 0: any)"
    if error.errno == errno.EACCES:
        return f"port {port} is for the system only; take one above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; try --host 127.0.0.1"
    return f"cannot listen on {host} port {port}: {error.strerror or error}; try --port 0"


def _user(port: int) -> str:
    """Returns who listens on `port`, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address and address[1] == port and connection.pid:
                process = psutil.Process(connection.pid)
                command = " ".join(process.cmdline())[:80] or process.name()
                return f" by process {connection.pid} ({command})"
    except (psutil.Error, OSError):
        return ""
    return ""
