"""The verb `serve`: engines up, a socket bound, requests answered until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

import uvicorn
from fastapi import FastAPI

from treewright.config.compose import COMMAND_LINE
from treewright.config.config import Config
from treewright.errors import ConfigError
from treewright.serving.app import app_of
from treewright.serving.catalogue import Catalogue
from treewright.serving.desk import Desk
from treewright.serving.keys import Keys
from treewright.serving.searching import open_engines
from treewright.serving.settings import Settings
from treewright.serving.store import Store
from treewright.terminal import line

BACKLOG = 1024
LAST_S = 5
"""Seconds that answers may take to go out once the searches have been hurried."""


class Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: ours let the questions in flight end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


async def serve(config: Config, settings: Settings) -> int:
    """Serve until told to stop: the first SIGTERM or SIGINT drains, the second ends at once.

    Raises:
        ConfigError: keys that cannot be read, an address that cannot be had.
        ClusterError: the engines do not start.
    """
    keys = Keys.read(settings.api_keys) if settings.api_keys else Keys()
    with bound(settings) as listening:
        _say(f"starting the engines of {config.name}")
        async with open_engines(config, _say) as engines:
            store = Store.of(config, settings.keep)
            desk = Desk(engines, Catalogue(config, settings.largest), store, settings, _say)
            host, port = listening.getsockname()[:2]
            print(f"http://{shown(host)}:{port}/v1", flush=True)
            _say(f"questions are kept in {store.root}, the newest {settings.keep}")
            await _run(desk, keys, settings, listening)
    return 0


def uvicorn_server(app: FastAPI, settings: Settings) -> Server:
    """What speaks HTTP for the application."""
    return Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=30,
            ws="none",
            timeout_graceful_shutdown=ceil(settings.drain_s) + LAST_S,
        )
    )


async def _run(desk: Desk, keys: Keys, settings: Settings, listening: socket.socket) -> None:
    server = uvicorn_server(app_of(desk, keys), settings)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = desk.queue.draining = True
        if server.force_exit:
            _say("stopping at once")
            return
        loop.call_later(settings.drain_s, desk.hurry)
        count = desk.queue.inside
        _say(f"stopping: {count} question{'' if count == 1 else 's'} in flight")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve(sockets=[listening])
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def shown(host: str) -> str:
    """A host as an address has it."""
    return f"[{host}]" if ":" in host else host


@contextmanager
def bound(settings: Settings) -> Iterator[socket.socket]:
    """A socket on the address. Raises `ConfigError` where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        listening = socket.socket(family, kind, protocol)  # unsaid, asyncio lets it wait for ACKs
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except (OSError, OverflowError) as error:
        problem = f"cannot be had: {getattr(error, 'strerror', None) or error}"
        where = f"{settings.host}:{settings.port}"
        hint = "another --port, or 0 for a free one"
        raise ConfigError(COMMAND_LINE, "--port", where, problem, hint) from error
    with listening:
        listening.listen(BACKLOG)
        yield listening


def _say(text: str) -> None:
    print(line(text), file=sys.stderr, flush=True)
