"""The comparison of aggregations as Markdown: what is shown comes first, the tables after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.selection import SELECTIONS
from search.wording import DASH, amount, counted, ends, number, percent, probability, whole
from treewright.arms.columns import Place
from treewright.arms.graded_run import Curve
from treewright.studies.chains import SeveralChains
from treewright.studies.choosing import Against, Choosing, HeldArm
from treewright.studies.choosing_lead import lead
from treewright.studies.page import MARKER, gap, paragraphs, table
from treewright.studies.shown import Family

BY_RULE = (
    "* `min` is `last` by rule for every solution with a step that the verifier called incorrect: "
    "the steps after it take its probability (`AFTER_ERROR`). That the two hardly differ is no "
    "finding: they can only where no step was called incorrect."
)
ACCURACY = """
Mean over all n-subsets of a problem's {largest} solutions; `weighted` below n = {largest} over
random ones (standard error at most {error} points). Any tie goes to the earliest. `oracle`: any
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
    found: Choosing,
    family: Family,
    data: str,
    command: str,
    pictures: Sequence[str],
    chains: SeveralChains | None = None,
) -> str:
    """All that stands above the marker, and the marker.

    `data`: the problems and the models, in words; `pictures`: the lines that show them.
    """
    lines = [
        f"# Aggregations over {found.run.largest} solutions",
        "",
        lead(found, family.rows, chains.chains if chains else 0),
        "",
        f"Made by `{command}` from {data}. {found.run.largest} solutions of each problem are drawn "
        "and judged once; every arm (an aggregation, a selection, n) chooses among the same ones.",
        "",
        "## What is shown",
        "",
        *(f"* {sentence}" for sentence in [headline(found), *family.sentences()]),
        BY_RULE,
        *left_out(found),
        "",
        *accuracies(found),
        *pictures,
        *differences(found, family),
        *grown(found, family),
        *(chains.page(family.rows) if chains else ()),
        *verifier(found),
        *paragraphs(HISTORY),
        MARKER,
        "",
    ]
    return "\n".join(lines)


def headline(found: Choosing) -> str:
    """The most accurate arm over all candidates, and the oracle."""
    known = [
        each for each in (curve.figures for curve in found.curves) if each.accuracy is not None
    ]
    ceiling = found.run.oracle([found.run.largest])
    any_right = f" Any of them is right in {percent(ceiling[0][1])} %." if ceiling else ""
    if not known:
        return f"No arm could be decided.{any_right}"
    top = max(known, key=lambda each: each.accuracy or 0.0)
    alike = sum(each.accuracy == top.accuracy for each in known) - 1
    others = f", and {counted(alike, 'other')} as often" if alike else ""
    best = f"`{top.arm}`, {percent(top.accuracy)} % ({ends(top.ci95)}){others}"
    return f"Highest of {len(known)} arms at n = {top.n}, picked afterwards: {best}.{any_right}"


def left_out(found: Choosing) -> Iterator[str]:
    """What is in no accuracy, if anything is."""
    if found.failures:
        yield f"* {counted(found.failures, 'problem')} failed and left out of every figure."
    some = [
        f"`{curve.arm}` {number(curve.figures.problems, 0)}"
        for curve in found.curves
        if curve.figures.left_out
    ]
    if some:
        yield f"* Not over all problems, for want of a score or a grade: {', '.join(some)}."


def accuracies(found: Choosing) -> Iterator[str]:
    """Every arm at every n, the oracle, and the price."""
    sizes, largest = found.run.sizes, found.run.largest
    error = max(point.figures.error for curve in found.curves for point in curve.points)
    yield from ("## Accuracy in %", "")
    yield from paragraphs(ACCURACY.format(largest=largest, error=percent(error, 2)))
    columns, over_n = Place.DOCUMENT.columns, [f"n={n}" for n in sizes]
    lines = [accuracy_line(curve) for curve in found.curves]
    ceiling = found.run.oracle(sizes)
    if ceiling:
        rates = [percent(rate) for _, rate, _, _ in ceiling]
        blank = [DASH for _ in columns[1:]]
        lines.append(("oracle", *rates, ends(ceiling[-1][2:]), *blank))
    yield from table(("arm", *over_n, *(column.heading for column in columns)), lines)
    prices = [point.figures for point in priced(found).points]
    policy = [amount(each.policy_tokens) for each in prices]
    verifier = [amount(each.verifier_tokens) for each in prices]
    sides = ("policy, for every arm", *policy), ("verifier, where a score is asked", *verifier)
    yield from table(("tokens per problem", *over_n), sides)


def accuracy_line(curve: Curve) -> tuple[str, ...]:
    """An arm at every n; what looks at one solution only has one accuracy, that of n = 1."""
    single = SELECTIONS[curve.arm.selection].reads == 1
    points = curve.points[:1] if single else curve.points
    rates = [percent(point.figures.accuracy) for point in points]
    blank = [DASH] * (len(curve.points) - len(rates))
    told = [column.page_text(points[-1].figures) for column in Place.DOCUMENT.columns]
    return f"`{curve.arm}`", *rates, *blank, *told


def priced(found: Choosing) -> Curve:
    """An arm that buys every candidate and its judgement."""
    return next(curve for curve in found.curves if curve.arm.aggregation)


def differences(found: Choosing, family: Family) -> Iterator[str]:
    """A table for each reference and selection."""
    told = DIFFERENCES.format(largest=found.run.largest, family=len(family.known))
    yield from ("## Differences", "", *paragraphs(told))
    for against, selection in family.blocks:
        sizes = found.compared
        name = "`last`" if against is Against.LAST else f"`{against}`"
        start = f"`{selection}`, minus {name}"
        header = [start, *(f"n={n}" for n in sizes), "p", "needed"]
        rows = family.block(against, selection)
        yield from table(header, [_line(name, rows[name]) for name in rows])


def _line(name: str, rows: Sequence[HeldArm]) -> tuple[str, ...]:
    """An aggregation at all sizes."""
    top = rows[-1].found
    cells = [gap(row.found) for row in rows]
    return f"`{name}`", *cells, probability(top.p_holm), whole(top.problems_needed)


def grown(found: Choosing, family: Family) -> Iterator[str]:
    """Does `best` get worse as it chooses among more?"""
    rows = [row for row in family.rows if row.against is Against.FEWER]
    if not rows:
        return
    few, most = found.compared[0], found.run.largest
    at = found.run.sizes.index(few)
    yield from ("## More solutions, better choice?", "")
    yield from paragraphs(GROWN.format(fewest=few, most=most))
    by_arm = {curve.arm: curve for curve in found.curves}
    lines = [
        (
            f"`{row.arm.aggregation}`",
            gap(row.found),
            probability(row.found.p_holm),
            *(percent(by_arm[row.arm].points[place].confidence) for place in (at, -1)),
        )
        for row in rows
    ]
    header = ("`best`", f"n={most} minus n={few}", "p", f"score % n={few}", f"n={most}")
    yield from table(header, lines)


def verifier(found: Choosing) -> Iterator[str]:
    """How well each score tells right from wrong."""
    yield from ("## The verifier", "", *paragraphs(VERIFIER))
    lines = [
        (f"`{name}`", *(number(value) for value in (each.within, each.pooled, each.ece)))
        for name, each in found.judged.items()
    ]
    yield from table(("aggregation", "AUROC within", "AUROC pooled", "ECE"), lines)
