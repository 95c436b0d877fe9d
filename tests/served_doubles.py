"""A server over the doubles, on a free port of this machine, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from treewright.config.config import Config
from treewright.config.load import config_from
from treewright.serving.app import app_of
from treewright.serving.catalogue import Catalogue
from treewright.serving.desk import Desk
from treewright.serving.keys import Keys
from treewright.serving.searching import Engines, open_engines
from treewright.serving.server import bound, uvicorn_server
from treewright.serving.settings import Settings
from treewright.serving.store import Store

FAST = {"kind": "scripted", "accuracy": 0.8}


@dataclass
class Served:
    """`url` ends in `/v1`; `desk` is the server's own."""

    url: str
    desk: Desk

    @property
    def in_flight(self) -> int:
        """Calls that the engines have."""
        return sum(
            each.in_flight + each.waiting for each in self.desk.engines.ports.stats().values()
        )

    def metric(self, name: str) -> float:
        """What `/metrics` says of it."""
        lines = httpx.get(self.url.replace("/v1", "/metrics")).text.splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def ask(
        self,
        question: str = "What is 3 + 4?",
        said: dict[str, object] | None = None,
        **more: object,
    ) -> httpx.Response:
        """One question, as a stock chat app would."""
        asked = {"model": "treewright/config", "messages": [user(question)], **more, **(said or {})}
        return httpx.post(f"{self.url}/chat/completions", json=asked, timeout=30)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def config_of(folder: Path, policy: dict[str, object]) -> Config:
    """Four questions at once, a best-of-4 each."""
    return config_from(
        {
            "name": "asked",
            "dataset": {"name": "arithmetic"},
            "output_dir": str(folder),
            "policy": policy,
            "scorer": {"kind": "scripted"},
            "strategy": {"kind": "best_of_n", "n": 4},
            "grading": {"kind": "numeric"},
            "cluster": {"backend": "inline", "problems_in_flight": 4},
        }
    )


@contextmanager
def served(
    folder: Path, settings: Settings, policy: dict[str, object], keys: Keys | None = None
) -> Iterator[Served]:
    """A server that is up while the block lasts; four questions at once."""
    config = config_of(folder, policy)
    up, found = threading.Event(), []
    stop = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def work() -> None:
        loops.append(asyncio.get_running_loop())
        with bound(settings) as listening:
            async with open_engines(config, print) as engines:
                desk = _desk(engines, config, settings)
                server = uvicorn_server(app_of(desk, keys or Keys()), settings)
                serving = asyncio.create_task(server.serve(sockets=[listening]))
                found.append(Served(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", desk))
                up.set()
                await stop.wait()
                server.should_exit = server.force_exit = True
                await serving

    thread = threading.Thread(target=lambda: asyncio.run(work()), daemon=True)
    thread.start()
    assert up.wait(60)
    try:
        yield found[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(30)


def _desk(engines: Engines, config: Config, settings: Settings) -> Desk:
    catalogue = Catalogue(config, settings.largest)
    return Desk(engines, catalogue, Store.of(catalogue.config, settings.keep), settings)
