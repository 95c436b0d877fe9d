"""The verb `report`: read the runs, measure them, write the page and the plots."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from search.wording import counted
from treewright.comparing.pairing import check_once
from treewright.config.labels import names
from treewright.errors import ConfigError
from treewright.report.chapter import Chapter, chapter
from treewright.report.overview import against_first, different_data, overview
from treewright.report.page import ReportPage, render
from treewright.report.plot import Plot
from treewright.report.plot_files import write_plots
from treewright.report.reported_run import read
from treewright.running.run_folder import RunFolder
from treewright.terminal import clean

FILE, PLOTS = "report.html", "plots"


async def report(paths: Sequence[Path], output: Path | None = None) -> int:
    """Write the page of one run into its folder, of several into the current one, and say where.

    Raises:
        RunFolderError, ConfigError, DatasetError, NotResumable, JournalError: a run that cannot be
            read.
        RunWriteError: a file that cannot be written.
    """
    file = place(paths, output)
    page = await measured(paths)
    tell(page)
    RunFolder(file.parent).write_text(file.name, render(page))
    write_plots(plots_of(file, paths), plots(page))
    for made in page.chapters:
        if made.reading.pending:
            left = counted(made.reading.pending, "problem")
            print(clean(f"{made.reading.name}: {left} without a result yet"), file=sys.stderr)
    print(clean(f"report {file}"))
    return 0


def tell(page: ReportPage) -> None:
    """Say on stderr what of its runs cannot be shown, and what is amiss with their journals."""
    for made in page.chapters:
        made.reading.source.tell(made.reading.damage)


def place(paths: Sequence[Path], output: Path | None) -> Path:
    """The file to write. Raises `ConfigError` for one that is no HTML file in a folder."""
    if output is None:
        return (paths[0] if len(paths) == 1 else Path()) / FILE
    if output.suffix not in (".html", ".htm"):
        hint = "name a file that ends in .html"
        raise ConfigError("command line", "--output", str(output), "is no page", hint)
    if not output.parent.is_dir():
        hint = "make it first"
        raise ConfigError("command line", "--output", str(output), "its folder is not there", hint)
    return output


def plots_of(file: Path, paths: Sequence[Path]) -> Path:
    """The folder of a report's plots: `plots` of a run's own report in its folder, else NAME-plots.

    So no two reports write over each other's.
    """
    if [path.resolve() / FILE for path in paths] == [file.resolve()]:
        return file.parent / PLOTS
    name = file.stem if file.suffix == ".html" else file.name
    return file.parent / f"{name}-{PLOTS}"


async def measured(paths: Sequence[Path], *, live: str = "") -> ReportPage:
    """The page of these runs as they are now."""
    readings = [await read(letters(number), path) for number, path in enumerate(paths)]
    sources = [reading.source for reading in readings]
    check_once(sources)
    for reading, called in zip(readings, names([each.config for each in sources]), strict=True):
        reading.called = called
    chapters = [chapter(reading) for reading in readings]
    warnings = different_data(sources)
    if warnings:
        return ReportPage(chapters, warnings=warnings, live=live)
    return ReportPage(chapters, overview(chapters), against_first(chapters), live=live)


def plots(page: ReportPage) -> list[Plot]:
    """All plots, with ids that tell runs apart where there are several."""
    if len(page.chapters) == 1:
        return [*page.overview, *page.chapters[0].plots]
    return [*page.overview, *(plot for made in page.chapters for plot in labelled(made))]


def labelled(made: Chapter) -> list[Plot]:
    """A run's plots, named after it."""
    label = made.reading.source.label
    return [
        replace(plot, id=f"{label}-{plot.id}", title=f"{label}: {plot.title}")
        for plot in made.plots
    ]


def letters(number: int) -> str:
    """A, B, … Z, AA, AB and so on, for 0, 1 and so on."""
    more, rest = divmod(number, 26)
    return (letters(more - 1) if more else "") + chr(ord("A") + rest)
