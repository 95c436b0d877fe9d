"""What became of a session's replicas: on the screen, in `--json` and in the run's folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from treewright.cluster.pool_stats import PoolStats

FILE = "replicas.json"
"""Of the last session that asked for any."""


def told(stats: Mapping[str, PoolStats]) -> dict[str, dict[str, object]]:
    """By side: how many were asked for and came, why the others did not, and what died."""
    return {
        side: {
            "replicas": len(each.load),
            "came": sum(map(bool, each.infos)),
            "never_came": dict(missing(each)),
            "deaths": each.deaths,
            "asked_again": each.retries,
            "lost_calls": each.lost_calls,
        }
        for side, each in stats.items()
    }


def missing(stats: PoolStats) -> Counter[str]:
    """How many replicas failed to start for each cause, and never came."""
    return Counter(cause for cause in stats.missing if cause)


def incidents(side: str, stats: PoolStats) -> Iterator[str]:
    """What the table cannot know, in lines: who never came, who died, and what was lost."""
    for cause, count in missing(stats).items():
        yield f"{side}: {count} of {len(stats.load)} replicas never came: {cause}"
    if stats.deaths:
        yield (
            f"{side}: {stats.deaths} deaths of a replica, {stats.retries} calls asked again; "
            f"the tokens of {stats.lost_calls} lost attempts are not in the ledger"
        )
