"""Several controllers behind one address: a Ray Serve deployment (docs.ray.io/en/latest/serve).

Each replica is a whole server with engines, queue and figures of its own; Ray Serve's proxy speaks
HTTP and gives each request to the less loaded of two. Before Ray is imported here, `load_ray` of
`treewright.cluster.cluster` is called: it reads its environment then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Collection
from dataclasses import replace

from starlette.types import ASGIApp

from treewright.config.config import Config
from treewright.hiding import hide, keep_secret
from treewright.running.session import problems_at_once
from treewright.serving.app import app_of
from treewright.serving.catalogue import Catalogue
from treewright.serving.desk import Desk
from treewright.serving.keys import Keys
from treewright.serving.searching import open_engines
from treewright.serving.settings import Settings
from treewright.serving.store import Store
from treewright.terminal import line

NAME = "treewright"
BESIDE = 1000
"""Requests that a replica takes beyond those that it searches and lets wait: these it refuses
itself, with an error object, and it answers `/health` when it is full."""


class Controller:
    """One replica."""

    async def __init__(  # type: ignore[misc]  # Ray Serve awaits it
        self, config: Config, settings: Settings, secrets: Collection[str]
    ) -> None:
        """Start the engines. `secrets`: what is shown nowhere."""
        for secret in secrets:
            keep_secret(secret)
        keys = Keys.read(settings.api_keys) if settings.api_keys else Keys()
        self._open = contextlib.AsyncExitStack()
        engines = await self._open.enter_async_context(open_engines(config, _say))
        catalogue = Catalogue(config, settings.largest)
        desk = Desk(engines, catalogue, Store.of(config, settings.keep), settings, _say)
        self._app = app_of(desk, keys)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """What speaks HTTP: Ray Serve asks once the replica is made."""
        return self._app

    async def __del__(self) -> None:
        """Stop the engines; Ray Serve calls it once the requests in flight have ended."""
        await self._open.aclose()


def check() -> None:
    """Raises `ImportError` where there is no Ray Serve."""
    from ray import serve

    del serve


async def deploy(config: Config, settings: Settings, secrets: Collection[str], port: int) -> None:
    """Start the replicas and the proxy on the Ray that is connected. Raises `RuntimeError`."""
    from ray import serve
    from ray.serve.config import HTTPOptions
    from ray.serve.schema import LoggingConfig

    quiet = LoggingConfig(log_level=logging.ERROR, enable_access_log=False)
    http = HTTPOptions(host=settings.host, port=port, keep_alive_timeout_s=30)
    at_once = problems_at_once(config)
    deployment = serve.deployment(
        name=Controller.__name__,
        num_replicas=settings.replicas,
        ray_actor_options={"num_cpus": 0},  # what it does is little; the engines count
        max_ongoing_requests=at_once + settings.queue + BESIDE,
        graceful_shutdown_timeout_s=settings.drain_s + 1,
        max_constructor_retry_count=1,
        logging_config=quiet,
    )(serve.ingress()(Controller))
    one = replace(settings, replicas=1)

    def start() -> None:
        logging.getLogger("ray.serve").setLevel(logging.ERROR)  # stderr is ours
        serve.start(proxy_location="HeadOnly", http_options=http, logging_config=quiet)
        serve.run(deployment.bind(config, one, tuple(secrets)), name=NAME, logging_config=quiet)

    await asyncio.to_thread(start)


async def withdraw() -> None:
    """Let the requests in flight end, then stop the replicas and the proxy."""
    from ray import serve

    def stop() -> None:
        serve.delete(NAME, _blocking=True)
        serve.shutdown()

    await asyncio.to_thread(stop)


def _say(text: str) -> None:
    print(line(hide(text)), file=sys.stderr, flush=True)
