"""A pilot: a few problems of a config, really run, to tell what all of them will take.

It runs in a temporary folder that is gone afterwards: what it measures is time, so it must ask
afresh each time (what a journal or a cache holds takes none), and what it left behind would be
taken for a run by all who read runs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.datasets import Dataset, Sample, load_dataset
from benchmarks.grading import open_grader
from search.fault import Fault
from treewright.arms.scored import Scored
from treewright.arms.solved import Solved
from treewright.cluster.pool_stats import PoolStats
from treewright.config.config import Config
from treewright.expected import Expected, Seen, expected
from treewright.journal.journal import Journal
from treewright.ledger import Ledger
from treewright.running.progress import Tally
from treewright.running.replay import Replay, Scoring
from treewright.running.session import Session, Site, open_site, problems_at_once, scorer_asked


class PilotFailed(Fault):
    """No problem of a pilot ended with all judgements. One line: the first failure."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Pilot:
    """What it saw, and what a whole run is expected to take."""

    seen: Seen
    expected: Expected


async def run_pilot(config: Config, size: int) -> Pilot:
    """Run so many problems of a config and measure them.

    Raises:
        PilotFailed: none of them ended, or it was told to stop.
        ClusterError: the engines do not start.
        DatasetError: the data cannot be had or used.
    """
    dataset = load_dataset(config.dataset)
    few = replace(dataset, samples=drawn(dataset.samples, size), bad_rows=[])
    with (
        TemporaryDirectory(prefix="treewright-pilot-") as folder,
        Journal.open(Path(folder) / "journal", durable=False) as journal,
    ):
        seen = await _run(config, few, journal)
    at_once = problems_at_once(config)
    price = config.cluster.gpu_hour_price
    return Pilot(seen, expected(seen, len(dataset.samples), at_once, price))


def drawn(samples: Sequence[Sample], size: int) -> list[Sample]:
    """So many of them at random, the same ones each time, in their order: data may be sorted."""
    places = random.Random(0).sample(range(len(samples)), min(size, len(samples)))
    return [samples[place] for place in sorted(places)]


async def _run(config: Config, dataset: Dataset, journal: Journal) -> Seen:
    session = Session(config, dataset, journal)
    tally = Tally(len(dataset.samples), noun="problems of the pilot")
    async with open_grader(config.grading) as grader:
        replay = Replay.of(config, journal, grader, reading=False)
        session.known = await replay.all(dataset.samples, Scoring.by(config))
        began = time.monotonic()
        scorer = scorer_asked(config)
        async with open_site(config.cluster, config.policy, scorer, tally) as site:
            start_s = time.monotonic() - began
            await session.ask(replay.grading, site, site.ports.policy, site.ports.scorer)
            return _seen(session, site, start_s)


def _seen(session: Session, site: Site, start_s: float) -> Seen:
    known = session.known
    if len(known.results) + len(known.failed) < len(known.pending):
        raise PilotFailed("the pilot was stopped, so it tells nothing")
    judged = [item for item in known.results if item.unjudged is None]
    failures = [item.failure for item in known.failed]
    failures += [item.unjudged for item in known.results if item.unjudged is not None]
    if not judged:
        raise PilotFailed(f"no problem of the pilot ended: {failures[0].message}")
    ledgers = [ledger_of(item) for item in judged]
    stats = list(site.ports.stats().values())
    return Seen(
        generated=[both(each.policy.generated, each.verifier.generated) for each in ledgers],
        prompt=[both(each.policy.prompt, each.verifier.prompt) for each in ledgers],
        failed=len(failures),
        seconds=site.tally.seconds,
        start_s=start_s,
        busy=busier(stats),
        gpus=sum(each.gpus for pool in stats for each in pool.each),
    )


def ledger_of(item: Solved | Scored) -> Ledger:
    """What a search cost."""
    return item.ledger if isinstance(item, Scored) else Ledger.of([item.search])


def both(policy: int | None, verifier: int | None) -> int | None:
    """The sum, None where one is unknown."""
    return None if policy is None or verifier is None else policy + verifier


def busier(stats: Iterable[PoolStats]) -> float | None:
    """The share for which the busier side was at work."""
    shares = [pool.busy for pool in stats if pool.busy is not None]
    return max(shares, default=None)
