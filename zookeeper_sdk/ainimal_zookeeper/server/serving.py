"""Runs a zoo on this machine until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import uvicorn

from ainimal_zookeeper.config import Compilation
from ainimal_zookeeper.domain.errors import ZookeeperError

from . import listener
from .app import application
from .composition import Zoo
from .security import is_loopback
from .state import StateDirectory

THREADS = 24  # calls of the store wait in threads
REFUSED = 2  # exit status
INTERRUPTED = 130


def serve(
    compilation: Compilation,
    *,
    host: str | None = None,
    port: int | None = None,
    client: bool | None = None,
    insecure: bool = False,
    state_dir: Path | None = None,
) -> None:
    """Serves the zoo; what is not given is as the configuration says. Returns after Ctrl-C or SIGTERM.

    What stands in the way is said on stderr in a sentence, and the process exits with status 2.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        _run(
            compilation,
            host=compilation.host if host is None else host,
            port=compilation.port if port is None else port,
            client=compilation.client if client is None else client,
            insecure=insecure or compilation.no_auth,
            state_dir=state_dir or compilation.state_dir,
        )
    except ZookeeperError as error:
        click.echo(f"Error: {error.message}", err=True)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run(compilation: Compilation, *, host: str, port: int, client: bool, insecure: bool, state_dir: Path) -> None:
    listener.check_exposure(host, insecure=insecure)
    state = StateDirectory(state_dir)
    try:
        with _listen(host, port, state) as bound:
            url = listener.url_of(bound, host)
            zoo = Zoo(compilation, state, url)
            zoo.furnish()
            state.announce(url)
            app = application(
                handlers=zoo.handlers, client=client, bound=host, allowed_origins=compilation.allowed_origins
            )
            config = uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=1,
            )
            host_server = _Server(config, zoo, banner(compilation, url, state.path, host))
            host_server.run(sockets=[bound])
            if host_server.trouble is not None:
                raise host_server.trouble
    finally:
        state.close()


def _listen(host: str, port: int, state: StateDirectory) -> socket.socket:
    """Any free port is the last one where that zoo was killed, so that runners which survived it find this one."""
    if port == 0 and state.left_port is not None:
        with suppress(ZookeeperError):
            return listener.listen(host, state.left_port)
    return listener.listen(host, port)


class _Server(uvicorn.Server):
    """uvicorn, with a zoo that starts once it serves and ends before it stops serving."""

    def __init__(self, config: uvicorn.Config, zoo: Zoo, banner: str) -> None:
        super().__init__(config)
        self.trouble: ZookeeperError | None = None
        self._zoo = zoo
        self._banner = banner
        self._serves = asyncio.Event()
        self._asked = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """What signals mean is decided in `serve`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._serves.set()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS, "zoo"))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                loop.add_signal_handler(number, self._ask)
        serving = asyncio.create_task(super().serve(sockets))
        await self._serves.wait()
        click.echo(self._banner)
        sys.stdout.flush()
        try:
            await asyncio.to_thread(self._zoo.start)
            await self._asked.wait()
        except ZookeeperError as error:
            self.trouble = error
        # Runners save and report while they leave, so serving ends last.
        await asyncio.to_thread(self._zoo.stop)
        await self._zoo.close()
        self.should_exit = True
        await serving

    def _ask(self) -> None:
        if self._asked.is_set():
            _leave_at_once(self._zoo)
        self._asked.set()
        click.echo("\nStopping: instances may save what they have (Ctrl-C again ends everything at once)", err=True)


def _leave_at_once(zoo: Zoo) -> None:
    killing = threading.Thread(target=zoo.kill, daemon=True)
    killing.start()
    killing.join(timeout=1)
    os._exit(INTERRUPTED)


def banner(compilation: Compilation, url: str, state: Path, host: str) -> str:
    """Returns what is said once the zoo serves at `url`."""
    name = click.style(compilation.configuration["name"], bold=True)
    lines = ["", f"  {name} is open at {click.style(url, fg='cyan', underline=True)}", ""]
    if not is_loopback(host):
        lines.insert(2, click.style("  Everybody who reaches this address may do everything.", fg="yellow"))
    offered = f"{_counted(len(compilation.models), 'model')}, {_counted(len(compilation.environments), 'environment')}"
    lines.append(click.style(f"  {offered}; state in {state}; Ctrl-C ends it", dim=True))
    return "\n".join(lines) + "\n"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
