"""The figures as a person reads them in a terminal."""

from __future__ import annotations

import sys

from rich.text import Text

from search.wording import counted, probability
from treewright.arms.tables import console, table
from treewright.terminal import line
from treewright.verifying.results import Results
from treewright.verifying.telling import LABELS, difference, lines, sentence, verdict

SHOWN_FAILURES = 5
NOTE = (
    "Step by step up to the first wrong step, behind which nothing is labelled. 95 % intervals by "
    "bootstrap over problems; docs/verify.md says what each figure is."
)


def print_results(results: Results) -> None:
    """The table, and where there are several scorers how the others differ from the first."""
    shown = console()
    subsets = ", ".join(results.scorers[0].figures.subsets)
    title = f"Verifying {results.data.name} ({subsets})"
    made = table({"": True, **{each.called: False for each in results.scorers}}, title)
    for row in lines(results):
        made.add_row(*(Text(line(cell)) for cell in (row.label, *row.cells)))
    shown.print(made)
    if results.differences:
        heads = ("scorer", "figure", "difference to the first", "p", "p (Holm)", "")
        apart = table(
            {name: name in ("scorer", "figure", "") for name in heads},
            f"Against {results.scorers[0].called}, over the same solutions",
        )
        for each in results.differences:
            chances = (probability(each.p), probability(each.p_holm))
            apart.add_row(
                Text(line(each.scorer)),
                LABELS[each.figure],
                difference(each),
                *chances,
                verdict(each),
            )
        shown.print(apart)
    shown.print(line(sentence(results)), highlight=False, markup=False)
    shown.print(NOTE, style="dim", highlight=False)


def print_notes(results: Results) -> None:
    """On stderr: what was left out, and the first few failures."""
    if results.data.unlabelled:
        told = counted(results.data.unlabelled, "row")
        print(f"note: {told} left out: no label for every step", file=sys.stderr)
    for each in results.scorers:
        for reason, count in list(each.figures.counts.reasons.items())[:SHOWN_FAILURES]:
            print(line(f"unreadable: {each.called}: {count} × {reason}"), file=sys.stderr)
    failures = results.failures()
    for called, item in failures[:SHOWN_FAILURES]:
        told = ": ".join(part for part in ("failed", called, item.problem_id) if part)
        print(line(f"{told}: {item.failure.kind}: {item.failure.message}"), file=sys.stderr)
    if len(failures) > SHOWN_FAILURES:
        print(f"… and {len(failures) - SHOWN_FAILURES} more", file=sys.stderr)
