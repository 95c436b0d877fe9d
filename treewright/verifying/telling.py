"""The figures in words, the same for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.estimators.clusters import Estimate
from search.wording import DASH, UNKNOWN, ends, number, percent, points, points_interval, whole
from treewright.verifying.comparing import FigureDifference
from treewright.verifying.figures import BY_SUBSET, Figures
from treewright.verifying.results import Results, ScorerResult

Write: TypeAlias = Callable[[float | None], str]
SHARES = ("f1", "incorrect_f1")
"""Figures whose differences are told in points of per cent."""
LABELS = {
    "f1": "ProcessBench F1",
    "fitted_f1": "ProcessBench F1, fitted threshold",
    "incorrect_precision": "incorrect: precision",
    "incorrect_recall": "incorrect: recall",
    "incorrect_f1": "incorrect: F1",
    "auroc": "step AUROC",
    "solution_auroc": "solution AUROC",
    "nll": "NLL",
    "tempered_nll": "NLL, tempered",
    "brier": "Brier",
    "tempered_brier": "Brier, tempered",
    "ece": "ECE",
    "tempered_ece": "ECE, tempered",
    "tokens": "tokens per judgement",
}
"""What each figure is called, in the order in which they are shown."""
OF_SUBSET = {
    "f1": "F1",
    "error_accuracy": "wrong ones, first error found",
    "correct_accuracy": "right ones, no error called",
}


@dataclass(frozen=True)
class Line:
    """A line of the table: what it is, and for each scorer what it is there."""

    label: str
    cells: tuple[str, ...]


def lines(results: Results) -> list[Line]:
    """All lines of the table."""
    scorers = results.scorers
    found = [_counted(scorers, label, read) for label, read in COUNTED]
    found += list(_subsets(scorers))
    for name, label in LABELS.items():
        if any(name in each.figures.estimates for each in scorers):
            found.append(_estimated(scorers, name, label, writer(name)))
    found.append(_counted(scorers, "temperature, threshold fitted", _fitted))
    found.append(_counted(scorers, "prompt (cached) + generated tokens", _tokens))
    return found


def _subsets(scorers: Sequence[ScorerResult]) -> Iterator[Line]:
    subsets = scorers[0].figures.subsets
    for subset in subsets:
        for key, words in OF_SUBSET.items():
            name = f"{BY_SUBSET}{subset} {key}"
            if len(subsets) > 1:
                yield _estimated(scorers, name, f"{subset}: {words}", percent)
            elif key != "f1":  # it is the average
                yield _estimated(scorers, name, words, percent)


def _estimated(scorers: Sequence[ScorerResult], name: str, label: str, write: Write) -> Line:
    cells = (estimated(each.figures.estimates.get(name), write) for each in scorers)
    return Line(label, tuple(cells))


def _counted(
    scorers: Sequence[ScorerResult], label: str, read: Callable[[ScorerResult], str]
) -> Line:
    return Line(label, tuple(read(each) for each in scorers))


def estimated(estimate: Estimate | None, write: Write) -> str:
    """`84.1 (79.0 to 88.2)`; a dash where it is not defined."""
    if estimate is None or estimate.value is None:
        return DASH
    if estimate.ci95 is None:
        return write(estimate.value)
    low, high = estimate.ci95
    return f"{write(estimate.value)} ({write(low)} to {write(high)})"


def writer(figure: str) -> Write:
    """How a figure is written: a share in per cent, tokens whole, others with three digits."""
    if figure == "tokens":
        return whole
    is_share = figure.endswith("f1") or figure.startswith("incorrect_")
    return percent if is_share else number


def _fitted(each: ScorerResult) -> str:
    figures: Figures = each.figures
    sides = (figures.temperature.found, figures.threshold.found)
    return " · ".join(
        ", ".join(number(value, 2) for value in found) if found else DASH for found in sides
    )


def _tokens(each: ScorerResult) -> str:
    tokens = each.figures.tokens
    if tokens.prompt is None:
        return UNKNOWN
    return f"{whole(tokens.prompt)} ({whole(tokens.cached)}) + {whole(tokens.generated)}"


def _judged(each: ScorerResult) -> str:
    counts = each.figures.counts
    return f"{whole(counts.judged_steps)} of {whole(counts.labelled_steps)}"


def _solutions(each: ScorerResult) -> str:
    counts = each.figures.counts
    return f"{whole(counts.solutions)} of {whole(counts.problems)}"


COUNTED: Sequence[tuple[str, Callable[[ScorerResult], str]]] = (
    ("solutions of problems", _solutions),
    ("with a wrong step", lambda each: whole(each.figures.counts.wrong)),
    ("unreadable · failed", lambda each: f"{each.figures.counts.unread} · {len(each.failed)}"),
    ("labelled steps judged", _judged),
)


def difference(row: FigureDifference) -> str:
    """`+3.1 (-0.2 to +6.4)`."""
    gap = row.difference
    if gap.value is None:
        return DASH
    if row.figure in SHARES:
        interval = "" if gap.ci95 is None else f" ({points_interval(gap.ci95)})"
        return f"{points(gap.value)}{interval}"
    digits = 0 if row.figure == "tokens" else 3
    low_high = gap.ci95 and " to ".join(f"{end:+.{digits}f}" for end in gap.ci95)
    return f"{gap.value:+.{digits}f}" + (f" ({low_high})" if low_high else "")


def verdict(row: FigureDifference) -> str:
    """Whether the difference is one."""
    if row.p_holm is None:
        return "not defined"
    return "different" if row.shown else "no difference shown"


def sentence(results: Results) -> str:
    """What the first scorer comes to, in a sentence."""
    first = results.scorers[0]
    estimate = first.figures.estimates["f1"]
    if not first.judged:
        return f"{first.called}: nothing was judged."
    if estimate.value is None:
        return "ProcessBench F1 is not defined: it needs solutions with a wrong step and without."
    interval = "" if estimate.ci95 is None else f" (95 % interval {ends(estimate.ci95)})"
    return f"{first.called}: ProcessBench F1 {percent(estimate.value)}{interval}."
