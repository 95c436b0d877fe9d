"""Plots as files for a paper: PNG and SVG by matplotlib, the same bytes for the same figures."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any

from treewright.files.writing import replacing
from treewright.report.axes import x_scale, y_scale
from treewright.report.plot import Axis, LineStyle, Plot, Series
from treewright.running.run_folder import RunWriteError

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b5578f", "#c98a00", "#3a9fdb", "#5b4b9a", "#475569")
"""As in the page's style sheet: after Okabe & Ito (2008), for all kinds of colour vision."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
NEUTRAL_COLOUR = "#6b7280"
STYLES = {LineStyle.SOLID: "-", LineStyle.DASHED: "--", LineStyle.DOTTED: ":"}
SETTINGS: Any = {
    "svg.hashsalt": "treewright",  # else every file's ids differ
    "text.parse_math": False,  # a name with two dollars is a name
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.0,
}
LABEL = 56
"""Characters of a line of the legend: more would not fit into the picture."""
INCHES, DPI = (5.2, 3.6), 160
AREA = (0.13, 0.14, 0.84, 0.77)
"""Left, bottom, width and height of the axes, as shares of the picture."""


def write_plots(folder: Path, plots: Sequence[Plot]) -> None:
    """Write `<id>.png` and `<id>.svg` for each plot. Raises `RunWriteError`, `UnsafeFile`."""
    mpl = loaded()
    with warnings.catch_warnings(), mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        # A name in a script that the font lacks is drawn as boxes; the page has it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        try:
            for plot in plots:
                figure = drawn(plot)
                with replacing(folder.parent, f"{folder.name}/{plot.id}.png") as file:
                    figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
                with replacing(folder.parent, f"{folder.name}/{plot.id}.svg") as file:
                    figure.savefig(file, format="svg", metadata={"Date": None})
        except OSError as error:
            where = error.filename or folder
            raise RunWriteError(f"{where}: cannot be written: {error.strerror}") from error


def loaded() -> Any:
    """Matplotlib, imported elsewhere than here: it would read `matplotlibrc` in the current folder.

    That may be a run's, and a stranger's: a pipe that never ends, or a setting that starts TeX.
    """
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(Path(__file__).parent)
        return import_module("matplotlib")
    finally:
        os.fchdir(here)
        os.close(here)


def drawn(plot: Plot) -> Any:
    """The plot as a matplotlib figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES)
    axes = figure.add_axes(AREA)
    x, y = x_scale(plot), y_scale(plot)
    if plot.x_axis is not Axis.LINEAR:
        axes.set_xscale("log", base=2 if plot.x_axis is Axis.LOG2 else 10)
    axes.set_xticks(x.ticks, x.labels)
    axes.set_xticks([], minor=True)
    axes.set_yticks(y.ticks, y.labels)
    axes.set_xlim(x.low, x.high)
    axes.set_ylim(y.low, y.high)
    axes.set(title=plot.title, xlabel=plot.x_label, ylabel=plot.y_label)
    axes.grid(visible=True, axis="y", linewidth=0.4, alpha=0.5)
    if plot.level is not None:
        axes.axhline(plot.level, color="black", linewidth=0.8)
    if plot.diagonal:
        axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
    for series in plot.series:
        add(axes, series)
    axes.legend(loc="best", frameon=False, fontsize=8)  # said, or it warns where that took long
    return figure


def add(axes: Any, series: Series) -> None:
    """A line with its band; a lone point with its whisker."""
    colour = NEUTRAL_COLOUR if series.colour < 0 else PALETTE[series.colour % len(PALETTE)]
    xs, ys = [spot.x for spot in series.spots], [spot.y for spot in series.spots]
    style = STYLES[series.line]
    label = fill(series.name, LABEL, break_long_words=False)
    marker = MARKERS[max(0, series.colour) % len(MARKERS)]
    axes.plot(xs, ys, style, color=colour, marker=marker, markersize=3.5, label=label)
    sure = [spot for spot in series.spots if spot.low is not None and spot.high is not None]
    lows, highs = [spot.low for spot in sure], [spot.high for spot in sure]
    if len(series.spots) > 1:
        axes.fill_between([spot.x for spot in sure], lows, highs, color=colour, alpha=0.1, lw=0)
    else:
        axes.vlines([spot.x for spot in sure], lows, highs, color=colour)
