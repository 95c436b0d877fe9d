"""The page of a verification: figures, reliability, F1 by subset, and what was judged wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from benchmarks.estimators.calibration import Calibration
from benchmarks.estimators.clusters import Estimate
from benchmarks.estimators.first_errors import NO_ERROR, UNREAD
from search.core import StepVerdict
from treewright.config.load import plain
from treewright.config.yamldump import dump
from treewright.report.page import environment, policy, static
from treewright.report.plot import LineStyle, Plot, Series, Spot
from treewright.report.plot_files import write_plots
from treewright.running.run_folder import RunFolder
from treewright.verifying.figures import BY_SUBSET
from treewright.verifying.judged import JudgedSolution
from treewright.verifying.results import Results, ScorerResult
from treewright.verifying.table import NOTE
from treewright.verifying.telling import LABELS, difference, estimated, lines, sentence, verdict

FILE, PLOTS = "report.html", "plots"
SHOWN_MISTAKES = 12
"""Solutions of a scorer that are shown with what it said."""
OF_STEPS = (
    "Steps up to the first wrong one that have a verdict of their own. Below the diagonal the "
    "verifier is too sure. Tempered: with log-odds divided by a temperature that was fitted on "
    "other problems."
)
OF_SOLUTIONS = "The probability that the whole solution is correct, from the closing question."
SHOWN_SECTIONS = ("name", "seed", "scorer", "cluster")
"""What of a config a verification uses."""
SCRIPT, STYLE = "page.js", "page.css"


@dataclass(frozen=True)
class Bar:
    """A subset's F1 of one scorer, with what is written beside it."""

    estimate: Estimate
    told: str


@dataclass(frozen=True)
class Mistake:
    """A solution whose first wrong step was not found as labelled; steps with their verdicts."""

    id: str
    told: str
    question: str
    steps: Sequence[tuple[str, StepVerdict | None, bool]]


def write_page(folder: RunFolder, results: Results) -> Path:
    """Write the page and its plots into a folder. Raises `RunWriteError`."""
    folder.write_text(FILE, render(results))
    write_plots(folder.path / PLOTS, plots(results))
    return folder.path / FILE


def render(results: Results) -> str:
    """The whole file: it asks nobody for anything."""
    script, style = static(SCRIPT), static(STYLE)
    return environment().get_template("verification.html.jinja").render(
        results=results,
        policy=policy([script], [style], live=False),
        script=Markup(script),
        style=Markup(style),
        lead=sentence(results),
        lines=lines(results),
        labels=LABELS,
        note=NOTE,
        difference=difference,
        verdict=verdict,
        subsets={name: bars(results, name) for name in results.scorers[0].figures.subsets},
        plots=plots(results),
        mistakes=[(each.called, *mistakes(each)) for each in results.scorers],
        shown=SHOWN_MISTAKES,
        configs=[
            (each.called, dump({key: full[key] for key in SHOWN_SECTIONS}))
            for each in results.scorers
            for full in (plain(each.verification.config, resolved=True),)
        ],
    )  # fmt: skip


def bars(results: Results, subset: str) -> list[Bar]:
    """F1 of one subset, of each scorer."""
    found = [
        each.figures.estimates.get(f"{BY_SUBSET}{subset} f1", Estimate(None))
        for each in results.scorers
    ]
    return [Bar(each, estimated(each, share)) for each in found]


def share(value: float | None) -> str:
    """In per cent."""
    return "–" if value is None else f"{100 * value:.1f}"


def plots(results: Results) -> list[Plot]:
    """The reliability diagram of each scorer that has a point in it."""
    found = []
    for number, each in enumerate(results.scorers):
        figures = each.figures
        series = [Series("as it says", spots(figures.curve), number)]
        if figures.tempered is not None:
            after = spots(figures.tempered)
            series.append(Series("tempered", after, number + 1, LineStyle.DASHED))
        if series[0].spots:
            told = f"{each.called}: what it says of steps, and what is so"
            found.append(reliability(f"steps-{number + 1}", told, "step", series, OF_STEPS))
        whole = [Series("as it says", spots(figures.whole), number)]
        if whole[0].spots:
            told = f"{each.called}: of whole solutions"
            found.append(
                reliability(f"solutions-{number + 1}", told, "solution", whole, OF_SOLUTIONS)
            )
    return found


def reliability(id: str, title: str, noun: str, series: Sequence[Series], caption: str) -> Plot:
    """How often what has a stated probability is correct."""
    return Plot(
        id=id,
        title=title,
        x_label=f"Stated probability that the {noun} is correct (%)",
        y_label="Share that is correct (%)",
        series=tuple(series),
        y_range=(0.0, 1.0),
        x_range=(0.0, 1.0),
        diagonal=True,
        caption=f"{caption} Bands: 95 % Wilson intervals, as if {noun}s were independent.",
    )


def spots(curve: Calibration) -> tuple[Spot, ...]:
    """The bins that hold something."""
    return tuple(
        Spot(each.probability, each.rate, *(each.ci95 or (None, None)))
        for each in curve.bins
        if each.probability is not None and each.rate is not None
    )


def mistakes(each: ScorerResult) -> tuple[int, list[Mistake]]:
    """How many there are, and the first few."""
    found = [item for item in each.judged if not item.matches]
    return len(found), [mistake(item) for item in found[:SHOWN_MISTAKES]]


def mistake(item: JudgedSolution) -> Mistake:
    """What was labelled and what was said."""
    said = item.first_below()
    verdicts = [*item.judgement.verdicts, *[None] * len(item.solution.labels.steps)]
    texts = item.solution.labels.steps
    return Mistake(
        item.solution.id,
        f"labelled {step(item.label)}, called {step(said)}",
        item.solution.labels.problem.question,
        [
            (text, verdict, number == item.label)
            for number, (text, verdict) in enumerate(zip(texts, verdicts, strict=False))
        ],
    )


def step(number: int) -> str:
    """`wrong at step 2`, from 1."""
    words = {NO_ERROR: "right", UNREAD: "nothing that can be read"}
    return words.get(number, f"wrong at step {number + 1}")
