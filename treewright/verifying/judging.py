"""Judging: every labelled solution is judged once, several at a time; the journal remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from benchmarks.datasets.labelled import LabelledSolution
from engines.traits import traits_of
from policies.no_policy import NoPolicyConfig
from search.calls import Calls
from search.core import Prefix, Step, StopReason
from search.gather import gather
from search.ports import Failure, Memory, Scorer
from treewright.caching.identity import asked
from treewright.caching.opening import cached
from treewright.cluster.in_flight import calls_at_once, slots_of
from treewright.journal.journal import Journal
from treewright.running.controller import Failed
from treewright.running.lock import outlive
from treewright.running.memory import (
    JournalMemory,
    RecordedMemory,
    RecordedPorts,
    SparedScorer,
    Unrecorded,
    noted_failures,
)
from treewright.running.progress import Tally, add_spent
from treewright.running.run_folder import Status
from treewright.running.session import Site, open_site
from treewright.verifying.judged import JudgedSolution
from treewright.verifying.verification import Verification


@dataclass
class Known:
    """What is known of the solutions, in the order of the data: judged, failed, or yet to ask."""

    judged: list[JudgedSolution] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    pending: list[LabelledSolution] = field(default_factory=list)

    @property
    def status(self) -> Status:
        """What STATUS says of that."""
        if self.pending:
            return Status.INTERRUPTED
        again = any(not item.failure.kind.final for item in self.failed)
        return Status.INCOMPLETE if again else Status.COMPLETE


async def finish(verification: Verification) -> Known:
    """Judge what is not judged yet, as far as it can be. Engines start only for that.

    Raises:
        ClusterError: the scorer cannot be started.
        CancelledError: it was told to stop twice.
    """
    await outlive([verification.run.path])
    with verification.at_work() as journal:
        known = await recorded(verification, journal, reading=False)
        if known.pending:
            await judge_all(verification, journal, known)
            known = await recorded(verification, journal)
        verification.run.set_status(known.status)
    return known


async def judge_all(verification: Verification, journal: Journal, known: Known) -> None:
    """Ask the scorer for all that is pending, at a site of its own."""
    config = verification.config
    cluster = replace(config.cluster, policy_replicas=1, elastic=False)
    tally = Tally(len(verification.data.solutions), noun="solutions")
    tally.done = tally.resumed = len(known.judged) + len(known.failed)
    tally.failed = len(known.failed)
    for each in known.judged:
        tally.book("as labelled", each.matches)
    async with AsyncExitStack() as stack:
        opening = open_site(cluster, NoPolicyConfig(), config.scorer, tally)
        site = await stack.enter_async_context(opening)
        sections, say = set(asked(config)) & {"scorer"}, site.progress.say
        caching = cached(config, sections, site.ports.policy, site.ports.scorer, say)
        _, scorer = await stack.enter_async_context(caching)
        memory = JournalMemory(journal, add_spent(tally))
        waiting = iter(known.pending)

        async def work() -> None:
            for solution in waiting:
                if site.stop.is_set():
                    return
                book(await judged(solution, scorer, memory, config.seed), site)

        room = slots_of(traits_of(config.scorer))
        at_once = calls_at_once(cluster, room) * cluster.scorer_replicas
        await gather(work() for _ in range(min(at_once, len(known.pending))))


def book(item: JudgedSolution | Failed, site: Site) -> None:
    """Show that one more is done."""
    tally = site.tally
    tally.done += 1
    if isinstance(item, Failed):
        tally.failed += 1
    else:
        tally.book("as labelled", item.matches)
    site.progress.update()


async def recorded(verification: Verification, journal: Journal, *, reading: bool = True) -> Known:
    """What the journal holds. Unless it is for `reading`, what failed but might not is pending.

    Raises `JournalError` and `ReplayError`.
    """
    noted: Mapping[str, Failure] = noted_failures(journal, final=not reading)
    scorer, memory = SparedScorer(RecordedPorts(), noted), RecordedMemory(journal)
    known = Known()
    for solution in verification.data.solutions:
        try:
            item = await judged(solution, scorer, memory, verification.config.seed)
        except Unrecorded:
            known.pending.append(solution)
            continue
        if isinstance(item, Failed):
            known.failed.append(item)
        else:
            known.judged.append(item)
        await asyncio.sleep(0)
    return known


async def judged(
    solution: LabelledSolution, scorer: Scorer, memory: Memory, seed: int
) -> JudgedSolution | Failed:
    """One solution, remembered or judged now.

    Raises `JournalError`, `ReplayError`, `Unrecorded`.
    """
    path = path_of(solution)
    calls = Calls(RecordedPorts(), scorer, memory, seed)
    (reply,) = await calls.judge_all([(path, None, None)], set())
    if failure := calls.failures.get(path.id):
        return Failed(solution.id, failure)
    return JudgedSolution(solution, reply.judgement, reply.spent)


def path_of(solution: LabelledSolution) -> Prefix:
    """The solution as a scorer is asked about it: whole and finished, under its own id.

    Steps have a text and no token ids, since no policy wrote them.
    """
    labels = solution.labels
    problem = replace(labels.problem, id=solution.id)
    return Prefix(problem, tuple(steps_of(labels.steps)), (0,))


def steps_of(texts: Sequence[str]) -> list[Step]:
    """The last one ends the solution."""
    last = len(texts) - 1
    return [
        Step(text, (), StopReason.EOS if number == last else StopReason.STEP_END)
        for number, text in enumerate(texts)
    ]
