"""A problem whose search ended, reduced to what the page needs of it: no token ids, no texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from benchmarks.datasets import Sample
from benchmarks.grading import Outcome
from search.core import Candidate, Missing, Origin, Score
from search.driver import Searched
from search.limit import LimitReached
from search.questions import judges_prefixes
from search.tree import tree_of
from treewright.arms.graded import Graded
from treewright.arms.solved import Solved
from treewright.config.config import Config
from treewright.ledger import Ledger
from treewright.report.deepening import Deepening
from treewright.report.escaping import packed
from treewright.report.tree_data import compact
from treewright.trees.trees import mark

NEVER = "never judged"


@dataclass
class Chains:
    """What became of the verification chains, over all paths that were judged.

    `judged`: paths with a judgement; `chains`: chains that were read into one. `unread`: judgements
    without a probability, by reason. `steps`: step verdicts by status. `reused`: judgements of
    which an earlier one was a part, by origin; none that was made whole.
    """

    judged: int = 0
    chains: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    reused: Counter[str] = field(default_factory=Counter)

    def add(self, other: Chains) -> None:
        """Count those of another problem as well."""
        self.judged += other.judged
        self.chains += other.chains
        self.unread.update(other.unread)
        self.steps.update(other.steps)
        self.reused.update(other.reused)


@dataclass(frozen=True)
class ProblemSummary(Graded):
    """One problem; what stands per candidate is aligned with `outcomes`.

    `prefixes`: the judged probability of the whole solution. `deepening`: the probabilities that
    the verifier gave it on the way.
    """

    prefixes: tuple[Score, ...]
    deepening: Deepening
    chains: Chains
    ledger: Ledger
    exhausted: LimitReached | None
    chosen: Outcome | None


def summary_of(
    sample: Sample,
    solved: Solved,
    config: Config,
    aggregations: Sequence[str],
    answers: Sequence[str | None],
) -> tuple[ProblemSummary, str]:
    """Reduce a problem; beside it its packed tree.

    Args:
        sample: the problem.
        solved: its search and the grades.
        config: of the run.
        aggregations: by which its candidates are scored.
        answers: of the candidates, for a person to read.
    """
    searched = solved.search
    graph = tree_of(sample.problem, searched)
    mark(graph, solved, config)
    candidates = searched.result.candidates
    chosen = [
        node["outcome"]
        for _, node in graph.nodes(data=True)
        if node.get("chosen") and "outcome" in node and node["rank"] is not None
    ]
    summary = ProblemSummary(
        **vars(Graded.of(solved, aggregations, config.missing)),
        prefixes=tuple(prefix(candidate) for candidate in candidates),
        deepening=Deepening.of(
            deepening(candidate, by_history=judges_prefixes(config.strategy))
            for candidate in candidates
        ),
        chains=chains(searched),
        ledger=Ledger.of([searched]),
        exhausted=searched.result.exhausted,
        chosen=Outcome(chosen[-1]) if chosen else None,
    )
    return summary, packed(compact(graph, searched, answers))


def prefix(candidate: Candidate) -> Score:
    """The probability that the whole solution is right."""
    return Missing(NEVER) if candidate.judgement is None else candidate.judgement.prefix


def deepening(candidate: Candidate, *, by_history: bool) -> tuple[float | None, ...]:
    """What the verifier thought of a candidate at each depth.

    By the judgements of its prefixes where they were judged one by one; else by the lowest step
    probability so far, of those read.
    """
    if by_history:
        return tuple(None if isinstance(odds, Missing) else odds for odds in candidate.history)
    if candidate.judgement is None:
        return ()
    odds = [verdict.probability for verdict in candidate.judgement.verdicts]
    return tuple(accumulate(odds, lowest))


def lowest(known: float | None, new: float | None) -> float | None:
    """The lower of two numbers, of which either may be missing."""
    return known if new is None else new if known is None else min(known, new)


def chains(searched: Searched) -> Chains:
    """Counted over all paths that were judged, kept or pruned."""
    counted = Chains()
    for judgement in searched.judgements.values():
        counted.judged += 1
        counted.chains += judgement.chains
        if judgement.origin is not Origin.WHOLE:
            counted.reused[judgement.origin.value] += 1
        if isinstance(judgement.prefix, Missing):
            counted.unread[judgement.prefix.reason] += 1
        counted.steps.update(verdict.status.value for verdict in judgement.verdicts)
    return counted
