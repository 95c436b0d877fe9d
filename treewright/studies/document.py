"""The comparison of strategies as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.wording import DASH, amount, counted, interval, number, percent, probability, whole
from treewright.arms.columns import everywhere
from treewright.arms.comparison import Comparison, Verdict
from treewright.report.plot import Plot
from treewright.studies.cell_results import SAME, CellResult, same_cost
from treewright.studies.cells import REFERENCES
from treewright.studies.claims import Claim
from treewright.studies.lead import lead
from treewright.studies.levels import Levels
from treewright.studies.page import MARKER, gap, paragraphs, table
from treewright.studies.pictures import over_tokens

RESULTS = ("strategy", "width", "tokens", "answer", "right %", "95 %", "− best-of-n", "− majority")
CANDIDATES = (
    *("strategy", "pass@N", "candidates", "answers", "steps"),
    *("ended by the budget", "no answer", "failed"),
)
CLAIMS = ("difference", "over", "budget", "points (95 %)", "p", "tokens ×", "meant to be", "held")

TOLD = """
**Budgets.** A budget is the most that the search of one problem may spend, in tokens of policy and
verifier together: prompt tokens that the run's own prefix cache did not hold, and generated tokens.
It is hard: a search is stopped where it is spent, the level or the solution then in the making is
lost, and the best it had before is its result (`ended by the budget`; in `no answer` it had none).
The sub-searches of `dvts`, `backtrack` and `sequential` have equal shares of it, each hard. Draws
of best-of-n and majority are held to it one by one. A width is the same for all problems, so long
ones cost more than short ones under every strategy. `tokens` are those spent within the budget, in
the mean (policy + verifier).

**Answers.** How a strategy answers was fixed before any result was seen. The columns with a minus
are differences in points to best-of-n (the verifier's weighted vote) and to
majority, over the same problems and under the same budget, with 95 % intervals by paired bootstrap.
Each row is compared with the n that costs what the row really spent; † marks a row that cost over
{same} more or less than its reference all the same. **Bold** is shown: p < 0.05 by McNemar's exact
or a randomisation test, after Holm over all {family} differences of this page.

**Candidates.** In the last table, pass@N is the share of problems with a right candidate; beside
it how many candidates and different answers a problem has, and how many different steps were drawn
for it, pruned ones too (steps of the same text at the same depth are one).
"""
MEANT = """
What the domain is meant to show. `pass@1` is the mean over all draws; a vote over 16 is the mean
over all choices of 16. The interval is of each difference alone, p is after Holm over the page. A
gain is held where it is large enough, its interval lies above 0 (where all problems differ alike
there is none, and the gain must be shown) and, of a search, it cost at most {same} more than its
reference.
"""


@dataclass(frozen=True)
class Findings:
    """All that the page says: its rows, and what was meant to hold, each with what was found."""

    rows: tuple[CellResult, ...]
    claims: tuple[tuple[Claim, Comparison], ...]
    levels: Levels

    @property
    def compared(self) -> list[Comparison]:
        """The family, without what could not be compared."""
        versus = [other for row in self.rows for other in row.versus.values() if other is not None]
        both = [*(found for _, found in self.claims), *versus]
        return [each for each in both if each.verdict is not Verdict.NOTHING]

    def picture(self) -> list[Plot]:
        """Accuracy over tokens, a line per strategy."""
        first = [row for row in self.rows if row.marks.arm == row.cell.arms[0]]
        told = "Each point is a budget."
        return over_tokens(told, ((row.cell.strategy, row.marks) for row in first))

    def to_json(self) -> dict[str, object]:
        """A plain object."""
        return {
            "rows": [row.to_json(self.levels) for row in self.rows],
            "claims": [
                {"name": claim.name, "over": claim.where, "budget": claim.budget,
                 "at_least": claim.at_least, "at_most": claim.at_most, "held": claim.held(found),
                 **found.to_json()}
                for claim, found in self.claims
            ],
        }  # fmt: skip


def document(found: Findings, data: str, command: str, pictures: Sequence[str] = ()) -> str:
    """All that stands above the marker, and the marker; `pictures`: the lines that show them."""
    family = len(found.compared)
    told = TOLD.format(same=f"{percent(SAME, 0)}%", family=family)
    lines = [
        *("# Strategies at equal tokens", "", *paragraphs(lead(found.claims, found.levels))),
        *(f"Made by `{command}` from {data}.", "", *pictures),
        *_claims(found),
        *paragraphs(told),
        *_sections(found),
        *(MARKER, ""),
    ]
    return "\n".join(lines)


def _claims(found: Findings) -> Iterator[str]:
    if not found.claims:
        return
    meant = MEANT.format(same=f"{percent(SAME, 0)}%")
    yield from ("## What must hold", "", *paragraphs(meant))
    yield from table(CLAIMS, (_claim(*each) for each in found.claims), words=2)


def _claim(claim: Claim, found: Comparison) -> tuple[str, ...]:
    return (
        claim.name,
        f"{claim.where} ({counted(found.problems, 'problem')})",
        whole(claim.budget or None),
        gap(found),
        probability(found.p_holm),
        number(found.cost_ratio, 2),
        claim.asked,
        "yes" if claim.held(found) else "no",
    )


def _sections(found: Findings) -> Iterator[str]:
    for budget in sorted({each.cell.budget for each in found.rows}):
        some = [each for each in found.rows if each.cell.budget == budget]
        title = f"{whole(budget)} tokens per problem" if budget else "One solution, no search"
        yield from (f"## {title}", "")
        header = (*RESULTS, *(column.heading for column in everywhere()))
        yield from table(header, map(_result, some))
        yield from _by_level(some, found.levels)
        once = {each.cell.strategy: _candidates(each) for each in some}  # the same for every arm
        yield from table(CANDIDATES, once.values())


def _by_level(some: Sequence[CellResult], levels: Levels) -> Iterator[str]:
    """Accuracy on each level, where the data have any."""
    if not levels.known:
        return
    sizes = [f"level {each} ({len(levels.at(each))})" for each in levels.known]
    lines = [
        (each.cell.strategy, each.rule, *(percent(at.accuracy) for at in by_level.values()))
        for each in some
        for by_level in [each.by_level(levels)]
    ]
    yield from table(("right %", "answer", *sizes), lines, words=2)


def _result(each: CellResult) -> tuple[str, ...]:
    found = each.found
    parts = f"{amount(found.policy_tokens)} + {amount(found.verifier_tokens)}"
    some = f" of {number(found.problems, 0)}" if found.problems < each.searched else ""
    return (
        each.cell.strategy,
        each.cell.width or DASH,
        f"{amount(each.tokens)} ({parts})",
        each.rule,
        f"{percent(found.accuracy)}{some}",
        interval(found.ci95),
        *(_versus(each.versus.get(name)) for name in REFERENCES),
        *(column.page_text(found) for column in everywhere()),
    )


def _versus(found: Comparison | None) -> str:
    if found is None:
        return DASH
    unequal = "" if same_cost(found) else " †"
    return f"{gap(found)} n={found.theirs.figures.n}{unequal}"


def _candidates(each: CellResult) -> tuple[str, ...]:
    found = each.variety
    return (
        each.cell.strategy,
        percent(found.pass_at_n),
        number(found.candidates, 1),
        number(found.answers, 2),
        number(found.steps, 1),
        str(each.capped),
        number(each.found.abstained, 0),
        str(each.failures),
    )
