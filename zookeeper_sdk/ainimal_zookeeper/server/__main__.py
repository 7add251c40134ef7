"""`python3 -m ainimal_zookeeper.server`: serves the zoo of this folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ainimal_zookeeper.domain.errors import ZookeeperError


@click.command(name="python3 -m ainimal_zookeeper.server", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="zoo.py, zoo.yaml or zoo.json, or a folder with one; else that of this folder, else the example.",
)
@click.option("--host", help="Address to listen on; 127.0.0.1 unless configured.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; 3000 unless configured; 0: any free one."
)
@click.option("--client/--no-client", default=None, help="Whether to serve the web client as well.")
@click.option("--insecure", is_flag=True, help="Listen beyond this machine although nobody is asked who they are.")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), help="Where to keep state; .zoo beside the configuration."
)
@click.option(
    "--profile",
    type=click.Choice(["embedded", "emulators"]),
    help="Where it runs: embedded (files of this machine) or emulators (Google's, started here); embedded by default.",
)
@click.option("--auth", is_flag=True, help="Visitors sign in, at the emulator of Firebase Auth.")
def main(
    config: Path | None,
    host: str | None,
    port: int | None,
    client: bool | None,
    insecure: bool,
    state_dir: Path | None,
    profile: str | None,
    auth: bool,
) -> None:
    """Serves the zoo: the API, the launcher, the runners' link and the web client. Ctrl-C ends it."""
    from ainimal_zookeeper.config import load

    from . import run

    try:
        compilation = load(config, os.environ).compile()
    except ZookeeperError as error:
        click.echo(f"Error: {error.message}", err=True)
        sys.exit(2)
    run(
        compilation,
        host=host,
        port=port,
        client=client,
        insecure=insecure,
        state_dir=state_dir,
        profile=profile,
        auth=auth,
    )


if __name__ == "__main__":
    main()
