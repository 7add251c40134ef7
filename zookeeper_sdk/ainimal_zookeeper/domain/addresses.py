"""Addresses of computers: which of them can only be this one."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Tells whether `host` (a name or an address, without a port) can only be this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
