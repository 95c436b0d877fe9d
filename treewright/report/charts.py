"""From figures to plots: which lines stand on which axes, and how to read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from treewright.arms.graded_run import Curve, GradedRun
from treewright.arms.marks import Marks
from treewright.report.differences import is_reference, over_sizes
from treewright.report.plot import NEUTRAL, Axis, LineStyle, Plot, Series, Spot
from treewright.report.reported_run import REFERENCE
from treewright.report.verifier import Verifier

ORACLE = "oracle"
"""A verifier without error: right where any candidate is."""
SOLUTIONS, ACCURACY = "Number of solutions n", "Accuracy (%)"
BAND = "Bands: 95 % intervals over problems."
SUBSETS = "Each point is the mean over all n-subsets of the run's solutions (or many drawn ones)."


def accuracy_over_n(run: GradedRun, found: Sequence[Curve]) -> list[Plot]:
    """One plot per selection, a line per aggregation; nothing where there is only one n."""
    if len(run.sizes) < 2:
        return []
    best = run.oracle(run.sizes)
    ceiling = Series(ORACLE, tuple(Spot(*spot) for spot in best), NEUTRAL, LineStyle.DOTTED)
    return [
        Plot(
            id=f"accuracy-over-n-{selection}",
            title=titled(selection, "over the number of solutions"),
            x_label=SOLUTIONS,
            y_label=ACCURACY,
            series=(*lines(voted(found), selection, lambda point: point.n), ceiling),
            x_axis=Axis.LOG2,
            caption=f"{SUBSETS} {BAND} Oracle: right where any of the n solutions is.",
        )
        for selection in selections(found)
    ]


def accuracy_over_tokens(run: GradedRun, found: Sequence[Curve]) -> list[Plot]:
    """The same lines over what they cost: a verifier has to be paid for, too."""
    if len(run.sizes) < 2:
        return []
    return [
        Plot(
            id=f"accuracy-over-tokens-{selection}",
            title=titled(selection, "over tokens of both models"),
            x_label="Tokens per problem, policy and verifier",
            y_label=ACCURACY,
            series=lines(found, selection, lambda point: point.figures.tokens),
            x_axis=Axis.LOG10,
            caption=f"Prompt tokens that were not cached, and generated ones. {BAND}",
        )
        for selection in selections(found)
        if any(point.figures.tokens for curve in found for point in curve.points)
    ]


def difference_over_n(run: GradedRun, found: Sequence[Curve]) -> list[Plot]:
    """Each aggregation minus `last`, per selection; nothing where there is only one n."""
    if len(run.sizes) < 2:
        return []
    references = {curve.arm.selection: curve for curve in found if is_reference(curve)}
    plots = []
    for selection, reference in references.items():
        series = [
            Series(
                str(curve.arm.aggregation),
                tuple(Spot(*spot) for spot in over_sizes(curve, reference)),
                colour(found, curve.arm.aggregation),
            )
            for curve in found
            if curve.arm.selection == selection and curve is not reference
        ]
        series = [each for each in series if each.spots]
        if series:
            plots.append(
                Plot(
                    id=f"difference-to-last-{selection}",
                    title=f"Difference to {REFERENCE}, {selection}",
                    x_label=SOLUTIONS,
                    y_label="Difference (points)",
                    series=tuple(series),
                    x_axis=Axis.LOG2,
                    level=0.0,
                    caption="Paired by problem, so what makes a problem hard for all cancels. "
                    "Bands: 95 % paired bootstrap, each alone.",
                )
            )
    return plots


def calibration_plot(found: Verifier) -> Plot | None:
    """How often solutions with a stated probability are right; None without any."""
    spots = tuple(
        Spot(each.probability, each.rate, *(each.ci95 or (None, None)))
        for each in found.calibrated.bins
        if each.probability is not None and each.rate is not None
    )
    if not spots:
        return None
    return Plot(
        id="calibration",
        title="What the verifier says, and what is so",
        x_label="Stated probability that the solution is right (%)",
        y_label="Share that is right (%)",
        series=(Series("solutions", spots, 0),),
        y_range=(0.0, 1.0),
        x_range=(0.0, 1.0),
        diagonal=True,
        caption="On the diagonal a stated 80 % is right in 80 of 100 cases; below it the verifier "
        "is too sure. Bands: 95 % Wilson intervals, as if solutions were independent.",
    )


def depth_plot(found: Verifier) -> Plot | None:
    """AUROC by depth; None with fewer than two depths."""
    spots = [Spot(each.depth, each.auroc) for each in found.depths if each.auroc is not None]
    if len(spots) < 2:
        return None
    said = "of the prefix" if found.by_history else "lowest step so far"
    return Plot(
        id="verifier-by-depth",
        title="How early the verifier can tell",
        x_label="Steps judged",
        y_label="AUROC, ECE",
        series=(
            Series("AUROC", tuple(spots), 0),
            Series("ECE", tuple(
                Spot(each.depth, each.ece) for each in found.depths if each.ece is not None
            ), 1, LineStyle.DASHED),
        ),
        percent=False,
        y_range=(0.0, 1.0),
        level=0.5,
        caption=f"The verifier's probability ({said}) against the grade of the whole solution. "
        "AUROC 0.5 is chance; ECE 0 is calibrated.",
    )  # fmt: skip


def over_optimisation(run: GradedRun, found: Sequence[Curve]) -> Plot | None:
    """What the verifier chooses against the oracle, and its confidence in it, as n grows."""
    sizes = run.sizes
    bests = [curve for curve in found if curve.arm.selection == "best"]
    if len(sizes) < 2 or not bests:
        return None
    curve = next((each for each in bests if str(each.arm.aggregation) == "history.last"), bests[0])
    name = str(curve.arm.aggregation)
    vote = next((each for each in found if each.arm.selection == "majority"), None)
    sure = tuple(Spot(p.n, p.confidence) for p in curve.points if p.confidence is not None)
    series = [
        Series(f"chosen by {name}", spots(curve, lambda point: point.n), colour(found, name)),
        Series("its mean score", sure, colour(found, name), LineStyle.DASHED),
        Series(ORACLE, tuple(Spot(*spot) for spot in run.oracle(sizes)), line=LineStyle.DOTTED),
    ]
    if vote:
        series.insert(
            2, Series("majority", spots(vote, lambda point: point.n), line=LineStyle.DASHED)
        )
    return Plot(
        id="over-optimisation",
        title="Chosen against oracle as n grows",
        x_label=SOLUTIONS,
        y_label="Accuracy, mean score (%)",
        series=tuple(each for each in series if each.spots),
        x_axis=Axis.LOG2,
        caption="Where the score of the chosen rises and its accuracy does not, more solutions "
        "only find what the verifier overrates. The room up to the oracle is the verifier's loss.",
    )


def lines(
    found: Sequence[Curve], selection: str, x: Callable[[Marks], float | None]
) -> tuple[Series, ...]:
    """The arms of one selection, and those that need no score beside them."""
    made = []
    for curve in found:
        name = curve.arm.aggregation
        if name and curve.arm.selection == selection:
            made.append(Series(name, spots(curve, x), colour(found, name)))
        if not name:
            line = LineStyle.DASHED if curve.arm.selection == "majority" else LineStyle.DOTTED
            made.append(Series(curve.arm.selection, spots(curve, x), NEUTRAL, line))
    return tuple(each for each in made if each.spots)


def voted(found: Sequence[Curve]) -> list[Curve]:
    """All but `first`, which looks at one solution whatever n is."""
    return [curve for curve in found if curve.arm.selection != "first"]


def spots(curve: Curve, x: Callable[[Marks], float | None]) -> tuple[Spot, ...]:
    """The points of a curve that have an accuracy and an x, the first of those at one x."""
    found: dict[float, Spot] = {}
    for point in curve.points:
        place = x(point)
        rate, ends = point.figures.accuracy, point.figures.ci95 or (None, None)
        if rate is not None and place is not None:
            found.setdefault(round(place, 6), Spot(round(place, 6), rate, *ends))
    return tuple(found.values())


def selections(found: Sequence[Curve]) -> list[str]:
    """Those that choose by score; one plot without any where there is none."""
    named = dict.fromkeys(curve.arm.selection for curve in found if curve.arm.aggregation)
    return list(named) or ([""] if found else [])


def titled(selection: str, what: str) -> str:
    """`Accuracy of best over …`."""
    return f"Accuracy of {selection} {what}" if selection else f"Accuracy {what}"


def colour(found: Sequence[Curve], aggregation: str | None) -> int:
    """An aggregation has one colour in all plots of a run."""
    names = list(dict.fromkeys(curve.arm.aggregation for curve in found if curve.arm.aggregation))
    return names.index(aggregation) if aggregation in names else NEUTRAL
