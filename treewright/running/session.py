"""One session at a run: replay what the journal holds, ask for the rest, measure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from benchmarks.datasets import Dataset, Sample
from benchmarks.grading import GradingConfig, Outcome, open_grader
from scorers.no_scorer import NoScorerConfig
from search.aggregation import Aggregator
from search.custom import PartError
from search.ports import Failure, FailureKind, goes_on
from treewright.cluster.cluster import Ports, open_cluster
from treewright.cluster.config import ClusterConfig
from treewright.cluster.pool_stats import PoolStats
from treewright.config.config import Config
from treewright.config.sources import steered_by_own_code
from treewright.journal.journal import Journal
from treewright.metrics import UNDECIDED, Metrics, Reporting, Solved, choose, measure, outcome_of
from treewright.running.controller import Controller, Failed, Grading
from treewright.running.memory import RunMemory, SparedScorer, noted_failures
from treewright.running.progress import Progress, Tally, add_spent, open_progress
from treewright.running.replay import Replayed, replay
from treewright.running.run_folder import Status
from treewright.running.stopping import listen
from treewright.running.wasted import lost, with_lost
from treewright.terminal import line


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended: the figures, every failure, and how many problems were not reached."""

    metrics: Metrics
    failed: list[Failed]
    pending: int

    @property
    def status(self) -> Status:
        """What STATUS says afterwards."""
        if self.pending:
            return Status.INTERRUPTED
        again = any(not item.failure.kind.final for item in self.failed)
        return Status.INCOMPLETE if again else Status.COMPLETE


@dataclass(frozen=True, slots=True)
class Site:
    """Where searches run: engines that are up, the display, and the word to begin no more."""

    ports: Ports
    tally: Tally
    progress: Progress
    stop: asyncio.Event


@asynccontextmanager
async def open_site(
    cluster: ClusterConfig, policy: object, scorer: object, tally: Tally
) -> AsyncIterator[Site]:
    """Show progress, heed signals and keep the engines up while the block lasts.

    The first signal to stop sets `stop`, the next one cancels the task that opened the site. Raises
    `ClusterError` when the engines do not start.
    """
    with open_progress(tally) as progress, listen(progress.say) as stopping:
        progress.say(f"starting {replicas(cluster, scorer)}")

        def tell(words: str) -> None:  # an engine's own, among others
            progress.say(line(words))

        async with open_cluster(cluster, policy, scorer, tell) as ports:
            stopping.draining = True
            progress.say(f"ready after {tally.seconds:.0f} s")
            tally.start()
            yield Site(ports, tally, progress, stopping.asked)
            for side, stats in ports.stats().items():
                if stats.deaths:
                    progress.say(incidents(side, stats))


@dataclass
class Session:
    """What is known of every problem of the run."""

    config: Config
    dataset: Dataset
    journal: Journal
    solved: list[Solved] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    async def run(self, site: Site | None = None) -> Ending:
        """Finish the run as far as it can be finished: at this site, or at one of its own.

        Raises CancelledError when it was aborted.
        """
        async with open_grader(self.config.grading) as grader:
            grading = Grading(self.config.grading, grader, self.journal)
            pending = (await self.replay(grading, retry=True)).pending
            if site is not None:
                await self.search(pending, grading, site)
            elif pending:
                cluster, scorer = self.config.cluster, scorer_asked(self.config)
                tally = Tally(len(self.dataset.samples))
                async with open_site(cluster, self.config.policy, scorer, tally) as own:
                    await self.search(pending, grading, own)
        return self.ending()

    async def read(self, limits: GradingConfig | None = None) -> Ending:
        """Measure what the journal holds, asking nobody and writing nothing.

        `limits`: of what is graded now; None: those of the config.
        """
        async with open_grader(limits or self.config.grading) as grader:
            grading = Grading(self.config.grading, grader, self.journal, readonly=True)
            await self.replay(grading, retry=False)
        return self.ending()

    async def replay(self, grading: Grading, *, retry: bool) -> Replayed:
        """Take over what the journal answers."""
        recorded = await replay(
            self.dataset.samples,
            self.config.strategy,
            self.journal,
            grading,
            self.config.seed,
            retry=retry,
            goes_on=goes_on(self.config.scorer),
        )
        self.solved.extend(recorded.solved)
        self.failed.extend(recorded.failed)
        return recorded

    async def search(self, pending: Sequence[Sample], grading: Grading, site: Site) -> None:
        """Search what is pending; what was replayed counts as done before."""
        known: list[Solved | Failed] = [*self.solved, *self.failed]
        for item in known:
            self.count(item, site.tally)
        site.tally.resumed += len(known)
        scorer = SparedScorer(site.ports.scorer, noted_failures(self.journal, final=True))
        controller = Controller(
            strategy=self.config.strategy,
            policy=site.ports.policy,
            scorer=scorer,
            memory=RunMemory(self.journal, add_spent(site.tally)),
            journal=self.journal,
            grading=grading,
            seed=self.config.seed,
            on_done=lambda item: self.done(item, site),
            keep_results=steered_by_own_code(self.config),
            goes_on=goes_on(self.config.scorer),
        )
        await controller.run(pending, self.config.cluster.problems_in_flight, site.stop)

    def done(self, item: Solved | Failed, site: Site) -> None:
        """One problem ended: keep it and show it."""
        if isinstance(item, Solved):
            self.solved.append(item)
        else:
            self.failed.append(item)
        self.count(item, site.tally)
        site.progress.update()

    def count(self, item: Solved | Failed, tally: Tally) -> None:
        """Book one problem in the figures of the progress display."""
        tally.done += 1
        if isinstance(item, Failed):
            tally.failed += 1
            return
        for arm, right in running_arms(item, self.config).items():
            tally.book(arm, right)

    def ending(self) -> Ending:
        """The figures over all that is known now."""
        bad_rows = [
            Failed(row.id, Failure(FailureKind.INVALID, f"row {row.number}: {row.reason}"))
            for row in self.dataset.bad_rows
        ]
        unscored = [
            Failed(item.problem_id, failure) for item in self.solved if (failure := unjudged(item))
        ]
        failed = [*bad_rows, *self.failed, *unscored]
        problems = len(self.dataset.samples) + len(bad_rows)
        pending = problems - len(bad_rows) - len(self.solved) - len(self.failed)
        metrics = measure(self.solved, len(failed), problems, reporting(self.config))
        again = [item for item in self.solved if item.problem_id in self.journal.failed]
        booked = {item.problem_id: item.search.costs for item in again}
        spent = lost(self.journal, booked, [item.problem_id for item in self.failed])
        ledger = with_lost(metrics.ledger, spent)
        return Ending(replace(metrics, ledger=ledger), failed, pending)


def unjudged(item: Solved) -> Failure | None:
    """Why a path of this problem was not judged, None where all were.

    Of several failures one that resume asks again, and then the first by path.
    """
    failures = item.search.failures.items()
    told = min(failures, key=lambda pair: (pair[1].kind.final, pair[0]), default=None)
    return told[1] if told else None


def scorer_asked(config: Config) -> object:
    """The scorer to start: none for a strategy that asks none, whatever is configured."""
    return config.scorer if config.strategy.judges else NoScorerConfig()


def replicas(cluster: ClusterConfig, scorer: object) -> str:
    """`replicas: 1 policy, 2 scorer (ray)`."""
    sides = [f"{cluster.policy_replicas} policy"]
    if not isinstance(scorer, NoScorerConfig):
        sides.append(f"{cluster.scorer_replicas} scorer")
    return f"replicas: {', '.join(sides)} ({cluster.backend})"


def incidents(side: str, stats: PoolStats) -> str:
    """What the table cannot know: how often a replica died, and what is lost with it."""
    return (
        f"{side}: {stats.deaths} deaths of a replica, {stats.retries} calls asked again; "
        f"the tokens of {stats.lost_calls} lost attempts are not in the ledger"
    )


def reporting(config: Config) -> Reporting:
    """The part of a config that only the table depends on."""
    aggregators = tuple(Aggregator.parse(name) for name in config.aggregate)
    return Reporting(aggregators, config.select, config.missing)


def running_arms(item: Solved, config: Config) -> dict[str, bool | None]:
    """Whether pass@1 and the first configured aggregation x best got this problem right.

    None where the table leaves the problem out: it was not scored, or could not be graded.
    """
    how = reporting(config)
    n = len(item.search.result.candidates)
    arms: list[tuple[Aggregator | None, str]] = [(None, "first")]
    if config.strategy.judges:
        arms += [(aggregator, "best") for aggregator in how.aggregate[:1]]
    else:
        arms += [(None, "majority")]
    right: dict[str, bool | None] = {}
    for aggregator, selection in arms:
        arm = f"{aggregator}+{selection}" if aggregator else selection
        try:
            choice = choose(item, aggregator, selection, n, how.missing)
        except PartError:  # told with the table, when the paid work is done
            right[arm] = None
            continue
        outcome = outcome_of(item, choice)
        undecided = choice.unscored or outcome in UNDECIDED
        right[arm] = None if undecided else outcome is Outcome.CORRECT
    return right
