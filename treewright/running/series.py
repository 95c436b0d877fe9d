"""A series: jobs on one set of engines, several at a time, each with a run folder of its own.

What is complete is left as it is, so the same series given again does what is missing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from benchmarks.datasets import load_dataset
from engines.traits import Part
from scorers.no_scorer import NoScorerConfig
from search.fault import Fault
from search.gather import gather
from treewright.cluster.cluster import ClusterError
from treewright.config.config import Config
from treewright.running.job import Job
from treewright.running.lock import outlive
from treewright.running.progress import Tally
from treewright.running.session import Site, open_site
from treewright.terminal import clean


class SeriesError(Fault):
    """Runs that cannot share their engines. One line: which differ, and in what."""

    exit_code = 2


Hears: TypeAlias = Callable[[Job, Exception | None], Awaitable[None]]
"""Is told when the work on a run has begun, and when it ended, with the fault if there was one."""


def planned(configs: Sequence[Config], *, shared: bool = True) -> list[Job]:
    """The jobs of these configs, in their order. The same data are read once.

    `shared`: one set of engines must serve them all.

    Raises:
        SeriesError: they would need different engines.
        DatasetError: data that cannot be used.
    """
    if shared:
        engines(configs)
    datasets = {repr(config.dataset): config.dataset for config in configs}
    loaded = {key: load_dataset(dataset) for key, dataset in datasets.items()}
    return [Job.of(config, loaded[repr(config.dataset)]) for config in configs]


async def stop_at_fault(job: Job, fault: Exception | None) -> None:
    """Nothing to do when a run began or ended; one that cannot be worked on ends the series."""
    if fault is not None:
        raise fault


async def work_off(jobs: Sequence[Job], at_once: int, hears: Hears = stop_at_fault) -> list[Job]:
    """Finish all runs as far as they can be finished, at most `at_once` at the same time.

    Those that can share engines are worked off together. Told to stop, it finishes the problems in
    flight and leaves the rest for the next time. Engines are started only when something is
    missing. `hears` is told of each job that is worked on, with its folder, when it has begun and
    when it ended: with the fault that a person can mend where there was one, and then the others go
    on. Returns the jobs as they are then.

    Raises:
        Exception: whatever `hears` raises.
        CancelledError: it was told to stop twice.
    """
    missing = [job for job in jobs if not job.complete]
    tally = Tally(sum(len(job.dataset.samples) for job in missing))
    for group in by_engines(missing):
        if await _stopped_at_one_site(group, at_once, tally, hears):
            break
    return [Job.of(job.config, job.dataset, job.about) for job in jobs]


def by_engines(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that can share their engines, together; one that asks no scorer shares any."""
    sites = [repr((job.config.policy, job.config.cluster)) for job in jobs]
    scorers = {
        site: repr(job.config.scorer)
        for site, job in zip(sites, jobs, strict=True)
        if job.config.strategy.judges
    }
    groups: dict[tuple[str, str], list[Job]] = {}
    for site, job in zip(sites, jobs, strict=True):
        config = job.config
        scorer = repr(config.scorer) if config.strategy.judges else scorers.get(site, "")
        groups.setdefault((site, scorer), []).append(job)
    return list(groups.values())


def engines(configs: Sequence[Config]) -> tuple[Part, Part]:
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


async def _stopped_at_one_site(
    jobs: Sequence[Job], at_once: int, tally: Tally, hears: Hears
) -> bool:
    """Work off jobs that share engines. Returns whether it was told to stop."""
    policy, scorer = engines([job.config for job in jobs])
    tally.resumed, tally.tokens = tally.done, 0  # rate and time left are those of these engines
    waiting = iter(jobs)
    await outlive(job.folder.path for job in jobs if job.folder)
    try:
        async with open_site(jobs[0].config.cluster, policy, scorer, tally) as site:

            async def work() -> None:
                for job in waiting:
                    if site.stop.is_set():
                        return
                    await _finish(job, site, hears)

            await gather(work() for _ in range(min(at_once, len(jobs))))
            return site.stop.is_set()
    except ClusterError as error:
        for job in jobs:
            await hears(job, error)
        return False


async def _finish(job: Job, site: Site, hears: Hears) -> None:
    """One job, with a prefix cache of its own: what it costs is what it would cost alone."""
    fault = None
    try:
        job = job.begun()
        apart = replace(site, ports=site.ports.apart(str(job.run.path)))
        with job.at_work() as journal:
            site.progress.say(clean(f"run {job.told}"))
            await hears(job, None)
            ending = await job.finish(journal, apart)
        site.progress.say(clean(f"{ending.status}: {job.told}"))
    except Fault as error:  # anything else no person can mend: it ends the series
        fault = error
    await hears(job, fault)
