"""`python3 -m ainimal_zookeeper.cli` is `zoo`."""

from __future__ import annotations

from .main import zoo

if __name__ == "__main__":
    zoo(prog_name="zoo")
