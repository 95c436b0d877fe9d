"""What the comparison of aggregations found, in plain words and no more than its numbers show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.wording import counted, percent, points, points_interval
from treewright.arms.comparison import Verdict
from treewright.studies.choosing import Against, Choosing, HeldArm


def lead(found: Choosing, rows: Sequence[HeldArm], chains: int = 0) -> str:
    """Two to four sentences. A difference is called one only where it is shown."""
    return " ".join([_votes(found, rows), *_harm(rows), *_chains(rows, chains)])


def _votes(found: Choosing, rows: Sequence[HeldArm]) -> str:
    """One solution, the vote, and the verifier's vote by the whole solution."""
    largest = found.run.largest
    by_name = {str(curve.arm): curve for curve in found.curves}
    single = by_name["first"].points[0].figures.accuracy
    vote = by_name["majority"].figures.accuracy
    judged = by_name["history.last+weighted"].figures.accuracy
    beside = {(str(row.arm), row.n): row for row in rows if row.against is Against.MAJORITY}
    told = beside.get(("history.last+weighted", largest))
    one, many = f"One solution is right in {percent(single)} %", f"a vote over {largest} in"
    if judged is None:
        return f"{one} and {many} {percent(vote)} %; the verifier's vote could not be measured."
    return (
        f"{one}, {many} {percent(vote)} % and the verifier's weighted vote over the same ones in "
        f"{percent(judged)} %{_gap(told)}."
    )


def _gap(row: HeldArm | None) -> str:
    if row is None or row.found.difference is None:
        return ""
    word = "shown" if row.found.shown else "not shown"
    ends = f", {points_interval(row.found.ci95)}" if row.found.ci95 else ""
    return f" ({points(row.found.difference)} points to the plain vote{ends}, {word})"


def _harm(rows: Sequence[HeldArm]) -> Iterator[str]:
    """Whether the best of many is worse than the best of few."""
    held, better, worse = _shown(rows, Against.FEWER)
    if held:
        few, most = held[0].found.theirs.figures.n, held[0].n
        yield (
            f"The best of {most} is shown to be worse than the best of {few} by {worse} of "
            f"{counted(len(held), 'aggregation')}, and better by {better}."
        )


def _chains(rows: Sequence[HeldArm], chains: int) -> Iterator[str]:
    held, better, worse = _shown(rows, Against.ONE_CHAIN)
    if held:
        arms = counted(len(held), "arm")
        yield (
            f"With {chains} verification chains instead of one {better} of {arms} are shown to be "
            f"better and {worse} worse, at n = {held[0].n}."
        )


def _shown(rows: Sequence[HeldArm], against: Against) -> tuple[list[HeldArm], int, int]:
    """The rows against it, and how many of them are shown to be better and worse."""
    held = [row for row in rows if row.against is against]
    verdicts = [row.found.verdict for row in held]
    return held, verdicts.count(Verdict.BETTER), verdicts.count(Verdict.WORSE)
