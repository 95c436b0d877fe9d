"""The comparison of strategies as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from treewright.studies.cells import GUARD, REFERENCES
from treewright.studies.comparing import SAME, Row, Versus, same_cost
from treewright.studies.page import MARKER, paragraphs, table

RESULTS = "strategy | width | tokens | answer | right % | 95 % | − best-of-n | − majority"
CANDIDATES = "strategy | pass@N | candidates | answers | steps | ran away | failed"

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


def document(rows: Sequence[Row], data: str, command: str) -> str:
    """All that stands above the marker, and the marker."""
    return "\n".join([*_introduction(rows, data, command), *_sections(rows), MARKER, ""])


def _introduction(rows: Sequence[Row], data: str, command: str) -> Iterator[str]:
    compared = [each for row in rows for each in row.versus.values() if each is not None]
    told = TOLD.format(
        guard=GUARD,
        same=f"{SAME:.0%}",
        shown=sum(each.difference.shown for each in compared),
        compared=len(compared),
        by_chance=round(0.05 * len(compared)),
    )
    yield "# Strategies at equal tokens"
    yield ""
    yield f"Made by `{command}` from {data}."
    yield ""
    yield from paragraphs(told)


def _sections(rows: Sequence[Row]) -> Iterator[str]:
    for budget in sorted({row.budget for row in rows}):
        some = [row for row in rows if row.budget == budget]
        yield f"## {budget:,} tokens per problem" if budget else "## One solution, no search"
        yield ""
        yield from table(RESULTS, [_result(row) for row in some])
        once = {row.strategy: _candidates(row) for row in some}  # the same under every rule
        yield from table(CANDIDATES, list(once.values()))


def _result(row: Row) -> tuple[str, ...]:
    low, high = row.ci95
    return (
        row.strategy,
        row.width or "–",
        f"{row.tokens:,.0f} ({row.policy:,.0f} + {row.verifier:,.0f})",
        row.rule,
        _accuracy(row),
        f"{100 * low:.1f} – {100 * high:.1f}",
        *(_versus(row, row.versus[name]) for name in REFERENCES),
    )


def _accuracy(row: Row) -> str:
    some = f" of {row.problems}" if row.problems < row.searched else ""
    return f"{100 * row.accuracy:.1f}{some}"


def _versus(row: Row, other: Versus | None) -> str:
    if other is None:
        return "–"
    found = other.difference
    interval = f"{100 * found.low:+.1f} … {100 * found.high:+.1f}"
    interval = f"**{interval}**" if found.shown else interval
    unequal = "" if same_cost(row, other) else " †"
    return f"{100 * found.mean:+.1f} ({interval}) n={other.n}{unequal}"


def _candidates(row: Row) -> tuple[str, ...]:
    found = row.variety
    return (
        row.strategy,
        f"{100 * found.pass_at_n:.1f}",
        f"{found.candidates:.1f}",
        f"{found.answers:.2f}",
        f"{found.steps:.1f}",
        str(row.ran_away),
        str(row.failures),
    )
