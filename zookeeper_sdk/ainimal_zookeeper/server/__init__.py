"""The host: a whole zoo in one process, embedded or on emulators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ainimal_zookeeper.config import Compilation

__all__ = ["run"]


def run(
    compilation: Compilation,
    *,
    host: str | None = None,
    port: int | None = None,
    client: bool | None = None,
    insecure: bool = False,
    state_dir: Path | None = None,
    profile: str | None = None,
    auth: bool = False,
) -> None:
    """Serves the zoo until Ctrl-C or SIGTERM; what is not given is as the configuration says. See `serving.serve`."""
    # A short way to --help: the API and its libraries are imported when there is something to serve.
    from .serving import serve

    serve(
        compilation,
        host=host,
        port=port,
        client=client,
        insecure=insecure,
        state_dir=state_dir,
        profile=profile,
        auth=auth,
    )
