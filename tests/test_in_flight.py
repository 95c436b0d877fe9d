"""How many problems are searched at once, and whose turn it is where calls wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from engines.traits import Traits
from engines.vllm_config import VllmConfig
from policies.scripted import ScriptedPolicyConfig
from policies.simulated import SimulatedPolicyConfig
from pool_stage import Port, call, run, stage, ticks
from search.strategies import STRATEGIES, strategy_class
from search.strategies.beam import Beam
from search.strategies.best_of_n import BestOfN
from search.strategies.majority import Majority
from search.strategies.mcts import Mcts
from treewright.cluster.config import ClusterConfig
from treewright.cluster.in_flight import in_flight, slots_of
from treewright.cluster.limits import PoolLimits
from treewright.cluster.slot import Ticket
from treewright.cluster.waiting import FAIR_EVERY, Waiting


@dataclass(frozen=True)
class Served:
    """A port config with an engine, or with several."""

    engine: VllmConfig = field(default_factory=VllmConfig)
    within: tuple[VllmConfig, ...] = ()

    @property
    def traits(self) -> Traits:
        members = {f"members[{n}]": Traits(engine=each) for n, each in enumerate(self.within)}
        return Traits(engine=None if members else self.engine, within=members)


WIDE, NARROW = Served(), Served(VllmConfig(max_num_seqs=64))
SAYS_NOTHING: Any = object()


@pytest.mark.parametrize(
    ("config", "policy", "scorer", "strategy", "expected"),
    [
        (ClusterConfig(), WIDE, WIDE, BestOfN(), 64),
        (ClusterConfig(), WIDE, NARROW, BestOfN(), 40),
        (ClusterConfig(policy_replicas=4, scorer_replicas=8), WIDE, WIDE, Beam(), 384),
        (ClusterConfig(), WIDE, WIDE, BestOfN(wave=4), 256),
        (ClusterConfig(), WIDE, WIDE, Majority(), 32),
        (ClusterConfig(), WIDE, WIDE, BestOfN(n=10_000), 2),
        (ClusterConfig(), WIDE, SAYS_NOTHING, BestOfN(), 32),
        (ClusterConfig(), SAYS_NOTHING, SAYS_NOTHING, BestOfN(), 16),
        (ClusterConfig(scorer_replicas=3), SAYS_NOTHING, SAYS_NOTHING, BestOfN(), 48),
        (ClusterConfig(problems_in_flight=5), WIDE, WIDE, BestOfN(), 5),
    ],
    ids=[
        "both engines are filled twice over",
        "a smaller engine",
        "replicas",
        "a search in waves",
        "a search that asks no scorer",
        "never one alone",
        "an API is not counted",
        "two of them",
        "of the side with more",
        "what the config says",
    ],
)
def test_as_many_problems_are_in_flight_as_fill_the_engines(
    config: ClusterConfig, policy: Any, scorer: Any, strategy: Any, expected: int
) -> None:
    assert in_flight(config, policy, scorer, strategy) == expected


@pytest.mark.parametrize("kind", STRATEGIES)
def test_every_strategy_that_draws_several_at_once_says_how_many(kind: str) -> None:
    strategy: Any = strategy_class(kind)()
    assert 1 <= getattr(strategy, "at_once", 1) <= strategy.draws
    assert kind == "greedy" or strategy.at_once > 1


def test_a_search_by_rollouts_has_those_of_a_round_in_flight() -> None:
    assert Mcts(parallel=4, rollouts=3).at_once == 12
    assert Mcts(parallel=4, rollouts=3, value="judge").at_once == 4


def test_of_a_part_made_of_several_the_smallest_engine_counts() -> None:
    assert slots_of(Served(within=(VllmConfig(), VllmConfig(max_num_seqs=8))).traits) == 8
    assert slots_of(ScriptedPolicyConfig().traits) is None
    simulated = SimulatedPolicyConfig()
    small = replace(simulated, timing=replace(simulated.timing, slots=7))
    assert slots_of(small.traits) == 7


# Whose turn it is


@contextmanager
def waiting(*problems: tuple[str, int]) -> Iterator[Waiting]:
    """So many calls of each problem wait, in this order."""
    with asyncio.Runner() as runner:
        found = Waiting()
        futures = iter([runner.get_loop().create_future() for _ in range(1000)])
        asked = (call(name, child) for name, count in problems for child in range(count))
        for number, each in enumerate(asked):
            found.add(Ticket(number, each, next(futures)))
        yield found


def taken(found: Waiting, count: int) -> list[str]:
    return [found.take().call.path.problem.id for _ in range(count)]


def test_calls_go_in_the_order_of_asking_but_every_fourth_by_turns() -> None:
    with waiting(("first", 8), ("second", 8), ("late", 1)) as found:
        assert taken(found, 8) == [*["first"] * 3, "second", *["first"] * 3, "late"]
        assert taken(found, 9) == ["first", "first", *["second"] * 7]
        assert found.first() is None
        assert len(found) == 0


def test_a_search_that_begins_late_waits_for_no_more_than_a_few_calls_of_each_other() -> None:
    with waiting(*((f"early {number}", 100) for number in range(5)), ("late", 1)) as found:
        assert "late" in taken(found, FAIR_EVERY * 6)


def test_a_call_that_was_answered_meanwhile_is_forgotten() -> None:
    with waiting(("gone", 2), ("left", 1)) as found:
        for ticket in list(found)[:2]:
            ticket.answer.cancel()
        first = found.first()
        assert first is not None
        assert first.call.path.problem.id == "left"
        assert len(found) == 1
        assert [ticket.id for ticket in found.clear()] == [2]
        assert len(found) == 0


def test_a_late_problem_is_answered_while_a_large_one_still_waits() -> None:
    async def work() -> None:
        limits = PoolLimits(calls_in_flight=4, backoff_s=0.0)
        async with stage(limits=limits, port=Port) as scene:
            large = asyncio.ensure_future(
                scene.policy.extend([call("large", child) for child in range(200)])
            )
            await ticks(2)
            await scene.policy.extend([call("late")])
            assert not large.done()
            assert len(await large) == 200

    run(work())
