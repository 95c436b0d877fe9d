"""The connection to Ray: a new one on this machine, or a cluster that is there.

To import this module call `load_ray` of `treewright.cluster.cluster`: Ray reads its environment
when it is imported.
"""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray._private.state import state

from search.custom import import_folders
from search.ports import one_line
from treewright.cluster.address import CLIENT, ConnectionRefused, check_reachable, ray_address
from treewright.cluster.room import Node

T = TypeVar("T")
OBJECT_STORE_BYTES = 100 * 2**20
"""Calls and replies are small and travel inline: the object store stays empty."""
OF_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Where `ray job submit` leaves the runtime environment of a job."""
PACKAGES = ("search", "engines", "policies", "scorers", "benchmarks", "treewright")
PASSING, TRIES = ("timed out during startup", "Starting Ray client server failed"), 2
"""What is worth another try: a node that was not up within the 30 s that Ray gives it, which a busy
machine may need; and a client's server that died as it was forked, as gRPC's threads may do to it.
"""
ITS_TOKEN = "if that cluster asks for a token, ~/.ray/auth_token here must be its own"
"""What may be amiss where Ray's client is answered by silence."""
ROUNDED = 1e-6
"""Sums of fractions of a core are rounded."""
QUIET = {"log_to_driver": False, "logging_level": logging.ERROR}


@contextmanager
def connected(address: str | None, cpus: float) -> Iterator[None]:
    """A Ray cluster for the `with` block, at what `ray_address` makes of this.

    Without an address, one is started that listens on this machine only, with room for `cpus`; it
    ends with the block, or with this process. A connection that is there already is used and kept.

    Raises:
        ConnectionRefused: there is no cluster at the address, or none could be started.
    """
    if ray.is_initialized():
        yield
        return
    found = ray_address(address)
    try:
        with same_sigterm():
            start(cpus) if found is None else connect(found)
    except ConnectionRefused:
        raise
    except Exception as error:  # a node that is up too late is a bare one
        raise ConnectionRefused(one_line(error)) from error
    try:
        yield
    finally:
        ray.shutdown()


def is_connected() -> bool:
    """Whether this process has a Ray already."""
    return bool(ray.is_initialized())


def listening() -> dict[str, tuple[str, int]]:
    """Where Ray listens on each node that is alive, by its id. It asks the head, and blocks."""
    return {
        str(each["NodeID"]): (str(each["NodeManagerAddress"]), int(each["NodeManagerPort"]))
        for each in ray.nodes()
        if each["Alive"]
    }


def vital() -> dict[str, tuple[str, int]]:
    """What a session cannot do without, as it is told, and where it listens.

    That is nothing where Ray's client server stands between.
    """
    if ray.util.client.ray.is_connected():
        return {}
    context = ray.get_runtime_context()
    host, _, port = str(context.gcs_address).rpartition(":")
    found = {f"the head of the Ray cluster ({host}:{port})": (host.strip("[]"), int(port))}
    if own := listening().get(context.get_node_id()):
        found["Ray on this machine (its raylet)"] = own
    return found


def nodes() -> list[Node]:
    """The nodes that are alive."""
    return [
        Node(str(each["NodeManagerAddress"]), dict(each["Resources"]), dict(each["Labels"] or {}))
        for each in ray.nodes()
        if each["Alive"]
    ]


def most() -> dict[str, float] | None:
    """The most of each resource that an autoscaler would bring; None where there is none."""
    try:
        found = state.get_max_resources_from_cluster_config()
    except Exception:  # noqa: BLE001 - by ray:// nobody can ask
        return None
    return None if found is None else {name: float(count) for name, count in found.items()}


@contextmanager
def same_sigterm() -> Iterator[None]:
    """Keep this process's SIGTERM handler, which Ray replaces by one that exits."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def connect(address: str) -> None:
    """Connect to a cluster. What a job says of its runtime environment is kept, and added to.

    Raises `ConnectionRefused` in seconds where nothing is there.
    """
    check_reachable(address)
    told: dict[str, Any] = {}
    if not {"working_dir", "py_modules"} & set(of_job()):
        told["py_modules"] = code()
    if "PYTHONPATH" not in of_job().get("env_vars", {}):
        told["env_vars"] = {"PYTHONPATH": python_path()}
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            unless_passing(lambda: ray.init(address=address, runtime_env=told, **QUIET))
    except ConnectionError as error:
        if address == "auto":
            raise ConnectionRefused(
                "none runs on this machine; start one with `ray start --head`"
            ) from error
        if not address.startswith(CLIENT):
            raise
        raise ConnectionRefused(f"{one_line(error)}; {ITS_TOKEN}") from error


def of_job() -> dict[str, Any]:
    """The runtime environment with which `ray job submit` started this process."""
    told: dict[str, Any] = json.loads(os.environ.get(OF_A_JOB) or "{}")
    return told.get("runtime_env") or {}


def start(cpus: float) -> None:
    """Start a Ray on this machine; its workers have this environment."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = python_path()
    cores = max(1, math.ceil(cpus - ROUNDED))
    options = {"num_cpus": cores, "object_store_memory": OBJECT_STORE_BYTES, **QUIET}
    here = {"address": "local", "_node_ip_address": "127.0.0.1", "include_dashboard": False}
    try:
        unless_passing(lambda: ray.init(**here, **options))
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def unless_passing(begin: Callable[[], T]) -> T:
    """What this begins of Ray; after a fault that passes it is begun once more.

    Processes of a node that was late end with this process.
    """
    for _ in range(TRIES - 1):
        try:
            return begin()
        except Exception as error:
            if not any(words in str(error) for words in PASSING):
                raise
    return begin()


def code() -> list[str]:
    """Packages and modules to upload: of a checkout, and parts of one's own that were imported.

    What is installed (a wheel) must be installed on the nodes too.
    """
    here = Path(__file__).resolve().parents[2]
    own = [] if installed(here) else [str(here / name) for name in PACKAGES]
    folders = {Path(each).resolve() for each in import_folders()} - {here}
    files = [Path(str(m.__file__)).resolve() for m in list(sys.modules.values()) if is_top(m)]
    roots = [file.parent if file.name == "__init__.py" else file for file in files]
    return [*own, *sorted({str(root) for root in roots if root.parent in folders})]


def is_top(module: Any) -> bool:
    """Whether it is a module of its own in a file, no part of a package and not the command."""
    name, file = getattr(module, "__name__", "."), getattr(module, "__file__", None)
    return "." not in name and name != "__main__" and bool(file) and str(file).endswith(".py")


def installed(folder: Path) -> bool:
    """Whether this is a folder of installed packages."""
    return folder.name in ("site-packages", "dist-packages")


def python_path() -> str:
    """What this process can import beyond its installation, so that workers can too."""
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(dict.fromkeys([here, *import_folders()]))


def worker_environment() -> dict[str, Any]:
    """What an actor needs beside the runtime environment of its job: nothing, as a rule.

    Ray lets no process change a variable of its job, but of an actor: its own comes first.
    """
    theirs = of_job().get("env_vars", {}).get("PYTHONPATH")
    if theirs is None:
        return {}
    paths = dict.fromkeys([*python_path().split(os.pathsep), *theirs.split(os.pathsep)])
    return {"env_vars": {"PYTHONPATH": os.pathsep.join(paths)}}
