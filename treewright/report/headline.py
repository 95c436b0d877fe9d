"""What a run found, in a few sentences and figures: the first thing that a reader sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.wording import amount, counted, ends, number, percent, points, points_interval
from treewright.arms.graded_run import Curve
from treewright.arms.standing import Standing
from treewright.report.reported_run import ReportedRun

MOST_NAMED = 3
"""Arms that a sentence names; more are counted."""


@dataclass(frozen=True)
class Tile:
    """A figure that stands out: what it is, in per cent, with its 95 % interval."""

    name: str
    accuracy: float | None
    ci95: tuple[float, float] | None
    about: str


def summary(reading: ReportedRun, found: Sequence[Curve], placed: Sequence[Standing]) -> str:
    """Which arm is best, what it gains over a vote and at what cost, and how surely."""
    best = next((at for at, each in enumerate(placed) if each.best), None)
    if best is None:
        return "There is no accuracy to report."
    top, problems = found[best].figures, len(reading.cases)
    cost = "" if top.tokens is None else f", for {amount(top.tokens)} tokens per problem"
    over = counted(problems, "problem")
    if (decided := round(top.problems)) < problems:
        over = f"the {decided:,} of {over} that it decided"
    told = [
        f"{top.arm} is right in {percent(top.accuracy)} % of {over} "
        f"at n = {top.n} (95 % CI {ends(top.ci95)}){cost}."
    ]
    if problems > 1:
        told += [*over_majority(found, placed, best), *over_others(found, placed)]
    return " ".join(told)


def over_majority(found: Sequence[Curve], placed: Sequence[Standing], best: int) -> list[str]:
    """What the best arm gains over a vote, for which no verifier is needed."""
    at = next((at for at, each in enumerate(found) if str(each.arm) == "majority"), best)
    gap = placed[at].gap
    if at == best:
        return _nothing_gained(found, placed)
    if gap is None:
        return []
    ci95 = placed[at].ci95
    sure = "" if ci95 is None else f" (95 % CI {points_interval((-ci95[1], -ci95[0]))})"
    ours, theirs = found[best].figures.tokens, found[at].figures.tokens
    cost = f" at {number(ours / theirs, 2)} times the tokens" if ours and theirs else ""
    known = "shown" if placed[at].shown else "not shown"
    if ci95 is not None and not ci95[0] <= 0 <= ci95[1] and not placed[at].shown:
        known += f", for it is the best of {len(found)} arms"
    told = true_minus(f"{points(-gap)} points{sure}")
    return [f"Over majority, which needs no verifier: {told}{cost}, {known}."]


def _nothing_gained(found: Sequence[Curve], placed: Sequence[Standing]) -> list[str]:
    """That the vote is the best; nothing where no arm asks the verifier."""
    asked = [each for curve, each in zip(found, placed, strict=True) if curve.arm.aggregation]
    if asked and all(each.gap is None for each in asked):
        return ["No arm that asks the verifier has an accuracy."]
    return ["No arm that asks the verifier does better."] if asked else []


def over_others(found: Sequence[Curve], placed: Sequence[Standing]) -> list[str]:
    """Which arms are shown to be worse than the best, and which are not."""
    others = [at for at, each in enumerate(placed) if not each.best and each.gap is not None]
    close = [at for at in others if not placed[at].shown]
    if not others:
        return []
    if not close:
        with_accuracy = "" if len(others) == len(placed) - 1 else " with an accuracy"
        return [f"All other arms{with_accuracy} are shown to be worse."]
    named = [str(found[at].arm) for at in close]
    arms = ", ".join(named) if len(named) <= MOST_NAMED else counted(len(named), "arm")
    worse = f"Of {counted(len(others), 'other arm')} {len(others) - len(close) or 'none'} "
    verb = "is" if len(others) - len(close) == 1 else "are"
    return [f"{worse}{verb} shown to be worse; against {arms} chance alone may make the gap."]


def tiles(reading: ReportedRun, found: Sequence[Curve]) -> list[Tile]:
    """The best arm, what costs no verifier, one solution, and a verifier without error."""
    known = [curve for curve in found if curve.figures.accuracy is not None]
    if not known:
        return []
    best = max(known, key=lambda curve: curve.figures.accuracy or 0.0)
    named = {str(curve.arm): curve for curve in known}
    made = [tile(f"{best.arm}, the best of {len(known)} arms", best)]
    if "majority" in named:
        made.append(tile("majority, no verifier", named["majority"]))
    if "first" in named:
        made.append(tile("first solution", named["first"]))
    for n, rate, low, high in reading.graded.oracle([reading.largest]):
        made.append(Tile("oracle: any is right", rate, (low, high), f"n = {n}"))
    return made


def tile(name: str, curve: Curve) -> Tile:
    """An arm over all candidates."""
    top = curve.figures
    known = top.tokens is not None
    about = f"{amount(top.tokens)} tokens per problem" if known else "cost unknown"
    return Tile(name, top.accuracy, top.ci95, about)


def true_minus(told: str) -> str:
    """As a page writes numbers below 0."""
    return told.replace("-", "−")
