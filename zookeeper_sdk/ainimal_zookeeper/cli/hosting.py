"""`zoo up`: starts a zoo here."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import click


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path), help="zoo.py, zoo.yaml or zoo.json; else the one here, or the example."
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on, instead of the configuration's.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port, instead of the configuration's; 0: any free one.")
@click.option("--client/--no-client", default=None, help="Whether to serve the web client as well.")
@click.option("--insecure", is_flag=True, help="Lets everybody who reaches another address than this machine's in.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where to keep the zoo's state; else .zoo.")
def up(
    config: Path | None, host: str | None, port: int | None, client: bool | None, insecure: bool, state_dir: Path | None
) -> None:
    """Starts the zoo and prints its address. Ctrl-C ends it."""
    from ainimal_zookeeper import server
    from ainimal_zookeeper.config import load

    compilation = load(config, os.environ).compile()
    if state_dir is not None:
        compilation = replace(compilation, state_dir=state_dir.absolute())
    server.run(
        compilation,
        host=compilation.host if host is None else host,
        port=compilation.port if port is None else port,
        client=compilation.client if client is None else client,
        insecure=insecure or compilation.no_auth,
    )
