"""Serves the web client alone; its user enters the address of the zoo."""

from __future__ import annotations

import socket
import sys

import click
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from ainimal_zookeeper.domain.errors import NotFound

from .site import WebClient


@click.command(name="python3 -m ainimal_zookeeper.client")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
def serve(host: str, port: int) -> None:
    """Serves the web client alone. Open the printed address and enter where the zoo is."""
    try:
        application = Starlette(routes=[Mount("/", WebClient(connect="'self' http: https:"))])
    except NotFound as error:
        raise click.ClickException(error.message) from error
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Whoever reads the address may use it at once: what comes before uvicorn is ready waits in the backlog.
        listener.listen()
    except OSError as error:
        listener.close()
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}; try --port 0") from error
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"The web client is at http://{shown}:{listener.getsockname()[1]} (Ctrl-C ends it)")
    sys.stdout.flush()
    config = uvicorn.Config(application, log_level="warning", server_header=False)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        listener.close()


if __name__ == "__main__":
    serve()
