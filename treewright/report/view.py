"""The verb `view`: the report of a run on 127.0.0.1, renewed while the run goes on."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import NoReturn

from treewright.errors import ConfigError
from treewright.files.reading import bytes_in
from treewright.hiding import hide
from treewright.report.page import ReportPage, render
from treewright.report.report import measured, tell
from treewright.running.run_folder import RunFolder, Status
from treewright.terminal import clean, line

LOOPBACK = "127.0.0.1"
PAUSE = 2.0
"""Seconds between two looks at the run; longer where measuring takes long."""
SHARE = 4.0
"""A look waits this many times what the last one took: following a run must not slow it down."""


@dataclass(frozen=True)
class Edition:
    """The page as it is served. `version` says of which state of the run; `told` where it is."""

    page: bytes
    version: str
    told: str

    @property
    def state(self) -> bytes:
        """What the page asks for."""
        return json.dumps({"version": self.version, "told": self.told}).encode()


class Follower:
    """Holds the newest edition of a run's page, and makes another when the run has moved."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.edition = Edition(b"", "", "")

    async def begin(self) -> None:
        """The first edition. Raises what `measured` raises."""
        version = self.version()
        page = await measured([self.path], live=version)
        tell(page)
        self.edition = edition(page, version)

    def version(self) -> str:
        """Changes whenever the run's journal or its status does."""
        sizes = bytes_in(self.path, "journal", ".jsonl")
        return f"{RunFolder(self.path).status()}-{'-'.join(map(str, sizes))}"

    async def look(self) -> None:
        """Make a new edition if the run has moved; where that fails the page says why."""
        try:
            version = self.version()
            if version != self.edition.version:
                self.edition = edition(await measured([self.path], live=version), version)
        except Exception as error:  # noqa: BLE001 - the page is kept, and says that it is not renewed
            told = f"not renewed: {line(hide(str(error)))}"
            self.edition = Edition(self.edition.page, self.edition.version, told)

    async def follow(self) -> NoReturn:
        """Look until cancelled."""
        pause = PAUSE
        while True:
            await asyncio.sleep(pause)
            began = monotonic()
            await self.look()
            pause = max(PAUSE, SHARE * (monotonic() - began))


def edition(page: ReportPage, version: str) -> Edition:
    """The page of one run, and where the run is."""
    (only,) = page.chapters
    reading = only.reading
    going = reading.status is Status.RUNNING
    told = f"{len(reading.cases)} of {reading.problems} problems" + (", going on" if going else "")
    return Edition(hide(render(page)).encode(), version, hide(told))


class Handler(BaseHTTPRequestHandler):
    """Serves the page and its state to this machine, and nothing else."""

    def __init__(self, follower: Follower, *arguments: object) -> None:
        self.follower = follower
        super().__init__(*arguments)  # type: ignore[arg-type]  # as the server passes them

    def do_GET(self) -> None:
        """Answer `/` and `/state`."""
        edition = self.follower.edition
        found = {
            "/": ("text/html; charset=utf-8", edition.page),
            "/state": ("application/json", edition.state),
        }.get(self.path.partition("?")[0])
        if not self.addressed():
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "ask for 127.0.0.1")
        elif found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self.answer(*found)

    def answer(self, kind: str, body: bytes) -> None:
        """A whole reply that no one keeps."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def addressed(self) -> bool:
        """Whether this machine was asked by its own name: a page elsewhere must not read a run."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        return host in (LOOPBACK, "localhost")

    def log_message(self, format: str, *args: object) -> None:
        """Requests are nobody's business."""


async def view(path: Path, port: int = 0) -> int:
    """Serve until interrupted.

    Raises `ConfigError` for a port that cannot be had, and what `report` raises for a run that
    cannot be read.
    """
    follower = Follower(path)
    await follower.begin()
    server = serve(follower, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://{LOOPBACK}:{server.server_address[1]}/"
    print(clean(f"{path} at {address}"), flush=True)
    print("the page follows the run; interrupt (Ctrl-C) to end", file=sys.stderr, flush=True)
    try:
        await follower.follow()
    except (asyncio.CancelledError, KeyboardInterrupt):
        return 0
    finally:
        server.shutdown()
        server.server_close()


def serve(follower: Follower, port: int) -> ThreadingHTTPServer:
    """A server on the loopback address; port 0 takes a free one. Raises `ConfigError`."""
    try:
        return ThreadingHTTPServer((LOOPBACK, port), partial(Handler, follower))
    except (OSError, OverflowError) as error:
        hint = "leave it out, then a free one is taken"
        problem = f"cannot be had: {getattr(error, 'strerror', None) or error}"
        raise ConfigError("command line", "--port", port, problem, hint) from error
