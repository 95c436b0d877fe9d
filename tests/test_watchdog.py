"""An inline port that blocks the event loop is told, and interrupted where that is possible."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pool_stage import call, reply
from scorers.no_scorer import NoScorerConfig
from search.ports import Failure, FailureKind, Policy, PolicyCall, PolicyReply
from treewright.cluster.cluster import ClusterError, open_cluster
from treewright.cluster.config import ClusterConfig


@dataclass(frozen=True)
class BlockingConfig:
    """A port that holds the loop, in `build` or at the problem named `block`."""

    build: bool = False


class Blocking(Policy):
    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        if batch[0].path.problem.id == "block":
            try:
                time.sleep(60)
            except Exception:  # noqa: BLE001 - as careful ports do; it must not hide this
                return []
        return [reply(batch[0])]


async def build(config: BlockingConfig) -> Blocking:
    if config.build:
        while True:
            pass
    return Blocking()


NAME = f"policy ({__name__}:BlockingConfig)"


def cluster(limit: float, restarts: int = 3) -> ClusterConfig:
    return ClusterConfig(
        backend="inline", call_timeout_s=limit, start_timeout_s=limit, max_restarts=restarts
    )


def test_a_call_that_blocks_is_told_in_time_and_the_others_are_answered() -> None:
    told: list[tuple[float, str]] = []

    async def work() -> None:
        began = time.monotonic()
        config = cluster(0.2)

        def tell(line: str) -> None:
            told.append((time.monotonic() - began, line))

        async with open_cluster(config, BlockingConfig(), NoScorerConfig(), tell) as ports:
            asked = [call("p", 1), call("block", 2), call("block", 3), call("q", 4)]
            first, *both, last = await ports.policy.extend(asked)
            assert (first, last) == (reply(asked[0]), reply(asked[3]))
            for blocked in both:
                assert isinstance(blocked, Failure)
                assert blocked.kind is FailureKind.UNAVAILABLE
                # Alone at the last of them; the other one may have been there at the first two.
                assert re.match(r"problem block, path root: it hung [23] times: ", blocked.message)

    asyncio.run(work())
    seconds, line = told[0]
    assert 0.2 < seconds < 1.0
    assert line.startswith(f"{NAME} blocks the session: {__file__}:")
    assert "in extend held the event loop for 0.2 s; " in line
    assert told[1][1].startswith(f"{NAME} replica 1 of 1 died: it blocked: {__file__}:")


def test_a_port_that_blocks_while_it_is_built_ends_the_start() -> None:
    async def work() -> None:
        with pytest.raises(ClusterError, match=r"it blocked: .* in build held the event loop"):
            async with open_cluster(cluster(0.1, 1), BlockingConfig(build=True), NoScorerConfig()):
                pass

    asyncio.run(work())


def test_who_holds_the_loop_and_is_no_port_is_left_alone() -> None:
    told: list[str] = []

    async def work() -> None:
        config = cluster(0.05)
        async with open_cluster(config, BlockingConfig(), NoScorerConfig(), told.append):
            asyncio.get_running_loop().call_soon(time.sleep, 0.3)
            await asyncio.sleep(0.1)

    before = signal.getsignal(signal.SIGUSR2)
    asyncio.run(work())
    assert told == []
    assert signal.getsignal(signal.SIGUSR2) is before


STUBBORN = """
import asyncio, sys, time
from dataclasses import dataclass
from scorers.no_scorer import NoScorerConfig
from treewright.cluster import watchdog
from treewright.cluster.cluster import open_cluster
from treewright.cluster.config import ClusterConfig

watchdog.GRACE_S = 0.1

@dataclass(frozen=True)
class StubbornConfig:
    pass

async def build(config):
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

async def main():
    config = ClusterConfig(backend="inline", call_timeout_s=0.1, start_timeout_s=0.1)
    tell = lambda line: print(line, file=sys.stderr, flush=True)
    async with open_cluster(config, StubbornConfig(), NoScorerConfig(), tell):
        pass

asyncio.run(main())
"""


def test_what_nothing_interrupts_ends_the_run_with_a_word(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "stubborn.py"
    script.write_text(STUBBORN)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 130
    blocked, ends = done.stderr.splitlines()
    assert blocked.startswith(f"policy (__main__:StubbornConfig) blocks the session: {script}:")
    assert ends == "it cannot be interrupted: the session ends here, and resume goes on"
