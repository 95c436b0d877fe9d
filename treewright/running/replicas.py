"""What became of a session's replicas: on the screen, in `--json` and in the run's folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from treewright.cluster.advice import SideLoad, advice
from treewright.cluster.pool_stats import PoolStats, ReplicaStats, State

FILE = "replicas.json"
"""Of the last session that asked for any."""
MEASURED_S = 10.0
"""For so long replicas must have been seen at work before anything is advised."""


def told(stats: Mapping[str, PoolStats]) -> dict[str, object]:
    """By side: how many were asked for and came, why the others did not, and what died.

    Of each: where it is, and its figures over the session. `advice`, where there is any.
    """
    sides: dict[str, object] = {
        side: {
            "replicas": len(each.load),
            "came": sum(map(bool, each.infos)),
            "asleep": sum(one.state is State.ASLEEP for one in each.each),
            "never_came": dict(missing(each)),
            "deaths": each.deaths,
            "asked_again": each.retries,
            "lost_calls": each.lost_calls,
            "idle_share": None if each.busy is None else round(1 - each.busy, 4),
            "each": [figures(one) for one in each.each],
        }
        for side, each in stats.items()
    }
    words = advised(stats)
    return sides | ({"advice": words} if words else {})


def figures(each: ReplicaStats) -> dict[str, object]:
    """Of one replica over the session; null is unknown.

    `running` and `waiting` requests are means over its time, `kv_use` is the most there was.
    """
    engine = each.engine
    hits = engine.hit_share if engine else None
    return {
        "replica": each.number,
        "node": each.node or None,
        "gpu": each.gpu or None,
        "state": each.state.value,
        "running": round(each.mean_running, 2) if engine else None,
        "waiting": round(each.mean_waiting, 2) if engine else None,
        "tokens_per_s": round(each.tokens / each.up_s, 1) if each.up_s else None,
        "kv_use": round(each.kv_most, 4) if engine else None,
        "prefix_cache_hits": None if hits is None else round(hits, 4),
        "preemptions": engine.preemptions if engine else None,
        "idle_share": None if each.busy is None else round(1 - each.busy, 4),
    }


def missing(stats: PoolStats) -> Counter[str]:
    """How many replicas failed to start for each cause, and never came."""
    return Counter(cause for cause in stats.missing if cause)


def advised(stats: Mapping[str, PoolStats]) -> str | None:
    """One line of advice; None where too little was seen, or one side is not asked at all.

    Nor where replicas change sides by themselves.
    """
    loads, places = [], []
    for name, key in (("policy", "policy"), ("verifier", "scorer")):
        if (side := stats.get(key)) is None:
            return None
        there = [each for each in side.each if each.state is State.SERVES]
        seen = max((each.up_s for each in there), default=0.0)
        if any(each.state is State.ASLEEP for each in side.each):
            return None
        if side.busy is None or seen < MEASURED_S or not (side.replies or side.in_flight):
            return None
        gpus = max(each.gpus for each in there)
        loads.append(SideLoad(name, len(there), side.busy, gpus, side.short))
        places.append({each.computes_on for each in there} - {""})
    policy, verifier = loads
    return advice(policy, verifier, shared=bool(places[0] & places[1]))


def incidents(side: str, stats: PoolStats) -> Iterator[str]:
    """What the table cannot know, in lines: who never came, who died, and what was lost."""
    for cause, count in missing(stats).items():
        yield f"{side}: {count} of {len(stats.load)} replicas never came: {cause}"
    if stats.deaths:
        yield (
            f"{side}: {stats.deaths} deaths of a replica, {stats.retries} calls asked again; "
            f"the tokens of {stats.lost_calls} lost attempts are not in the ledger"
        )
