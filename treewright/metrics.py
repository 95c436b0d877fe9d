"""From searched and graded problems to the table.

Every aggregation x selection x n from one set of candidates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.estimators import wilson_interval
from benchmarks.grading import Grades, Outcome
from search.aggregation import Aggregator, MissingRule, Scale
from search.core import Missing, Score
from search.driver import Searched
from search.selection import SELECTIONS, Choice, Option
from treewright.ledger import Ledger, candidate_tokens, sum_known

UNDECIDED = (Outcome.TIMEOUT, Outcome.FAILED)
"""The grader could not tell: neither right nor wrong."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A problem whose search ended.

    What the search left, and `grades` aligned with its candidates.
    """

    problem_id: str
    search: Searched
    grades: Grades


@dataclass(frozen=True, slots=True)
class Reporting:
    """What is reported; none of it changes a generation."""

    aggregate: tuple[Aggregator, ...]
    select: tuple[str, ...]
    missing: MissingRule


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to answer.

    An aggregation (None where no score is needed), a selection, the first `n` candidates.

    `accuracy` is the share of right answers in [0, 1] over `problems`, None over no problem; `ci95`
    is its Wilson interval. An abstention is a wrong answer and is counted in `abstained`. Left out
    of `problems`, and counted: `unscored` (answers, but no score to choose by) and `ungraded` (the
    grader could not decide in time). `policy_tokens` and `verifier_tokens` are means per problem,
    of prompt not cached plus generated, None where nobody counted them.
    """

    aggregation: str | None
    selection: str
    n: int
    accuracy: float | None
    ci95: tuple[float, float] | None
    problems: int
    abstained: int
    tied: int
    unscored: int
    ungraded: int
    policy_tokens: float | None
    verifier_tokens: float | None


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of a run.

    `problems` counts all that were selected, `failures` those that did not end in order.
    `exhausted` counts the searches that a limit ended, by the limit's name (`total_tokens`,
    `depth`).
    """

    problems: int
    failures: int
    arms: tuple[Arm, ...]
    ledger: Ledger
    exhausted: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain object; the same figures always give the same bytes."""
        return {
            "problems": self.problems,
            "failures": self.failures,
            "arms": [asdict(arm) for arm in self.arms],
            "ledger": self.ledger.to_json(),
            "exhausted": self.exhausted,
        }


def measure(
    solved: Sequence[Solved], failures: int, problems: int, reporting: Reporting
) -> Metrics:
    """Every arm over the solved problems. The order of `solved` does not matter."""
    ordered = sorted(solved, key=lambda item: item.problem_id)
    largest = max((len(item.search.result.candidates) for item in ordered), default=0)
    arms = tuple(
        measure_arm(ordered, aggregator, selection, n, reporting.missing)
        for aggregator, selection in rows(reporting)
        for n in powers_of_two(largest)
    )
    ledger = Ledger.of([item.search for item in ordered])
    return Metrics(problems, failures, arms, ledger, limits_reached(ordered))


def limits_reached(solved: Sequence[Solved]) -> dict[str, int]:
    """How many searches each limit ended, by the limit's name, sorted."""
    reached = [item.search.result.exhausted for item in solved]
    names = Counter(each.limit for each in reached if each is not None)
    return dict(sorted(names.items()))


def rows(reporting: Reporting) -> Iterator[tuple[Aggregator | None, str]]:
    """The arms without n.

    A selection that needs no score appears once, the others once per aggregation.
    """
    for selection in reporting.select:
        if not SELECTIONS[selection].needs_score:
            yield None, selection
    for aggregator in reporting.aggregate:
        for selection in reporting.select:
            if SELECTIONS[selection].needs_score:
                yield aggregator, selection


def powers_of_two(largest: int) -> list[int]:
    """1, 2, 4, … and `largest` itself; nothing for 0."""
    sizes = [1 << power for power in range(largest.bit_length())]
    return sizes if largest in sizes or largest == 0 else [*sizes, largest]


def measure_arm(
    solved: Sequence[Solved],
    aggregator: Aggregator | None,
    selection: str,
    n: int,
    missing: MissingRule,
) -> Arm:
    """One arm over all problems."""
    choices = [(item, choose(item, aggregator, selection, n, missing)) for item in solved]
    unscored = sum(choice.unscored for _, choice in choices)
    judged = [(item, choice) for item, choice in choices if not choice.unscored]
    if unscored and all(choice.index is None for _, choice in judged):
        judged = []  # without one score only abstentions are left, and their rate is no accuracy
    outcomes = [outcome_of(item, choice) for item, choice in judged]
    decided = [outcome for outcome in outcomes if outcome not in UNDECIDED]
    right = sum(outcome is Outcome.CORRECT for outcome in decided)
    paid = min(n, SELECTIONS[selection].reads or n)
    tokens = [candidate_tokens(item.search, paid, judged=aggregator is not None) for item in solved]
    return Arm(
        aggregation=str(aggregator) if aggregator else None,
        selection=selection,
        n=n,
        accuracy=right / len(decided) if decided else None,
        ci95=wilson_interval(right, len(decided)) if decided else None,
        problems=len(decided),
        abstained=sum(outcome is Outcome.ABSTAINED for outcome in decided),
        tied=sum(choice.tied for _, choice in judged),
        unscored=unscored,
        ungraded=len(outcomes) - len(decided),
        policy_tokens=mean(policy for policy, _ in tokens),
        verifier_tokens=mean(verifier for _, verifier in tokens),
    )


def choose(
    item: Solved, aggregator: Aggregator | None, selection: str, n: int, missing: MissingRule
) -> Choice:
    """The choice among the first `n` candidates of one problem."""
    options = options_of(item, aggregator, missing, n)
    return SELECTIONS[selection].choose(options, scale_of(aggregator))


def options_of(
    item: Solved, aggregator: Aggregator | None, missing: MissingRule, n: int | None = None
) -> list[Option]:
    """The first `n` candidates of one problem (None: all), as a selection sees them."""
    scores: list[Score] = [
        aggregator.score(candidate, missing) if aggregator else Missing("no aggregation")
        for candidate in item.search.result.candidates[:n]
    ]
    groups = item.grades.groups[:n]
    return [Option(group, score) for group, score in zip(groups, scores, strict=True)]


def scale_of(aggregator: Aggregator | None) -> Scale:
    """What its numbers are; the default where nothing is scored."""
    return aggregator.scale if aggregator else Scale.PROBABILITY


def outcome_of(item: Solved, choice: Choice) -> Outcome:
    """How the chosen candidate was graded; no choice is an abstention."""
    return Outcome.ABSTAINED if choice.index is None else item.grades.outcomes[choice.index]


def mean(values: Iterable[int | None]) -> float | None:
    """The mean, 0 over nothing, None where a value is unknown."""
    listed = list(values)
    total = sum_known(listed)
    return None if total is None else total / max(1, len(listed))
