"""What a replica's actor gives to Ray's metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.stats import EngineStats
from treewright.cluster.cluster import load_ray

Told = list[tuple[str, float, Mapping[str, str]]]


def exported(told: Told, clock: list[float]) -> Any:
    load_ray(None)  # Ray reads its environment when it is imported
    from treewright.cluster.prometheus import Exported

    class Metric:
        def __init__(self, name: str, about: str, tag_keys: tuple[str, ...]) -> None:
            assert about.endswith(".")
            self.name = name

        def set(self, value: float, tags: Mapping[str, str]) -> None:
            told.append((self.name, value, tags))

        inc = set

    return Exported("scorer", Metric, Metric, lambda: clock[0])


def test_gauges_are_set_and_counters_get_what_is_new_once_a_second() -> None:
    told: Told = []
    clock = [0.0]
    metrics = exported(told, clock)
    metrics.tell(5, EngineStats(2, 3, 0.5, generated=10, read=7, asked=9, hits=4))
    first = {name.removeprefix("treewright_"): value for name, value, _ in told}
    assert first == {
        **{"calls": 5, "running_requests": 2, "waiting_requests": 3, "kv_cache_use": 0.5},
        **{"generated_tokens": 10, "prompt_tokens": 7},
        **{"prefix_cache_asked_tokens": 9, "prefix_cache_hit_tokens": 4},
    }
    assert all(tags == {"side": "scorer"} for _, _, tags in told)
    told.clear()
    metrics.tell(5, EngineStats(generated=11))
    assert not told
    clock[0] = 1.0
    metrics.tell(0, EngineStats(2, 3, 0.5, generated=15, read=7, asked=9, hits=4, preemptions=1))
    new = {name: value for name, value, _ in told}
    assert new["treewright_generated_tokens"] == 5
    assert new["treewright_preemptions"] == 1
    assert "treewright_prompt_tokens" not in new


def test_of_an_engine_that_tells_nothing_there_are_the_calls() -> None:
    told: Told = []
    exported(told, [0.0]).tell(3, None)
    assert [(name, value) for name, value, _ in told] == [("treewright_calls", 3)]
