"""When replicas change sides, by hand; and that of two which take turns one is there."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from treewright.cluster.advice import SideLoad
from treewright.cluster.balance import LONGEST_S, Balancer, Change, Seen, fastest
from treewright.cluster.config import ClusterConfig
from treewright.cluster.in_flight import calls_at_once
from treewright.cluster.turns import Pair

# --- The arithmetic, by hand ----------------------------------------------------------------------


def hear(balancer: Balancer, seen: tuple[SideLoad, SideLoad], seconds: float = 1.0) -> Any:
    """Nothing is running, so that all has settled at the first look."""
    return balancer.hear(seconds, *(Seen(load, 0, 0) for load in seen))


def settled(window_s: float) -> Balancer:
    balancer = Balancer(window_s)
    assert hear(balancer, loads(2, 0.0, 2, 1.0)) is None
    return balancer


def loads(policies: int, busy: float, scorers: int, its: float) -> tuple[SideLoad, SideLoad]:
    return SideLoad("policy", policies, busy), SideLoad("verifier", scorers, its)


@pytest.mark.parametrize(
    ("seen", "split"),
    [
        (loads(2, 0.31, 2, 0.97), (1, 3)),  # 1 / 0.62 = 1.61 and 3 / 1.94 = 1.55, times 0.97
        (loads(2, 1.0, 2, 0.3), (3, 1)),
        (loads(2, 0.9, 2, 0.9), (2, 2)),
        (loads(1, 1.0, 3, 0.6), (2, 2)),  # work 1 and 1.8: 2 and 1.11, before 1
        (loads(4, 0.05, 4, 1.0), (1, 7)),  # one of each side stays
        (loads(1, 1.0, 1, 0.0), (1, 1)),
    ],
)
def test_the_fastest_split_keeps_one_of_each_side(
    seen: tuple[SideLoad, SideLoad], split: tuple[int, int]
) -> None:
    found = fastest(*seen)
    assert (found.policies, found.verifiers) == split


def test_a_window_is_measured_then_decided_and_a_change_goes_half_of_the_way() -> None:
    balancer = settled(window_s=3.0)
    heard = [hear(balancer, loads(8, 0.1, 8, 1.0)) for _ in range(3)]
    why = "the policy is busy 10 %, the verifier 100 %"
    # Work 0.8 and 8: 2 + 14 is 1.75 times as fast, 1 + 15 is 1.25 times.
    assert heard == [None, None, Change("scorer", 3, why)]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (loads(2, 0.1, 2, 0.79), "the busier side is not full: more problems at once would help"),
        (loads(2, 0.0, 2, 0.0), "nothing is asked"),
        (loads(2, 0.8, 2, 1.0), "another split would be hardly faster"),
        (loads(1, 0.2, 1, 1.0), "one of each side stays"),
    ],
)
def test_nothing_changes_without_a_gain(seen: tuple[SideLoad, SideLoad], why: str) -> None:
    assert hear(settled(window_s=1.0), seen) is None, why


def test_a_window_is_of_one_split_alone() -> None:
    balancer = settled(window_s=2.0)
    assert hear(balancer, loads(2, 0.0, 2, 1.0)) is None
    balancer.restart()
    for _ in range(3):  # what settles, and a window
        assert hear(balancer, loads(1, 1.0, 3, 1.0)) is None, "the window before was forgotten"


def test_nothing_is_measured_before_what_was_running_is_answered_nor_decided_on_less() -> None:
    policy, scorer = loads(2, 1.0, 2, 0.1)
    balancer = Balancer(window_s=1.0)

    def heard(drawn: int, judged: int) -> Change | None:
        return balancer.hear(1.0, Seen(policy, drawn, 4), Seen(scorer, judged, 2))

    looks = [(10, 0), (13, 9), (14, 1), (14, 2), (17, 9), (18, 3), (18, 4)]
    # The first four settle: 10 + 4 draws and 0 + 2 judgements. Then 14 + 4 and 2 + 2.
    assert [heard(*look) is not None for look in looks] == [False] * 4 + [False, False, True]


def test_who_takes_back_a_change_waits_twice_as_long() -> None:
    balancer = settled(window_s=1.0)
    to, fro = loads(2, 0.3, 2, 1.0), loads(2, 1.0, 2, 0.3)

    def seconds(seen: tuple[SideLoad, SideLoad]) -> int:
        return next(second for second in range(1, 1000) if hear(balancer, seen))

    assert [seconds(each) for each in (to, fro, to, to, fro, to)] == [1, 1, 2, 4, 4, 8]
    for _ in range(20):
        assert seconds(fro) <= LONGEST_S
        assert seconds(to) <= LONGEST_S


# --- Turns ----------------------------------------------------------------------------------------


def test_of_a_pair_one_is_there_at_a_time() -> None:
    async def work() -> None:
        pair = Pair("policy")
        policy, scorer = pair.turn("policy"), pair.turn("scorer")
        await policy.begin()
        waiting = asyncio.create_task(scorer.begin())
        pair.give("scorer")
        await asyncio.sleep(0)
        assert not waiting.done(), "the policy has not left"
        assert (policy.mine, scorer.mine) == (False, True)
        policy.end()
        policy.end()
        await waiting
        pair.give("policy")
        pair.give("scorer")
        await scorer.begin()  # it is there already

    asyncio.run(work())


def test_a_turn_that_is_taken_back_while_the_other_leaves_is_not_begun() -> None:
    async def work() -> None:
        pair = Pair("policy")
        policy, scorer = pair.turn("policy"), pair.turn("scorer")
        await policy.begin()
        pair.give("scorer")
        waiting = asyncio.create_task(scorer.begin())
        await asyncio.sleep(0)
        pair.give("policy")
        policy.end()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        await policy.begin()
        waiting.cancel()

    asyncio.run(work())


def test_calls_wait_where_they_can_go_to_whoever_wakes() -> None:
    still, elastic = ClusterConfig(), ClusterConfig(elastic=True)
    assert [calls_at_once(elastic, room) for room in (1, 16, 256, None)] == [2, 18, 288, 256]
    assert calls_at_once(replace(elastic, calls_in_flight=17), 16) == 17
    assert [calls_at_once(still, room) for room in (16, 1024, None)] == [256, 1152, 256]
    assert calls_at_once(replace(still, calls_in_flight=17), 1024) == 17
