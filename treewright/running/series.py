"""A series of runs, several at a time on one set of engines, each in its own run folder.

What is complete is left as it is, so the same series given again does what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from benchmarks.datasets import Dataset, load_dataset
from scorers.no_scorer import NoScorerConfig
from search.fault import Fault
from search.gather import gather
from treewright.cluster.cluster import ClusterError
from treewright.config.config import Config
from treewright.running.experiment import at_work, conclude, create, find
from treewright.running.progress import Tally
from treewright.running.run_folder import RunFolder, Status
from treewright.running.session import Session, Site, open_site
from treewright.terminal import clean


class SeriesError(Fault):
    """Runs that cannot share their engines. One line: which differ, and in what."""

    exit_code = 2


@dataclass(frozen=True)
class Run:
    """One run of a series; `folder` is None until it has begun.

    `about`: what tells it from the others of its name, empty where nothing need.
    """

    config: Config
    dataset: Dataset
    folder: RunFolder | None
    about: str = ""

    @classmethod
    def of(cls, config: Config, dataset: Dataset, about: str = "") -> Run:
        """The run of this config, begun or not."""
        return cls(config, dataset, find(config, dataset), about)

    @property
    def told(self) -> str:
        """Its folder, and what tells it from the others."""
        where = "no run" if self.folder is None else str(self.folder.path)
        return f"{where} ({self.about})" if self.about else where

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be asked."""
        return self.folder is not None and self.folder.status() is Status.COMPLETE


Hears: TypeAlias = Callable[[Run, Exception | None], Awaitable[None]]
"""Is told when the work on a run has begun, and when it ended, with the fault if there was one."""


def planned(configs: Sequence[Config]) -> list[Run]:
    """The runs of these configs, in their order. The same data are read once.

    Raises:
        SeriesError: they would need different engines.
        DatasetError: data that cannot be used.
    """
    engines(configs)
    datasets = {repr(config.dataset): config.dataset for config in configs}
    loaded = {key: load_dataset(dataset) for key, dataset in datasets.items()}
    return [Run.of(config, loaded[repr(config.dataset)]) for config in configs]


async def stop_at_fault(run: Run, fault: Exception | None) -> None:
    """Nothing to do when a run began or ended; one that cannot be worked on ends the series."""
    if fault is not None:
        raise fault


def work_off(runs: Sequence[Run], at_once: int, hears: Hears = stop_at_fault) -> list[Run]:
    """Finish all runs as far as they can be finished, at most `at_once` at the same time.

    Runs that can share engines are worked off together. Told to stop, it finishes the problems in
    flight and leaves the rest for the next time. Engines are started only when something is
    missing. `hears` is told of each run that is worked on, with its folder, when it has begun and
    when it ended: with the fault that a person can mend where there was one, and then the others go
    on. Returns the runs as they are then.

    Raises:
        Exception: whatever `hears` raises.
        CancelledError: it was told to stop twice.
    """
    missing = [run for run in runs if not run.complete]
    if missing:
        asyncio.run(_work_off(missing, at_once, hears))
    return [Run.of(run.config, run.dataset, run.about) for run in runs]


def by_engines(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that can share their engines, together; one that asks no scorer shares any."""
    sites = [repr((run.config.policy, run.config.cluster)) for run in runs]
    scorers = {
        site: repr(run.config.scorer)
        for site, run in zip(sites, runs, strict=True)
        if run.config.strategy.judges
    }
    groups: dict[tuple[str, str], list[Run]] = {}
    for site, run in zip(sites, runs, strict=True):
        config = run.config
        scorer = repr(config.scorer) if config.strategy.judges else scorers.get(site, "")
        groups.setdefault((site, scorer), []).append(run)
    return list(groups.values())


def engines(configs: Sequence[Config]) -> tuple[object, object]:
    """The policy and the scorer that serve all of these configs; no scorer where none asks one.

    Raises `SeriesError` when there is no one such pair, or the clusters differ.
    """
    first = configs[0]
    judging = [config for config in configs if config.strategy.judges]
    for config in configs[1:]:
        _same(first, config, "policy")
        _same(first, config, "cluster")
    for config in judging[1:]:
        _same(judging[0], config, "scorer")
    return first.policy, judging[0].scorer if judging else NoScorerConfig()


def _same(one: Config, other: Config, section: str) -> None:
    if getattr(one, section) != getattr(other, section):
        raise SeriesError(
            f"{one.name} and {other.name} differ in {section}, so they cannot share engines; "
            "make it the same, or run them apart"
        )


async def _work_off(runs: Sequence[Run], at_once: int, hears: Hears) -> None:
    tally = Tally(sum(len(run.dataset.samples) for run in runs))
    for group in by_engines(runs):
        if await _stopped_at_one_site(group, at_once, tally, hears):
            return


async def _stopped_at_one_site(
    runs: Sequence[Run], at_once: int, tally: Tally, hears: Hears
) -> bool:
    """Work off runs that share engines. Returns whether it was told to stop."""
    policy, scorer = engines([run.config for run in runs])
    tally.resumed, tally.tokens = tally.done, 0  # rate and time left are those of these engines
    waiting = iter(runs)
    try:
        async with open_site(runs[0].config.cluster, policy, scorer, tally) as site:

            async def work() -> None:
                for run in waiting:
                    if site.stop.is_set():
                        return
                    await _finish(run, site, hears)

            await gather(work() for _ in range(min(at_once, len(runs))))
            return site.stop.is_set()
    except ClusterError as error:
        for run in runs:
            await hears(run, error)
        return False


async def _finish(run: Run, site: Site, hears: Hears) -> None:
    """One run, with a prefix cache of its own: what it costs is what it would cost alone."""
    fault = None
    try:
        run = replace(run, folder=run.folder or create(run.config, run.dataset))
        assert run.folder is not None
        apart = replace(site, ports=site.ports.apart(str(run.folder.path)))
        with at_work(run.folder, run.config) as journal:
            site.progress.say(clean(f"run {run.told}"))
            await hears(run, None)
            ending = await Session(run.config, run.dataset, journal).run(apart)
            conclude(run.folder, ending, journal)
        site.progress.say(clean(f"{ending.status}: {run.told}"))
    except Fault as error:  # anything else no person can mend: it ends the series
        fault = error
    await hears(run, fault)
