"""The study of verification as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from search.core import Origin
from search.wording import (
    DASH,
    amount,
    counted,
    interval,
    number,
    percent,
    points,
    points_interval,
    probability,
    whole,
)
from treewright.arms.comparison import Verdict
from treewright.report.plot import Plot
from treewright.studies.page import MARKER, gap, paragraphs, table
from treewright.studies.pictures import over_tokens
from treewright.studies.targets import GOING_ON, targets
from treewright.studies.tried import Tried, Verified
from treewright.studies.ways import NAIVE, WAYS

COST = (
    *("way", "right %", "95 %", "− naive", "p", "policy", "verifier", "of it generated"),
    *("generated ×", "computed ×", "failed"),
)
AGREED = (
    *("strategy", "way", "judged again", "steps %", "last step %", "prefix %", "unread"),
    *("itself: steps %", "last step %", "prefix %"),
)
TOLD = """
Accuracy is that of the verifier's weighted vote over what a search returns. Tokens are per problem:
`policy` and `verifier` count what went through each model, prompt tokens that its run's own prefix
cache did not hold and generated ones; `of it generated` are those that the verifier wrote. The two
ratios are to the naive way of the same strategy, over the problems that both ways have a result of.
`− naive` is the difference of accuracy in points
over the same problems, with its 95 % interval by paired bootstrap; **bold** is shown: p < 0.05 by
McNemar's exact test, after Holm over all {family} differences of this page.
"""
AGREEMENT = """
Judgements that were not made whole, drawn by a hash of what the paths say, beside a whole
verification of the same path, greedy as in the naive way. `itself`: two whole verifications of the
same paths at temperature 0.6, with two seeds. A verdict is *correct* from p = 0.5 up; one that
either lacks is unread, and neither agrees nor differs. Steps that neither of the two reached, for
it stopped at an incorrect one before, are in no count. `last step` is the one that was judged anew.
"""
SECONDS = """
Beam over {problems}, {times} runs of each way, one after the other in turns, each made anew on
one engine of each side that is already up; median seconds from the first question to the last.
Whatever else the machine did is in them: they are noisy, and hold for the machine alone on which
they were taken.
"""


def page(found: Verified, data: str, command: str, pictures: Sequence[str]) -> str:
    """All that stands above the marker, and the marker."""
    compared = [row.versus for row in found.rows if row.versus is not None]
    family = sum(each.verdict is not Verdict.NOTHING for each in compared)
    lines = [
        *("# Verification, whole and in part", "", *paragraphs(lead(found))),
        *(f"Made by `{command}` from {data}.", ""),
        *("## What must hold", ""),
        *table(("", "asked", "found", "held"), (each.cells for each in targets(found)), words=1),
        *("## Accuracy and cost", ""),
        *paragraphs(TOLD.format(family=family)),
        *_ways(),
        *pictures,
        *_costs(found.rows),
        *_replicas(found.rows),
        *_agreements(found.rows),
        *_seconds(found),
        *(MARKER, ""),
    ]
    return "\n".join(lines)


def lead(found: Verified) -> str:
    """What going on saves and what is shown to be lost, in two to four sentences."""
    told = list(_saved(found.rows))
    compared = [row for row in found.rows if row.versus is not None]
    shown = [row for row in compared if row.versus and row.versus.shown]
    if compared:
        losses = [
            f"{row.trial.strategy} {row.trial.way} ({points(row.versus.difference)} points, "
            f"{points_interval(row.versus.ci95)})"
            for row in shown
            if row.versus
        ]
        told.append(
            f"A difference of accuracy to the naive way is shown for {', '.join(losses)}."
            if losses
            else f"No difference of accuracy to the naive way is shown in any of "
            f"{counted(len(compared), 'row')}, which is not the same as none."
        )
    for way in GOING_ON:
        if (faster := found.faster(way)) is not None:
            told.append(f"Beam took {number(faster, 2)} of the naive way's seconds ({way}).")
    return " ".join(told) or "Nothing was compared."


def _saved(rows: Sequence[Tried]) -> Iterator[str]:
    """A sentence for each way to go on, over all strategies."""
    for way in GOING_ON:
        own = [row for row in rows if row.trial.way == way and row.marks]
        if own:
            yield (
                f"Verifications that go on from earlier ones (`{way}`) take "
                f"{span(row.generated for row in own)} of the tokens that whole ones write and "
                f"{span(row.computed for row in own)} of all that those compute "
                f"({', '.join(row.trial.strategy for row in own)})."
            )


def span(values: Iterable[float | None]) -> str:
    """`0.18 to 0.23`, or one number."""
    known = sorted(value for value in values if value is not None)
    ends = dict.fromkeys(number(value, 2) for value in (*known[:1], *known[-1:]))
    return " to ".join(ends) or DASH


def picture(found: Verified) -> list[Plot]:
    """Accuracy over total tokens, a line per strategy through its ways."""
    told = "Each point is a way to verify."
    rows = ((row.trial.strategy, row.marks) for row in found.rows if row.marks)
    return over_tokens(told, rows)


def _ways() -> Iterator[str]:
    for name, way in WAYS.items():
        yield f"* `{name}`: {way.about} (`{' '.join(way.said) or 'the default'}`)"
    yield ""


def _costs(rows: Sequence[Tried]) -> Iterator[str]:
    for name in dict.fromkeys(row.trial.strategy for row in rows):
        own = [row for row in rows if row.trial.strategy == name]
        problems = max(row.problems for row in own)
        yield from (f"### {name}, {counted(problems, 'problem')}", "")
        yield from table(COST, (_cost(row) for row in own if row.marks))
        for row in own:
            if row.trial.skipped:
                yield f"* `{row.trial.way}` was not run: {row.trial.skipped}."
        yield ""


def _cost(row: Tried) -> tuple[str, ...]:
    assert row.marks is not None
    policy, verifier, written = row.sides
    found = row.marks.figures
    return (
        row.trial.way,
        percent(found.accuracy),
        interval(found.ci95),
        gap(row.versus),
        probability(row.versus.p_holm) if row.versus else DASH,
        *map(amount, (policy, verifier, written)),
        *((DASH, DASH) if row.trial.way == NAIVE else map(number, (row.generated, row.computed))),
        whole(row.failures),
    )


def _replicas(rows: Sequence[Tried]) -> Iterator[str]:
    """Which runs had other replicas than most: their prefix caches had other tokens."""
    known = Counter(row.replicas for row in rows if row.replicas)
    if len(known) < 2:
        return
    (most, _), *_ = known.most_common(1)
    others = [
        f"{row.trial.strategy} {row.trial.way} ({row.replicas[0]} + {row.replicas[1]})"
        for row in rows
        if row.replicas and row.replicas != most
    ]
    told = (
        f"Made with other replicas than the {most[0]} + {most[1]} (policy + verifier) of the rest: "
        f"{', '.join(others)}. A path that goes on at another replica finds less in its prefix "
        "cache, so the more replicas, the more is computed; what is generated is the same."
    )
    yield from paragraphs(told)


def _agreements(rows: Sequence[Tried]) -> Iterator[str]:
    told = [row for row in rows if row.agreement is not None and row.itself is not None]
    if not told:
        return
    yield from ("## Agreement with whole verification", "", *paragraphs(AGREEMENT))
    yield from table(AGREED, map(_agreed, told), words=2)


def _agreed(row: Tried) -> tuple[str, ...]:
    assert row.agreement is not None
    assert row.itself is not None
    not_whole = sum(count for origin, count in row.origins.items() if origin is not Origin.WHOLE)
    sides = [row.agreement, row.itself]
    rates = [[percent(value) for value in (s.rate, s.last_rate, s.prefix_rate)] for s in sides]
    sampled = f"{whole(row.agreement.pairs)} of {whole(not_whole)}"
    unread = whole(row.agreement.unread)
    return (row.trial.strategy, row.trial.way, sampled, *rates[0], unread, *rates[1])


def _seconds(found: Verified) -> Iterator[str]:
    if not found.seconds:
        return
    times = max(map(len, found.seconds.values()))
    told = SECONDS.format(problems=counted(found.timed, "problem"), times=times)
    yield from ("## Seconds", "", *paragraphs(told))
    lines = [
        (
            way,
            number(median(each), 1),
            ", ".join(number(one, 1) for one in each),
            DASH if way == NAIVE else number(found.faster(way), 2),
        )
        for way, each in found.seconds.items()
        if each
    ]
    yield from table(("beam", "median s", "each", "× naive"), lines)
