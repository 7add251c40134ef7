"""Addresses of computers: which of them can only be this one."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Tells whether `host` (a name or an address, without a port) can only be this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str:
    """Returns the name or address in a Host header, in lower case and without the port; empty where it holds more."""
    try:
        parts = urlsplit(f"//{header}")
    except ValueError:
        return ""
    return parts.hostname or "" if parts.netloc == header and "@" not in header else ""
