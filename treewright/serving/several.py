"""The verb `serve` with `--replicas N`: a Ray, the deployment on it, and the wait for its end."""

from __future__ import annotations

import asyncio
import signal
import sys
from importlib import import_module

from search.fault import Fault
from search.ports import one_line
from treewright.cluster.cluster import ClusterError, load_ray
from treewright.config.compose import COMMAND_LINE
from treewright.config.config import Config
from treewright.errors import ConfigError
from treewright.hiding import hide, known_secrets
from treewright.serving import replicas
from treewright.serving.keys import Keys
from treewright.serving.server import bound, shown
from treewright.serving.settings import Settings
from treewright.serving.store import Store
from treewright.terminal import line

CPUS_BESIDE = 1
"""For Ray Serve itself."""


async def serve_several(config: Config, settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; what is in flight then may end within `drain_s`.

    Raises:
        ConfigError: keys that cannot be read, an address that cannot be had, no Ray Serve.
        ClusterError: no Ray, or the engines do not start.
    """
    if settings.api_keys:
        Keys.read(settings.api_keys)
    with bound(settings) as listening:
        port = int(listening.getsockname()[1])  # Ray Serve binds it anew
    load_ray(config.cluster.address)
    connection = import_module("treewright.cluster.connection")
    try:
        replicas.check()
    except ImportError as error:
        hint = "pip install 'treewright[replicas]', or serve with one"
        problem = f"needs Ray Serve, which is not installed ({error})"
        raise ConfigError(COMMAND_LINE, "--replicas", settings.replicas, problem, hint) from None
    ports = config.cluster.slots("policy") + config.cluster.slots("scorer")
    cpus = config.cluster.cpus * ports * settings.replicas + CPUS_BESIDE
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    _say(f"starting {settings.replicas} times the engines of {config.name}")
    try:
        with connection.connected(config.cluster.address, cpus):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            try:
                await replicas.deploy(config, settings, known_secrets(), port)
                print(f"http://{shown(settings.host)}:{port}/v1", flush=True)
                _say(f"questions are kept in {Store.of(config, settings.keep).root}")
                await stop.wait()
                _say("stopping: what is in flight ends first")
            finally:
                await replicas.withdraw()
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.remove_signal_handler(number)
    except Fault:
        raise
    except Exception as error:
        raise ClusterError(hide(f"the replicas cannot be started: {one_line(error)}")) from error
    return 0


def _say(text: str) -> None:
    print(line(text), file=sys.stderr, flush=True)
