"""Plots of a page as PNG, in a folder beside it that has its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor
from pathlib import Path

from treewright.arms.marks import Marks
from treewright.report.plot import Axis, LineStyle, Plot, Series, Spot
from treewright.report.plot_files import PALETTE, SETTINGS, drawn, loaded
from treewright.studies.page import StudyError

INCHES, DPI = (6.6, 3.6), 110
"""Each stays below 100 KB."""
BANDS = 4
"""Lines up to which their bands can be told apart."""
AREA = (0.1, 0.14, 0.66, 0.77)
"""Of the axes: many lines leave no room for the legend but beside them."""


def draw(output: Path | None, plots: Sequence[Plot]) -> list[str]:
    """Write the plots beside the page, if there is one. Returns the page's lines that show them.

    Raises `StudyError` for what cannot be written.
    """
    if output is None:
        return []
    mpl, folder = loaded(), output.with_suffix("")
    try:
        folder.mkdir(exist_ok=True)
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(SETTINGS)
            for plot in plots:
                figure = drawn(plot)
                figure.set_size_inches(*INCHES)
                (axes,) = figure.axes
                axes.set_position(AREA)
                axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
                picture = folder / f"{plot.id}.png"
                figure.savefig(picture, dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error.strerror}") from error
    return [line for plot in plots for line in _shown(plot, folder.name)]


def _shown(plot: Plot, folder: str) -> list[str]:
    told = [plot.caption, ""] if plot.caption else []
    return [f"![{plot.title}]({folder}/{plot.id}.png)", "", *told]


def over_tokens(caption: str, found: Iterable[tuple[str, Marks]]) -> list[Plot]:
    """A line per name through its points, the cheapest first; nothing where no cost is known."""
    spots: dict[str, list[Spot]] = {}
    for name, marks in found:
        figures = marks.figures
        if figures.tokens and figures.accuracy is not None:
            ends = figures.ci95 or (None, None)
            spots.setdefault(name, []).append(Spot(figures.tokens, figures.accuracy, *ends))
    few = len(spots) <= BANDS
    told = f"{caption} Bands: 95 % intervals over problems." if few else caption
    between = closeup([spot for own in spots.values() for spot in own], whiskers=few)
    if between != (0.0, 1.0):
        told += f" The y axis goes from {between[0]:.0%} to {between[1]:.0%}."
    series = []
    for colour, (name, own) in enumerate(spots.items()):
        line = LineStyle.SOLID if colour < len(PALETTE) else LineStyle.DASHED
        ordered = sorted(own, key=lambda spot: spot.x)
        shown = ordered if few else [Spot(each.x, each.y) for each in ordered]
        series.append(Series(name, tuple(shown), colour, line))
    plot = Plot(
        id="accuracy-over-tokens",
        title="Accuracy over tokens of both models",
        x_label="Tokens per problem, policy and verifier",
        y_label="Accuracy (%)",
        series=tuple(series),
        x_axis=Axis.LOG10,
        y_range=between,
        caption=told,
    )
    return [plot] if series else []


def closeup(spots: Sequence[Spot], *, whiskers: bool) -> tuple[float, float]:
    """The tenths of 1 between which all points lie, with their intervals where these are drawn.

    Many lines within a few points of each other cannot be told apart on an axis from 0 to 1.
    """
    ends = [end for each in spots for end in (each.low, each.high) if end is not None]
    values = [each.y for each in spots] + (ends if whiskers else [])
    if not values:
        return 0.0, 1.0
    low, high = min(9, floor(10 * min(values) + 1e-9)), ceil(10 * max(values) - 1e-9)
    return low / 10, max(high, low + 1) / 10
