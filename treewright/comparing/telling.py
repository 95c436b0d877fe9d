"""Comparisons as a person reads them: a table, and sentences under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from search.wording import (
    DASH,
    counted,
    number,
    percent,
    points,
    points_interval,
    probability,
    whole,
)
from treewright.arms.columns import Place
from treewright.arms.comparison import Comparison, Side, Verdict
from treewright.arms.tables import console, table
from treewright.comparing.finished_run import FinishedRun
from treewright.config.fingerprint import differences
from treewright.config.labels import with_values
from treewright.config.steering import strategy_told
from treewright.terminal import line

WORDS = ("arm", "against", "verdict")
METHODS = (
    "Differences in points; their CI by paired bootstrap, each alone. p: exact or randomised "
    "paired test, after Holm over all rows; below 0.05 is shown. Problems needed: to show such a "
    "difference 4 times out of 5. Cost: tokens of policy and verifier, by those of the reference."
)


def print_comparisons(rows: Sequence[Comparison], runs: Sequence[FinishedRun]) -> None:
    """The runs, the table, what it says, and what was left out, on stdout."""
    shown = console()
    page = Page(tuple(rows), tuple(runs))
    for text in page.legend():
        shown.print(Text(line(text)))
    shown.print(page.table())
    for text in (*page.sentences(), *page.left_out()):
        shown.print(Text(line(text)))
    shown.print(Text(METHODS), style="dim")


@dataclass(frozen=True)
class Page:
    """One family of comparisons, and the runs that it is about."""

    rows: tuple[Comparison, ...]
    runs: tuple[FinishedRun, ...]

    def legend(self) -> Iterator[str]:
        """Which run is which, and in what it differs from the first."""
        first = self.runs[0].source
        for run in self.runs:
            source = run.source
            strategy = strategy_told(source.config)
            text = (
                f"{source.label} = {source.path}: {strategy}, {counted(len(run.solved), 'problem')}"
            )
            changed = gathered(differences(first.identity, source.identity))
            told = with_values(source.config, changed)
            yield f"{text}; differs from {first.label} in {', '.join(told)}" if told else text

    def table(self) -> Table:
        """One line per comparison; references have a column where there are several."""
        references = {self.against(row) for row in self.rows}
        accuracies = {percent(row.theirs.figures.accuracy) for row in self.rows}
        one = len(references) == 1
        title = f"Differences to {references.pop()}" if one else "Differences"
        if len(accuracies) == 1 and one:
            title = f"{title} ({accuracies.pop()} %)"
        rows = [self.cells(row) for row in self.rows]
        shown = [name for name in rows[0] if name != "against" or not one]
        made = table({name: name in WORDS for name in shown}, title)
        for row, cells in zip(self.rows, rows, strict=True):
            made.add_row(
                *(Text(line(cells[name])) for name in shown), style="bold" if row.shown else ""
            )
        return made

    def cells(self, row: Comparison) -> dict[str, str]:
        """By column; where a run has tokens with a price, what an arm costs in money too."""
        ours = row.ours.figures
        billed = any(side.billed for each in self.rows for side in (each.ours, each.theirs))
        priced = Place.PRICED.columns if billed else []
        return {
            "arm": self.arm(row.ours),
            "against": self.against(row),
            **{each.narrow or each.heading: each.text(ours) for each in Place.COMPARED.columns},
            "difference": points(row.difference),
            "95 % CI": points_interval(row.ci95),
            "p": probability(row.p_holm),
            "cost": row.cost,
            **{each.heading: each.text(ours) if row.ours.billed else DASH for each in priced},
            "verdict": str(row.verdict),
            "problems needed": whole(row.problems_needed),
        }

    def sentences(self) -> Iterator[str]:
        """What the table says, and what it does not say."""
        family = [row for row in self.rows if row.verdict is not Verdict.NOTHING]
        shown = [row for row in family if row.shown]
        if family:
            verb = "are" if len(shown) > 1 else "is"
            total = counted(len(family), "difference")
            yield f"Of {total} {len(shown) or 'none'} {verb} shown."
        for kind in (Verdict.BETTER, Verdict.WORSE):
            yield from self.largest([row for row in shown if row.verdict is kind])
        if len(shown) < len(family):
            yield self.unshown([row for row in family if not row.shown])
        if self.rows and all(row.ours.figures.n == row.theirs.figures.n == 1 for row in self.rows):
            yield "Every problem has one candidate: all ways to choose among them are the same."

    def largest(self, alike: Sequence[Comparison]) -> Iterator[str]:
        """Of differences of one kind the largest: `min+best is better than majority by 9.4 …`."""
        if not alike:
            return
        row = max(alike, key=lambda row: abs(row.difference or 0))
        ratio = row.cost_ratio
        cost = "" if ratio is None else f", at {number(ratio, 2)} times the tokens"
        found = "" if row.ci95 is None else f"95 % CI {points_interval(row.ci95)}, "
        size = percent(abs(row.difference or 0))
        yield (
            f"{self.arm(row.ours)} is {row.verdict} than {self.arm(row.theirs)} by {size} points "
            f"({found}p {probability(row.p_holm)}, {counted(row.problems, 'problem')}){cost}."
        )

    def unshown(self, silent: Sequence[Comparison]) -> str:
        """That chance could have made these differences, which is no proof that there are none."""
        known = [(row.problems_needed, row) for row in silent if row.problems_needed is not None]
        text = "Not shown is not the same as none: chance alone may have made what is seen."
        if not known:
            return f"{text} Nothing is seen, so no number of problems would show it."
        needed, row = min(known, key=lambda pair: pair[0])
        return f"{text} {self.arm(row.ours)} comes nearest, with about {whole(needed)} problems."

    def left_out(self) -> Iterator[str]:
        """What no pair holds: problems without a result, and those that an arm cannot decide."""
        for run in self.runs:
            if run.failures:
                failed = f"{counted(run.failures, 'problem')} failed and left out"
                yield f"{run.source.label}: {failed}; `treewright score {run.source.path}` says why"
        sides = [side for row in self.rows for side in (row.ours, row.theirs)]
        for label in sorted({side.run for side in sides if side.figures.tokens is None}):
            yield f"{label}: nobody counted its tokens, so what it cost is unknown"
        by_count: dict[tuple[int, int], list[str]] = {}
        for row in self.rows:
            pair = f"{self.arm(row.ours)} against {self.arm(row.theirs)}"
            by_count.setdefault((row.problems, row.undecided), []).append(pair)
        for (problems, undecided), pairs in by_count.items():
            if undecided or not problems:
                why = f"{undecided} left out, with no score to choose by or no grade"
                yield f"{', '.join(pairs)}: {counted(problems, 'problem')}, {why}"

    def arm(self, side: Side) -> str:
        """`A min+best`; without the letter where there is one run."""
        return f"{side.run} {side.arm}" if len(self.runs) > 1 else side.arm

    def against(self, row: Comparison) -> str:
        """The reference: only its run where it answers in the same way."""
        return row.theirs.run if row.ours.arm == row.theirs.arm else self.arm(row.theirs)


def gathered(keys: Sequence[str]) -> list[str]:
    """Without the other keys of a section whose kind differs: of course they do."""
    other = {key.partition(".")[0] for key in keys if key.endswith(".kind")}
    return [key for key in keys if key.endswith(".kind") or key.partition(".")[0] not in other]
