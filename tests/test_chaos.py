"""Whoever dies, and wherever a journal ends: the searches find what they find undisturbed."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from benchmarks.chaos import crashes
from benchmarks.speed.mortal import MortalReplicas
from benchmarks.speed.virtual_time import VirtualTimeLoop
from engines.token_clock import Timing
from policies.simulated import SimulatedPolicy, SimulatedPolicyConfig
from scorers.simulated import SimulatedScorer, SimulatedScorerConfig
from search.core import Problem
from search.driver import Searched, drive
from search.gather import gather
from search.memory import DictMemory
from search.strategies.beam import Beam
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy, PooledScorer

PAIRS = 2
TIMING = Timing(decode_seconds=0.004)
"""A call lasts for a second or less; on trial it hardly meets the next kill."""


async def searched(seed: int | None) -> tuple[list[Searched], int]:
    """What six searches find, and how many replicas died, one every other second."""
    policies = MortalReplicas(lambda: SimulatedPolicy(SimulatedPolicyConfig(timing=TIMING)), 1.0)
    scorers = MortalReplicas(lambda: SimulatedScorer(SimulatedScorerConfig(timing=TIMING)), 1.0)
    limits = PoolLimits(calls_in_flight=2, again_s=5.0)
    pools = Pool(policies.make, PAIRS, limits), Pool(scorers.make, PAIRS, limits)
    for pool in pools:
        await pool.start()

    async def kill(rng: Random) -> None:
        while True:
            await asyncio.sleep(rng.uniform(1, 3))
            made = rng.choice([policies, scorers]).made
            living = [index for index, replica in enumerate(made) if replica.alive]
            if living:
                owner = policies if made is policies.made else scorers
                owner.kill(rng.choice(living), node=False)

    killing = asyncio.create_task(kill(Random(seed))) if seed is not None else None
    ports = PooledPolicy(pools[0]), PooledScorer(pools[1])
    found = await gather(
        drive(Beam(4, 2)(Problem(f"p{n}", f"{n} + 7?")), *ports, DictMemory(), 0) for n in range(6)
    )
    if killing:
        killing.cancel()
    deaths = sum(pool.stats().deaths for pool in pools)
    for pool in pools:
        await pool.close()
    return found, deaths


def in_virtual_time(seed: int | None) -> tuple[list[Searched], int]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(searched(seed))


@pytest.fixture(scope="module")
def undisturbed() -> list[Searched]:
    return in_virtual_time(None)[0]


@pytest.mark.parametrize("seed", range(20))
def test_replicas_that_die_every_other_second_change_nothing(
    seed: int, undisturbed: list[Searched]
) -> None:
    found, deaths = in_virtual_time(seed)
    assert found == undisturbed
    assert deaths > 1


def test_a_journal_that_ends_anywhere_loses_nothing_and_asks_nothing_twice(tmp_path: Path) -> None:
    assert crashes(tmp_path, offsets=25, seed=1).holds
