"""A session: one time that a process works on a run. Replay, ask for the rest, measure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from benchmarks.datasets import Dataset
from benchmarks.grading import open_grader
from engines.traits import Part, contest_of, traits_of
from scorers.no_scorer import NoScorerConfig
from search.custom import PartError
from search.ports import Policy, Scorer
from treewright.arms.arm import Arm, arms_of
from treewright.arms.graded import Graded
from treewright.arms.scored import Scored
from treewright.arms.solved import Solved
from treewright.caching.opening import cached, used
from treewright.cluster.cluster import ClusterError, Ports, open_cluster
from treewright.cluster.config import ClusterConfig
from treewright.cluster.in_flight import in_flight
from treewright.config.config import Config
from treewright.config.sources import steered_by_own_code
from treewright.journal.journal import Journal
from treewright.running.controller import Controller, Failed, Grading
from treewright.running.ending import Ending, ending
from treewright.running.gpu_hours import SharedGpus
from treewright.running.memory import JournalMemory, SparedScorer, noted_failures
from treewright.running.progress import Progress, Tally, add_spent, open_progress
from treewright.running.replay import Known, Replay, Scoring
from treewright.running.replicas import incidents, told
from treewright.running.sight import Sight
from treewright.running.stopping import listen
from treewright.terminal import line

SHOWN_S = 1.0
"""How often the display of the replicas changes."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where searches run: engines that are up, the display, and the word to begin no more."""

    ports: Ports
    tally: Tally
    progress: Progress
    stop: asyncio.Event
    gpus: SharedGpus


@asynccontextmanager
async def open_site(
    cluster: ClusterConfig,
    policy: Part,
    scorer: Part,
    tally: Tally,
    gpus: SharedGpus | None = None,
) -> AsyncIterator[Site]:
    """Show progress, heed signals and keep the engines up while the block lasts.

    `gpus` counts the time of its GPUs, from before they start. The first signal to stop sets
    `stop`, the next one cancels the task that opened the site. Raises `ClusterError` when the
    engines do not start.
    """
    with open_progress(tally) as progress, listen(progress.say) as stopping:
        progress.say(f"starting {replicas(cluster, policy, scorer)}")

        def tell(words: str) -> None:  # an engine's own, among others
            progress.say(line(words))

        counted = gpus or SharedGpus()
        async with open_cluster(cluster, policy, scorer, tell, counted.meter) as ports:
            stopping.draining = True
            progress.say(f"ready after {tally.seconds:.0f} s")
            tally.start()
            async with watching(ports, progress):
                yield Site(ports, tally, progress, stopping.asked, counted)
            for side, stats in ports.stats().items():
                for words in incidents(side, stats):
                    progress.say(line(words))


@asynccontextmanager
async def watching(ports: Ports, progress: Progress) -> AsyncIterator[None]:
    """Show what the replicas are doing while the block lasts, and once more at its end."""
    sight = Sight(ports.stats)

    async def show() -> None:
        while True:
            progress.show(sight.look())
            await asyncio.sleep(SHOWN_S)

    showing = asyncio.create_task(show())
    try:
        yield
    finally:
        showing.cancel()
    progress.last(sight.look(back=True))


@dataclass
class Session:
    """One time that this process works on a run, and what is known of its problems meanwhile."""

    config: Config
    dataset: Dataset
    journal: Journal
    known: Known = field(default_factory=Known)
    replicas: dict[str, object] = field(default_factory=dict)
    """What became of those that it asked; empty where it asked none."""

    async def finish(self, site: Site | None = None) -> Ending:
        """Finish the run as far as it can be finished: at this site, or at one of its own.

        Raises CancelledError when it was aborted.
        """
        async with open_grader(self.config.grading) as grader:
            replay = Replay.of(self.config, self.journal, grader, reading=False)
            self.known = await replay.all(self.dataset.samples, Scoring.by(self.config))
            if site is not None:
                await self.search(replay.grading, site)
            elif self.known.pending:
                await self.search_here(replay.grading)
        self.known.book_lost(self.journal)
        return replace(ending(self.config, self.dataset, self.known), replicas=self.replicas)

    async def search_here(self, grading: Grading) -> None:
        """Search what is pending at a site of its own. Raises `ClusterError`."""
        cluster, scorer, gpus = self.config.cluster, scorer_asked(self.config), SharedGpus()
        tally = Tally(len(self.dataset.samples))
        opening = open_site(cluster, self.config.policy, scorer, tally, gpus)
        try:
            async with gpus.held(self.journal), opening as site:
                await self.search(grading, site)
        except ClusterError as error:
            self.replicas = told(error.stats) if error.stats else {}
            raise

    async def search(self, grading: Grading, site: Site) -> None:
        """Search what is pending; what was replayed counts as done before."""
        before: list[Solved | Scored | Failed] = [*self.known.results, *self.known.failed]
        for item in before:
            self.count(item, site.tally)
        site.tally.resumed += len(before)
        config, ports, say = self.config, site.ports, site.progress.say
        caching = cached(config, used(config), ports.policy, ports.scorer, say)
        try:
            async with site.gpus.held(self.journal), caching as (policy, scorer):
                await self.ask(grading, site, policy, scorer)
        finally:
            self.replicas = told(ports.stats())

    async def ask(self, grading: Grading, site: Site, policy: Policy, scorer: Scorer) -> None:
        """Search what is pending over these ports."""
        controller = Controller(
            strategy=self.config.strategy,
            policy=policy,
            scorer=SparedScorer(scorer, noted_failures(self.journal, final=True)),
            memory=JournalMemory(self.journal, add_spent(site.tally)),
            journal=self.journal,
            grading=grading,
            seed=self.config.seed,
            on_done=lambda item: self.done(item, site),
            keep_results=steered_by_own_code(self.config),
            goes_on=traits_of(self.config.scorer).goes_on,
            contest=contest_of(self.config.scorer, self.config.strategy),
        )
        await controller.search_all(self.known.pending, problems_at_once(self.config), site.stop)

    def done(self, item: Solved | Failed, site: Site) -> None:
        """One problem ended: keep it and show it."""
        self.known.keep(item, Scoring.by(self.config))
        self.count(item, site.tally)
        site.progress.update()

    def count(self, item: Solved | Scored | Failed, tally: Tally) -> None:
        """Book one problem in the figures of the progress display."""
        tally.done += 1
        if isinstance(item, Failed):
            tally.failed += 1
            return
        for arm, right in running_arms(item, self.config).items():
            tally.book(arm, right)


def scorer_asked(config: Config) -> Part:
    """The scorer to start: none for a strategy that asks none, whatever is configured."""
    return config.scorer if config.strategy.judges else NoScorerConfig()


def problems_at_once(config: Config) -> int:
    """How many problems are searched side by side."""
    return in_flight(config.cluster, config.policy, config.scorer, config.strategy)


def replicas(cluster: ClusterConfig, policy: Part, scorer: Part) -> str:
    """`replicas: 1 policy, 2 scorer (ray)`; of elastic ones those that are awake first."""
    counts = {"policy": cluster.policy_replicas, "scorer": cluster.scorer_replicas}
    parts = {"policy": policy, "scorer": scorer}
    sides = [f"{counts[side]} {side}" for side, part in parts.items() if not traits_of(part).idle]
    how = f"{cluster.backend}, elastic" if cluster.elastic else cluster.backend
    return f"replicas: {', '.join(sides)} ({how})"


def graded(item: Solved | Scored, arm: Arm, config: Config) -> Graded:
    """A problem as an arm sees it. Raises `PartError` for an aggregation that fails."""
    if isinstance(item, Scored):
        return item.graded
    return Graded.of(item, [arm.aggregation], config.missing)


def running_arms(item: Solved | Scored, config: Config) -> dict[str, bool | None]:
    """Whether pass@1 and the first configured aggregation x best got this problem right.

    None where the table leaves the problem out: it was not scored, or could not be graded.
    """
    verified = arms_of(config.aggregate[:1], ["best"])
    arms = [Arm("first"), *(verified if config.strategy.judges else [Arm("majority")])]
    right: dict[str, bool | None] = {}
    for arm in arms:
        try:
            share, _ = graded(item, arm, config).first(arm)
        except PartError:  # told with the table, when the paid work is done
            right[str(arm)] = None
            continue
        right[str(arm)] = bool(share.right) if share.decided else None
    return right
