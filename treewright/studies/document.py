"""The comparison of strategies as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.wording import DASH, amount, interval, number, percent, signed, whole
from treewright.arms.columns import everywhere
from treewright.studies.cell_results import SAME, CellResult, Versus, same_cost
from treewright.studies.cells import GUARD, REFERENCES
from treewright.studies.page import MARKER, paragraphs, table

RESULTS = ("strategy", "width", "tokens", "answer", "right %", "95 %", "− best-of-n", "− majority")
CANDIDATES = ("strategy", "pass@N", "candidates", "answers", "steps", "ran away", "failed")

TOLD = """
**Budgets.** A budget is the mean number of tokens per problem that a strategy is meant to spend, of
policy and verifier together: prompt tokens that the run's own prefix cache did not hold, and
generated tokens. A width is the same for all problems, so long ones cost more than short ones under
every strategy. Widths were chosen on the validation split so that searches end by themselves near
the budget; a limit of {guard} times the budget ends those that run away. `tokens` are those really
spent (policy + verifier).

**Answers.** How a strategy answers was fixed before any result was seen. The last two columns of
the first table are differences in points to best-of-n (the verifier's weighted vote) and to
majority, over the same problems, with 95 % intervals by paired bootstrap. Each row is compared with
the n that costs what the row really spent, not what its budget says; † marks a row that cost over
{same} more or less than its reference all the same. Intervals in bold leave out 0: {shown} of
{compared}, and {by_chance} would by chance alone if no strategy differed from another.

**Candidates.** In the second table, pass@N is the share of problems with a right candidate; beside
it how many candidates and different answers a problem has, and how many different steps were drawn
for it, pruned ones too (steps of the same text at the same depth are one).
"""


def document(found: Sequence[CellResult], data: str, command: str) -> str:
    """All that stands above the marker, and the marker."""
    return "\n".join([*_introduction(found, data, command), *_sections(found), MARKER, ""])


def _introduction(found: Sequence[CellResult], data: str, command: str) -> Iterator[str]:
    compared = [other for each in found for other in each.versus.values() if other is not None]
    told = TOLD.format(
        guard=GUARD,
        same=f"{percent(SAME, 0)}%",
        shown=sum(each.difference.shown for each in compared),
        compared=len(compared),
        by_chance=round(0.05 * len(compared)),
    )
    yield from ("# Strategies at equal tokens", "", f"Made by `{command}` from {data}.", "")
    yield from paragraphs(told)


def _sections(found: Sequence[CellResult]) -> Iterator[str]:
    for budget in sorted({each.cell.budget for each in found}):
        some = [each for each in found if each.cell.budget == budget]
        title = f"{whole(budget)} tokens per problem" if budget else "One solution, no search"
        yield from (f"## {title}", "")
        header = (*RESULTS, *(column.heading for column in everywhere()))
        yield from table(header, map(_result, some))
        once = {each.cell.strategy: _candidates(each) for each in some}  # the same for every arm
        yield from table(CANDIDATES, once.values())


def _result(each: CellResult) -> tuple[str, ...]:
    found = each.found
    parts = f"{amount(found.policy_tokens)} + {amount(found.verifier_tokens)}"
    some = f" of {found.problems}" if found.problems < each.searched else ""
    return (
        each.cell.strategy,
        each.cell.width or DASH,
        f"{amount(each.tokens)} ({parts})",
        each.rule,
        f"{percent(found.accuracy)}{some}",
        interval(found.ci95),
        *(_versus(each, each.versus[name]) for name in REFERENCES),
        *(column.page_text(found) for column in everywhere()),
    )


def _versus(each: CellResult, other: Versus | None) -> str:
    if other is None:
        return DASH
    mean, low, high = (
        signed(100 * value)
        for value in (other.difference.mean, other.difference.low, other.difference.high)
    )
    ends = f"**{low} … {high}**" if other.difference.shown else f"{low} … {high}"
    unequal = "" if same_cost(each.tokens, other) else " †"
    return f"{mean} ({ends}) n={other.n}{unequal}"


def _candidates(each: CellResult) -> tuple[str, ...]:
    found = each.variety
    return (
        each.cell.strategy,
        percent(found.pass_at_n),
        number(found.candidates, 1),
        number(found.answers, 2),
        number(found.steps, 1),
        str(each.ran_away),
        str(each.failures),
    )
