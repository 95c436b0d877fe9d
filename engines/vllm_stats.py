"""vLLM's own statistics, as it tells them at each step to whoever listens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engines.stats import EngineStats


class VllmStats:
    """Adds up what one engine tells. Written by the thread that steps, read by any."""

    def __init__(self) -> None:
        self.now: EngineStats | None = None
        """None before the first step, and where vLLM was told to keep no statistics."""
        self._schedulers: dict[int, tuple[int, int, float]] = {}

    def record(self, scheduler: Any, iteration: Any, index: int) -> None:
        """Take in one step: a `SchedulerStats` of scheduler `index`, and an `IterationStats`."""
        now = self.now or EngineStats()
        if scheduler is not None:
            waiting = scheduler.num_waiting_reqs + scheduler.num_skipped_waiting_reqs
            state = scheduler.num_running_reqs, waiting, scheduler.kv_cache_usage
            self._schedulers[index] = state
            cache = scheduler.prefix_cache_stats
            now = replace(now, asked=now.asked + cache.queries, hits=now.hits + cache.hits)
        if iteration is not None:
            now = replace(
                now,
                generated=now.generated + iteration.num_generation_tokens,
                read=now.read + iteration.prompt_token_stats.computed,
                preemptions=now.preemptions + iteration.num_preempted_reqs,
            )
        states = self._schedulers.values()
        self.now = replace(
            now,
            running=sum(running for running, _, _ in states),
            waiting=sum(waiting for _, waiting, _ in states),
            kv_use=max((use for _, _, use in states), default=0.0),
        )


def listener(stats: VllmStats) -> Any:
    """A class of stat loggers, for vLLM to make one of, that tells `stats` and writes nothing.

    vLLM makes a `PrometheusStatLogger` unless it is given one: that would observe a histogram for
    every token. This one takes its place.
    """
    from vllm.v1.metrics.loggers import PrometheusStatLogger

    class Listener(PrometheusStatLogger):  # type: ignore[misc]  # vLLM is untyped here
        def __init__(self, vllm_config: Any, engine_indexes: Any = None) -> None:
            pass

        def record(
            self,
            scheduler_stats: Any,
            iteration_stats: Any,
            mm_cache_stats: Any = None,
            engine_idx: int = 0,
        ) -> None:
            stats.record(scheduler_stats, iteration_stats, engine_idx)

        def log_engine_initialized(self) -> None:
            pass

        def log(self) -> None:
            pass

        def record_sleep_state(self, sleep: int = 0, level: int = 0) -> None:
            pass

        def record_admission_rejection(self, reason: str) -> None:
            pass

    return Listener
