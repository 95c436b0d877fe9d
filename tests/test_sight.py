"""What is seen of replicas: their engines' numbers, their time at work, and how it is shown."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from engines.stats import EngineStats, stats_of, together
from engines.vllm_stats import VllmStats
from pool_stage import Port, call, run, stage, ticks
from treewright.cluster.activity import Activity
from treewright.cluster.pool_stats import PoolStats, ReplicaStats, State
from treewright.cluster.replica import Info
from treewright.running.progress import BarProgress, PlainProgress, Tally
from treewright.running.replicas import figures, told
from treewright.running.sight import Sight, View


def scheduler(running: int, waiting: int, kv: float, queries: int, hits: int) -> Any:
    return SimpleNamespace(
        num_running_reqs=running,
        num_waiting_reqs=waiting,
        num_skipped_waiting_reqs=1,
        kv_cache_usage=kv,
        prefix_cache_stats=SimpleNamespace(queries=queries, hits=hits),
    )


def iteration(generated: int, computed: int, preempted: int) -> Any:
    return SimpleNamespace(
        num_generation_tokens=generated,
        prompt_token_stats=SimpleNamespace(computed=computed),
        num_preempted_reqs=preempted,
    )


def test_what_vllm_tells_at_each_step_is_added_up_and_its_state_is_the_last() -> None:
    stats = VllmStats()
    assert stats.now is None
    stats.record(scheduler(2, 3, 0.4, 100, 60), iteration(2, 40, 0), 0)
    stats.record(scheduler(4, 0, 0.3, 10, 0), iteration(4, 10, 1), 0)
    stats.record(None, iteration(1, 0, 0), 0)
    assert stats.now == EngineStats(4, 1, 0.3, 7, 50, 110, 60, 1)
    stats.record(scheduler(1, 1, 0.9, 0, 0), None, 1)  # another scheduler of the same engine
    assert stats.now == EngineStats(5, 3, 0.9, 7, 50, 110, 60, 1)


def test_engines_side_by_side_are_told_as_one_and_silent_ones_are_left_out() -> None:
    class Tells:
        def __init__(self, stats: EngineStats | None) -> None:
            self.engine_stats = lambda: stats

    one, two = EngineStats(1, 2, 0.5, 3, 4, 8, 2, 0), EngineStats(1, 0, 0.7, 1, 1, 2, 2, 5)
    parts = [Tells(one), object(), Tells(None), Tells(two)]
    assert together(parts) == EngineStats(2, 2, 0.7, 4, 5, 10, 4, 5)
    assert together([object()]) is None
    assert stats_of(object()) is None
    assert EngineStats().hit_share is None


def test_a_share_of_its_room_is_at_work_and_what_is_idle_is_known() -> None:
    slot = Activity(room=10)
    slot.heard(2.0, 0, EngineStats(running=9))  # nothing in flight: what the engine said is old
    slot.heard(1.0, 3, EngineStats(running=4, waiting=1, generated=7))  # a call is several
    slot.heard(1.0, 50, None)
    assert (slot.up_s, slot.busy_s) == (4.0, 0.5 + 1.0)
    assert Activity().share(1, None) == 1.0  # nobody knows its room


def test_the_counts_of_a_replica_that_died_stay() -> None:
    slot = Activity()
    slot.heard(1.0, 1, EngineStats(generated=10, hits=3, asked=4))
    slot.renewed()
    slot.heard(1.0, 1, EngineStats(generated=2, asked=4))
    assert slot.tokens == 12
    assert slot.engine is not None
    assert slot.engine.hit_share == 3 / 8
    slot.measure()
    assert (slot.tokens, slot.up_s) == (0, 0.0)
    slot.heard(1.0, 1, EngineStats(generated=5, asked=4))
    assert slot.tokens == 3


class Telling(Port):
    """A port whose engine tells its numbers."""

    def engine_stats(self) -> EngineStats:
        return EngineStats(running=len(self.running), generated=100)


def test_the_numbers_of_an_engine_come_with_the_poll_and_its_state_is_told() -> None:
    async def work() -> None:
        async with stage(2, Telling) as scene:
            await scene.policy.extend([call("p", child) for child in range(4)])
            await ticks()
            (one, other) = scene.pool.stats().each
            assert (one.state, other.state) == (State.SERVES, State.SERVES)
            assert {one.tokens, other.tokens} <= {0, 100}
            assert one.engine is not None or other.engine is not None
            scene.pool.measure()
            assert scene.pool.stats().busy is None
            asked = asyncio.create_task(scene.policy.extend([call("wait", 1)]))
            await asyncio.sleep(0.05)
            scene.ports[0].gate.set()
            scene.ports[1].gate.set()
            await asked
            await ticks()
            assert scene.pool.stats().busy == 1.0  # of the one that was heard

    run(work())


def replica(number: int = 1, **more: Any) -> ReplicaStats:
    stats = EngineStats(12, 3, 0.41, 5000, 0, 100, 71, 2)
    base = ReplicaStats(
        *(number, State.SERVES, "10.0.0.2", "1", 1.0, "GPU 1 of 10.0.0.2", 15, stats),
        *(5000, 100.0, 31.0, 12.5, 3.25, 0.5),
    )
    return replace(base, **more)


def pool(*each: ReplicaStats) -> PoolStats:
    load = tuple(one.calls for one in each)
    info: Info = {"pid": 1}
    infos = (info,) * len(each)
    return PoolStats(9, 0, 0, 0, 0, 0, sum(load), len(each), load, infos, (), each)


def shown() -> dict[str, PoolStats]:
    away = {"node": "10.0.0.1", "gpu": "0", "computes_on": "GPU 0 of 10.0.0.1"}
    return {
        "policy": pool(replica(1), replica(2, **{**away, "computes_on": "x"})),
        "scorer": pool(*(replica(n, busy_s=97.0, **away) for n in (1, 2))),
    }


def test_replicas_are_shown_by_node_and_gpu_with_one_line_of_advice() -> None:
    clock = iter((0.0, 10.0))
    found = shown()
    sight = Sight(lambda: found, lambda: next(clock))
    assert next(sight.look().lines()).startswith("10.0.0.1 GPU 0: policy 2 serves, running 12")
    gone = replica(2, state=State.GIVEN_UP, node="", gpu="")
    found["policy"] = pool(replica(1, tokens=6230), gone)
    assert list(sight.look().lines())[:5] == [
        "10.0.0.1 GPU 0: scorer 1 serves, running 12, waiting 3, tokens/s 0, KV use 41 %, "
        "cache hits 71 %, preempted 2, idle 3 %",
        "10.0.0.1 GPU 0: scorer 2 serves, running 12, waiting 3, tokens/s 0, KV use 41 %, "
        "cache hits 71 %, preempted 2, idle 3 %",
        "10.0.0.2 GPU 1: policy 1 serves, running 12, waiting 3, tokens/s 123, KV use 41 %, "
        "cache hits 71 %, preempted 2, idle 69 %",
        "–: policy 2 given up, running 12, waiting 3, tokens/s 0, KV use 41 %, cache hits 71 %, "
        "preempted 2, idle 69 %",
        "idle: policy 69 %, scorer 3 %",
    ]


def test_json_has_a_session_of_each_replica_and_null_is_unknown() -> None:
    known = figures(replica())
    assert (known["running"], known["tokens_per_s"], known["kv_use"]) == (12.5, 50.0, 0.5)
    assert (known["node"], known["gpu"], known["idle_share"]) == ("10.0.0.2", "1", 0.69)
    silent = figures(replica(engine=None, up_s=0.0, gpu="", node=""))
    unknown = {name for name, value in silent.items() if value is None}
    assert unknown == known.keys() - {"replica", "state"}
    sides = told(shown())
    assert str(sides["advice"]).endswith("1 + 3 would be about 1.5 × as fast")
    assert isinstance(sides["scorer"], dict)
    assert sides["scorer"]["idle_share"] == 0.03


def test_nothing_is_advised_of_too_little_or_where_one_side_is_not_asked() -> None:
    found = shown()
    unasked = replace(found["scorer"], replies=0, in_flight=0)
    assert "advice" not in told({**found, "scorer": unasked})
    assert "advice" not in told({**found, "scorer": pool(replica(1, up_s=5.0))})


@pytest.mark.parametrize("kind", [PlainProgress, BarProgress])
def test_the_display_shows_them_at_the_end(kind: Any, capsys: pytest.CaptureFixture[str]) -> None:
    progress = kind(Tally(3))
    progress.show(View())
    progress.last(Sight(shown).look(back=True))
    if kind is BarProgress:
        progress.bar.refresh()
        progress.bar.console.print(*progress.bar.get_renderables())
    told = capsys.readouterr().err
    assert "10.0.0.2" in told
    assert "1.5 × as fast" in told
