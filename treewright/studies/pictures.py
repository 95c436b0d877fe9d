"""Plots of a page as PNG, in a folder beside it that has its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from treewright.report.plot import Plot
from treewright.report.plot_files import SETTINGS, drawn
from treewright.studies.page import StudyError

INCHES, DPI = (6.6, 3.6), 110
"""Each stays below 100 KB."""
AREA = (0.1, 0.14, 0.66, 0.77)
"""Of the axes: many lines leave no room for the legend but beside them."""


def draw(output: Path, plots: Sequence[Plot]) -> list[tuple[str, str]]:
    """Write the plots. Returns title and link of each.

    Raises `StudyError` for what cannot be written.
    """
    import matplotlib as mpl

    folder = output.with_suffix("")
    try:
        folder.mkdir(exist_ok=True)
        with mpl.rc_context(SETTINGS):
            for plot in plots:
                figure = drawn(plot)
                figure.set_size_inches(*INCHES)
                (axes,) = figure.axes
                axes.set_position(AREA)
                axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
                picture = folder / f"{plot.id}.png"
                figure.savefig(picture, dpi=DPI, metadata={"Software": None})
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error.strerror}") from error
    return [(plot.title, f"{folder.name}/{plot.id}.png") for plot in plots]
