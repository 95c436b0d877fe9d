"""Several runs on one page: what stands beside what, and what may not."""

from __future__ import annotations

from collections.abc import Sequence

from treewright.arms.comparison import Comparison, compare
from treewright.arms.graded_run import Curve
from treewright.report.chapter import Chapter
from treewright.report.charts import ACCURACY, BAND, SOLUTIONS, spots
from treewright.report.plot import Axis, Plot, Series
from treewright.running.recorded import RecordedRun

PREFERRED = ("weighted", "best", "majority")
"""Which arm stands for a run, where it has it: the first of these, by its first aggregation."""


def different_data(sources: Sequence[RecordedRun]) -> list[str]:
    """That the runs asked different problems, so that their figures say nothing of each other."""
    first = sources[0]
    others = [
        source.label
        for source in sources[1:]
        if source.identity.get("dataset") != first.identity.get("dataset")
        or source.config.grading != first.config.grading
    ]
    if not others:
        return []
    return [
        f"Not the same problems, or not graded alike: {', '.join(others)} against {first.label}. "
        "Their figures are not comparable, so no plot has both."
    ]


def overview(chapters: Sequence[Chapter]) -> list[Plot]:
    """One arm per run, over n and over tokens; nothing for a single run."""
    if len(chapters) < 2:
        return []
    chosen = [(made, arm) for made in chapters if (arm := standing_for(made)) is not None]
    if not chosen:
        return []
    by_n = lines(chosen, tokens=False)
    by_tokens = lines(chosen, tokens=True)
    caption = f"One arm per run, named in the legend. {BAND}"
    plots = [
        Plot("runs-over-n", "Runs over the number of solutions", SOLUTIONS, ACCURACY, by_n,
             Axis.LOG2, caption=caption),
        Plot("runs-over-tokens", "Runs over tokens of both models",
             "Tokens per problem, policy and verifier", ACCURACY, by_tokens, Axis.LOG10,
             caption=caption),
    ]  # fmt: skip
    return [plot for plot in plots if plot.series]


def against_first(chapters: Sequence[Chapter]) -> list[Comparison]:
    """One family: the arm that stands for each later run, against that of the first one."""
    chosen = [(made, arm) for made in chapters if (arm := standing_for(made)) is not None]
    if len(chosen) < 2 or chosen[0][0] is not chapters[0]:
        return []
    reference, *others = [arm.top for _, arm in chosen]
    return compare([(other, reference) for other in others])


def standing_for(made: Chapter) -> Curve | None:
    """The run's arm by its first aggregation, not the one that came out best."""
    first = made.reading.source.config.aggregate[:1]
    known = {
        curve.arm.selection: curve
        for curve in made.arms
        if curve.figures.accuracy is not None
        and (curve.arm.aggregation is None or (curve.arm.aggregation,) == tuple(first))
    }
    return next((known[name] for name in PREFERRED if name in known), None)


def lines(chosen: Sequence[tuple[Chapter, Curve]], *, tokens: bool) -> tuple[Series, ...]:
    """A line per run, or a point where it has one size only; none where tokens are unknown."""
    made = [
        Series(
            f"{chapter.reading.name}: {curve.arm}",
            spots(curve, lambda point: point.figures.tokens if tokens else point.n),
            number,
        )
        for number, (chapter, curve) in enumerate(chosen)
    ]
    return tuple(each for each in made if each.spots)
