"""What a run found, in a few sentences and figures: the first thing that a reader sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from treewright.comparing import telling
from treewright.report.curves import Curve, oracle
from treewright.report.differences import Standing
from treewright.report.reported_run import ReportedRun
from treewright.running.table import counted, percent

Ends = tuple[float, float] | None

MOST_NAMED = 3
"""Arms that a sentence names; more are counted."""


@dataclass(frozen=True)
class Tile:
    """A figure that stands out: what it is, in per cent, with its 95 % interval."""

    name: str
    accuracy: float | None
    ci95: Ends
    about: str


def summary(reading: ReportedRun, found: Sequence[Curve], placed: Sequence[Standing]) -> str:
    """Which arm is best, what it gains over a vote and at what cost, and how surely."""
    best = next((at for at, each in enumerate(placed) if each.best), None)
    if best is None:
        return "There is no accuracy to report."
    top, problems = found[best].top, len(reading.cases)
    cost = "" if top.tokens is None else f", for {top.tokens:,.0f} tokens per problem"
    told = [
        f"{found[best].arm} is right in {percent(top.found.accuracy)} % of "
        f"{counted(problems, 'problem')} at n = {top.n} "
        f"(95 % CI {interval(top.found.ci95)}){cost}."
    ]
    if problems > 1:
        told += [*over_majority(found, placed, best), *over_others(found, placed)]
    return " ".join(told)


def over_majority(found: Sequence[Curve], placed: Sequence[Standing], best: int) -> list[str]:
    """What the best arm gains over a vote, for which no verifier is needed."""
    at = next((at for at, each in enumerate(found) if str(each.arm) == "majority"), best)
    gap = placed[at].gap
    if at == best:
        asked = [each for curve, each in zip(found, placed, strict=True) if curve.arm.aggregation]
        if asked and all(each.gap is None for each in asked):
            return ["No arm that asks the verifier has an accuracy."]
        return ["No arm that asks the verifier does better."] if asked else []
    if gap is None:
        return []
    ends = placed[at].ci95
    sure = "" if ends is None else f" (95 % CI {points(-ends[1])} to {points(-ends[0])})"
    ours, theirs = found[best].top.tokens, found[at].top.tokens
    cost = f" at {ours / theirs:.2f} times the tokens" if ours and theirs else ""
    known = "shown" if placed[at].shown else "not shown"
    if ends is not None and not ends[0] <= 0 <= ends[1] and not placed[at].shown:
        known += f", for it is the best of {len(found)} arms"
    return [f"Over majority, which needs no verifier: {points(-gap)} points{sure}{cost}, {known}."]


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
    known = [curve for curve in found if curve.top.found.accuracy is not None]
    if not known:
        return []
    best = max(known, key=lambda curve: curve.top.found.accuracy or 0.0)
    named = {str(curve.arm): curve for curve in known}
    made = [tile(f"{best.arm}, the best of {len(known)} arms", best)]
    if "majority" in named:
        made.append(tile("majority, no verifier", named["majority"]))
    if "first" in named:
        made.append(tile("first solution", named["first"]))
    for n, rate, low, high in oracle(reading, [reading.largest]):
        made.append(Tile("oracle: any is right", rate, (low, high), f"n = {n}"))
    return made


def tile(name: str, curve: Curve) -> Tile:
    """An arm over all candidates."""
    top = curve.top
    about = "cost unknown" if top.tokens is None else f"{top.tokens:,.0f} tokens per problem"
    return Tile(name, top.found.accuracy, top.found.ci95, about)


def interval(ends: Ends) -> str:
    """`41.2 to 65.0`."""
    return "–" if ends is None else f"{percent(ends[0])} to {percent(ends[1])}"


def points(share: float | None) -> str:
    """`+3.1`, with a true minus."""
    return telling.points(share).replace("-", "−")
