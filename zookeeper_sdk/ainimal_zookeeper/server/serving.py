"""Runs a zoo on this machine until it is told to stop."""

from __future__ import annotations

import asyncio
import functools
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
from ainimal_zookeeper.domain.addresses import is_loopback
from ainimal_zookeeper.domain.errors import InvalidInput, ZookeeperError

from . import listener
from .app import application
from .state import StateDirectory
from .zoo import Zoo

PROFILES = ("embedded", "emulators")
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
    profile: str | None = None,
    auth: bool = False,
) -> None:
    """Serves the zoo; what is not given is as the configuration says. Returns after Ctrl-C or SIGTERM.

    profile: one of `PROFILES`. auth: whether visitors are to sign in, which only the emulators know about.
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
            profile=profile or compilation.profile,
            auth=auth,
        )
    except ZookeeperError as error:
        click.echo(f"Error: {error.message}", err=True)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run(
    compilation: Compilation,
    *,
    host: str,
    port: int,
    client: bool,
    insecure: bool,
    state_dir: Path,
    profile: str,
    auth: bool,
) -> None:
    _check_profile(profile, host, auth=auth)
    listener.check_exposure(host, insecure=insecure)
    state = StateDirectory(state_dir if profile == "embedded" else state_dir / profile)
    try:
        with _listen(host, port, state) as bound:
            url = listener.url_of(bound, host)
            with _opened(compilation, state, url, profile, auth=auth) as zoo:
                zoo.furnish()
                state.announce(url)
                app = application(
                    routes=zoo.routes,
                    client=client,
                    bound=host,
                    allowed_origins=compilation.allowed_origins,
                    links=zoo.links,
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
                host_server = _Server(config, zoo, banner(compilation, url, state.path, host, zoo.profile))
                host_server.run(sockets=[bound])
            if host_server.trouble is not None:
                raise host_server.trouble
    finally:
        state.close()


def _check_profile(profile: str, host: str, *, auth: bool) -> None:
    """Raises: InvalidInput."""
    if profile not in PROFILES:
        raise InvalidInput(f"the profile is {profile!r}; it must be one of: {', '.join(PROFILES)}")
    if profile == "emulators" and not is_loopback(host):
        raise InvalidInput(
            f"{host} can be reached from other machines, and emulators believe everybody: on the profile 'emulators' "
            "listen on 127.0.0.1"
        )
    if auth and profile != "emulators":
        raise InvalidInput("accounts are kept by an emulator: --auth goes with --profile emulators")


@contextmanager
def _opened(compilation: Compilation, state: StateDirectory, url: str, profile: str, *, auth: bool) -> Iterator[Zoo]:
    if profile == "embedded":
        from .composition import EmbeddedZoo

        yield EmbeddedZoo(compilation, state, url, os.environ)
        return
    from .emulators.programs import check_libraries

    check_libraries()
    from .emulated import emulated_zoo

    with emulated_zoo(compilation, state, url, os.environ, auth=auth) as zoo:
        yield zoo


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
            await asyncio.to_thread(self._zoo.start, functools.partial(self._fail, loop))
            await self._asked.wait()
        except ZookeeperError as error:
            self.trouble = error
        if self.trouble is not None:
            logging.getLogger("uvicorn.error").disabled = True  # what it breaks off now would hide what has happened
        # Runners save and report while they leave, so serving ends last.
        await asyncio.to_thread(self._zoo.stop)
        await self._zoo.close()
        self.should_exit = True
        await serving

    def _fail(self, loop: asyncio.AbstractEventLoop, error: ZookeeperError) -> None:
        def stop() -> None:
            self.trouble = self.trouble or error
            self._asked.set()

        with suppress(RuntimeError):  # the loop is closed: then it has ended already
            loop.call_soon_threadsafe(stop)

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


def banner(compilation: Compilation, url: str, state: Path, host: str, profile: str = "embedded") -> str:
    """Returns what is said once the zoo serves at `url`."""
    name = click.style(compilation.configuration["name"], bold=True)
    lines = ["", f"  {name} is open at {click.style(url, fg='cyan', underline=True)}", ""]
    if not is_loopback(host):
        lines.insert(2, click.style("  Everybody who reaches this address may do everything.", fg="yellow"))
    offered = f"{_counted(len(compilation.models), 'model')}, {_counted(len(compilation.environments), 'environment')}"
    lines.append(click.style(f"  {offered}; profile {profile}; state in {state}; Ctrl-C ends it", dim=True))
    return "\n".join(lines) + "\n"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
