"""The comparison of aggregations as Markdown: what is shown comes first, the tables after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.selection import SELECTIONS
from treewright.comparing.comparison import Comparison
from treewright.comparing.telling import interval, points, probability
from treewright.report.curves import Curve, oracle
from treewright.running.table import amount, counted, percent
from treewright.studies.choosing import Against, Choosing, Row
from treewright.studies.page import MARKER, paragraphs, table
from treewright.studies.shown import Family

BY_RULE = (
    "* `min` is `last` by rule for every solution with a step that the verifier called incorrect: "
    "the steps after it take its probability (`AFTER_ERROR`). That the two hardly differ is no "
    "finding: they can only where no step was called incorrect."
)
ACCURACY = """
Mean over all n-subsets of a problem's {largest} solutions; `weighted` below n = {largest} over
random ones (standard error at most {error:.2f} points). Any tie goes to the earliest. `oracle`: any
of the n is right.
"""
DIFFERENCES = """
In points over the same problems, with the 95 % interval of each alone (paired bootstrap). **Bold**
is shown: p < 0.05 by a paired randomisation test (McNemar's exact one where answers are right or
wrong), after Holm over all {family} differences of this page. `p` is that at n = {largest};
`needed` is how many problems would show such a difference 4 times out of 5.
"""
GROWN = """
`best` over {most} solutions minus `best` over {fewest} of them; beside it the mean score of what it
chose. Where that rises and the accuracy does not, more solutions only find what the verifier
overrates.
"""
VERIFIER = """
How often a score puts a right solution above a wrong one of the same problem (AUROC within; 0.5 is
chance) and of any problem (pooled), and how far it is from the share that is right (ECE; for
`sum_logit` of the probability that its log-odds stand for).
"""
HISTORY = """
`history.last` is the verifier's word on the whole solution. Whole solutions are judged once, so
other aggregations over the history choose as it does. `max` is a control: no sensible score. Every
formula and its source: [docs/metrics.md](../docs/metrics.md).
"""


def page(
    found: Choosing, family: Family, data: str, command: str, pictures: Sequence[tuple[str, str]]
) -> str:
    """All that stands above the marker, and the marker.

    Args:
        found: what was measured.
        family: what was compared.
        data: the problems and the models, in words.
        command: that made the page.
        pictures: title and link of each plot.
    """
    lines = [
        f"# Aggregations over {found.largest} solutions",
        "",
        f"Made by `{command}` from {data}. {found.largest} solutions of each problem are drawn and "
        "judged once; every arm (an aggregation, a selection, n) chooses among the same ones.",
        "",
        "## What is shown",
        "",
        *(f"* {sentence}" for sentence in [headline(found), *family.sentences()]),
        BY_RULE,
        *left_out(found),
        "",
        *accuracies(found),
        *(line for title, link in pictures for line in (f"![{title}]({link})", "")),
        *differences(found, family),
        *grown(found, family),
        *verifier(found),
        *paragraphs(HISTORY),
        MARKER,
        "",
    ]
    return "\n".join(lines)


def headline(found: Choosing) -> str:
    """The most accurate arm over all candidates, between one draw and the oracle."""
    top = max(found.curves, key=lambda curve: curve.top.found.accuracy or 0.0)
    single = named(found, "first").points[0].found.accuracy
    vote = named(found, "majority").top.found.accuracy
    best = f"`{top.arm}`, {percent(top.top.found.accuracy)} % ({ends(top.top.found.ci95)})"
    ceiling = oracle(found.reading, [found.largest])
    any_right = f", and any of them in {percent(ceiling[0][1])} %" if ceiling else ""
    return (
        f"Highest of {len(found.curves)} arms at n = {found.largest}, picked afterwards: {best}. "
        f"One solution is right in {percent(single)} %, `majority` in {percent(vote)} %{any_right}."
    )


def named(found: Choosing, selection: str) -> Curve:
    """The arm of a selection that needs no score."""
    return next(curve for curve in found.curves if curve.arm.selection == selection)


def left_out(found: Choosing) -> Iterator[str]:
    """What is in no accuracy, if anything is."""
    if found.found.failures:
        yield f"* {counted(found.found.failures, 'problem')} failed and left out of every figure."
    some = [
        f"`{curve.arm}` {curve.top.found.problems:.0f}"
        for curve in found.curves
        if curve.top.found.unscored or curve.top.found.ungraded
    ]
    if some:
        yield f"* Not over all problems, for want of a score or a grade: {', '.join(some)}."


def accuracies(found: Choosing) -> Iterator[str]:
    """Every arm at every n, the oracle, and the price."""
    sizes, largest = found.sizes, found.largest
    error = max(point.found.error for curve in found.curves for point in curve.points)
    yield from ("## Accuracy in %", "")
    yield from paragraphs(ACCURACY.format(largest=largest, error=100 * error))
    lines = [accuracy_line(curve) for curve in found.curves]
    ceiling = oracle(found.reading, sizes)
    if ceiling:
        rates = [percent(rate) for _, rate, _, _ in ceiling]
        lines.append(("oracle", *rates, ends(ceiling[-1][2:])))
    header = " | ".join(["arm", *(f"n={n}" for n in sizes), "95 % CI"])
    yield from table(header, lines)
    prices = [found.mean_price(n) for n in sizes]
    header = " | ".join(["tokens per problem", *(f"n={n}" for n in sizes)])
    yield from table(
        header,
        [
            ("policy, for every arm", *(amount(policy) for policy, _ in prices)),
            ("verifier, where a score is asked", *(amount(judge) for _, judge in prices)),
        ],
    )


def accuracy_line(curve: Curve) -> tuple[str, ...]:
    """An arm at every n; what looks at one solution only has one accuracy, that of n = 1."""
    if SELECTIONS[curve.arm.selection].reads == 1:
        single, *others = curve.points
        blank = ["–" for _ in others]
        return f"`{curve.arm}`", percent(single.found.accuracy), *blank, ends(single.found.ci95)
    rates = [percent(point.found.accuracy) for point in curve.points]
    return f"`{curve.arm}`", *rates, ends(curve.top.found.ci95)


def differences(found: Choosing, family: Family) -> Iterator[str]:
    """A table for each reference and selection."""
    told = DIFFERENCES.format(largest=found.largest, family=len(family.known))
    yield from ("## Differences", "", *paragraphs(told))
    for against, selection in family.blocks:
        sizes = found.compared
        name = "`last`" if against is Against.LAST else f"`{against}`"
        start = f"`{selection}`, minus {name}"
        header = [start, *(f"n={n}" for n in sizes), "p", "needed"]
        rows = family.block(against, selection)
        yield from table(" | ".join(header), [_line(name, rows[name]) for name in rows])


def _line(name: str, rows: Sequence[Row]) -> tuple[str, ...]:
    """An aggregation at all sizes."""
    top = rows[-1].found
    needed = "–" if top.problems_needed is None else f"{top.problems_needed:,}"
    return (f"`{name}`", *(cell(row.found) for row in rows), probability(top.p_holm), needed)


def cell(found: Comparison) -> str:
    """`+1.2 (-0.3 to +2.7)`, in bold where it is shown."""
    text = f"{points(found.difference)} ({interval(found)})"
    return f"**{text}**" if found.shown else text


def grown(found: Choosing, family: Family) -> Iterator[str]:
    """Does `best` get worse as it chooses among more?"""
    rows = [row for row in family.rows if row.against is Against.FEWER]
    if not rows:
        return
    few, most = found.compared[0], found.largest
    at = found.sizes.index(few)
    yield from ("## More solutions, better choice?", "")
    yield from paragraphs(GROWN.format(fewest=few, most=most))
    by_arm = {curve.arm: curve for curve in found.curves}
    lines = [
        (
            f"`{row.arm.aggregation}`",
            cell(row.found),
            probability(row.found.p_holm),
            *(percent(by_arm[row.arm].points[place].confidence) for place in (at, -1)),
        )
        for row in rows
    ]
    header = f"`best` | n={most} minus n={few} | p | score % n={few} | n={most}"
    yield from table(header, lines)


def verifier(found: Choosing) -> Iterator[str]:
    """How well each score tells right from wrong."""
    yield from ("## The verifier", "", *paragraphs(VERIFIER))
    lines = [
        (f"`{name}`", *(number(value) for value in (each.within, each.pooled, each.ece)))
        for name, each in found.judged.items()
    ]
    yield from table("aggregation | AUROC within | AUROC pooled | ECE", lines)


def ends(ci95: tuple[float, ...] | None) -> str:
    """`41.2 to 65.0`."""
    return "–" if ci95 is None else " to ".join(map(percent, ci95))


def number(value: float | None) -> str:
    """Three decimals."""
    return "–" if value is None else f"{value:.3f}"
