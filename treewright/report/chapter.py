"""One run as the page shows it: figures, plots, and what they say in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.grading import Outcome
from engines.traits import contest_of
from search.wording import counted
from treewright.arms.comparison import Comparison
from treewright.arms.graded_run import Curve
from treewright.arms.standing import Standing, standings
from treewright.config.fingerprint import differences, identity_of
from treewright.config.notes import SIZES
from treewright.config.steering import strategy_told
from treewright.ledger import Ledger
from treewright.report import charts
from treewright.report.differences import against_last
from treewright.report.headline import Tile, summary, tiles
from treewright.report.plot import Plot
from treewright.report.reported_run import ReportedRun
from treewright.report.verifier import Verifier, verifier
from treewright.running.run_folder import Status
from treewright.running.wasted import with_lost


@dataclass(frozen=True)
class Chapter:
    """Everything of one run but its trees.

    `arms` are aligned with `standings`; the best come first. `notes` say what a reader has to know
    before believing a figure.
    """

    reading: ReportedRun
    strategy: str
    notes: tuple[str, ...]
    summary: str
    tiles: tuple[Tile, ...]
    arms: tuple[Curve, ...]
    standings: tuple[Standing, ...]
    accuracy_plots: tuple[Plot, ...]
    difference_plots: tuple[Plot, ...]
    comparisons: tuple[Comparison, ...]
    verifier: Verifier | None
    verifier_plots: tuple[Plot, ...]
    ledger: Ledger

    @property
    def plots(self) -> tuple[Plot, ...]:
        """All of them."""
        return (*self.accuracy_plots, *self.difference_plots, *self.verifier_plots)

    @property
    def reach(self) -> float:
        """How far the intervals of the comparisons go, at most, to either side of 0."""
        ends = [abs(end) for row in self.comparisons for end in row.ci95 or ()]
        return max([0.01, *ends])


def chapter(reading: ReportedRun) -> Chapter:
    """Measure a run; defined for one without a single result."""
    run = reading.graded
    found = run.curves(reading.arms)
    judged = verifier(reading) if reading.aggregations and reading.cases else None
    placed = standings([curve.top for curve in found])
    order = sorted(range(len(found)), key=lambda at: -(found[at].figures.accuracy or -1.0))
    chosen = charts.over_optimisation(run, found)
    drawn = [charts.calibration_plot(judged), charts.depth_plot(judged), chosen] if judged else []
    return Chapter(
        reading=reading,
        strategy=strategy_told(reading.source.config),
        notes=tuple(notes(reading, judged)),
        summary=summary(reading, found, placed),
        tiles=tuple(tiles(reading, found)),
        arms=tuple(found[at] for at in order),
        standings=tuple(placed[at] for at in order),
        accuracy_plots=(
            *_with_points(charts.accuracy_over_n(run, found)),
            *_with_points(charts.accuracy_over_tokens(run, found)),
        ),
        difference_plots=tuple(_with_points(charts.difference_over_n(run, found))),
        comparisons=tuple(against_last(found)),
        verifier=judged,
        verifier_plots=tuple(plot for plot in drawn if plot is not None),
        ledger=ledger_of(reading),
    )


def _with_points(plots: Iterable[Plot]) -> Iterator[Plot]:
    """Those that show something: where no answer could be graded there is nothing."""
    return (plot for plot in plots if any(series.spots for series in plot.series))


def ledger_of(reading: ReportedRun) -> Ledger:
    """What the run spent, as its `metrics.json` has it."""
    return with_lost(Ledger.sum([case.ledger for case in reading.cases]), reading.lost)


def notes(reading: ReportedRun, judged: Verifier | None) -> list[str]:
    """What is special about this run, a sentence each."""
    cases, source = reading.cases, reading.source
    told = [*unfinished(reading), *changed(reading)]
    if reading.damage:
        told.append(f"{reading.damage[0].upper()}{reading.damage[1:]}.")
    if not cases:
        return [*told, "No problem has a result yet, so there is no figure to show."]
    if len(cases) == 1:
        told.append("One problem: its figures say nothing about others, intervals are as wide.")
    if reading.largest <= 1:
        told.append("One solution per problem: every way to choose among them is the same.")
    told += ungraded(reading)
    if reading.unjudged:
        told.append(f"No verifier was asked ({reading.unjudged}): nothing is scored.")
    elif judged is not None and not judged.solutions:
        told.append("Not one verdict could be read: arms that choose by score have no accuracy.")
    if not source.draws_independently and reading.largest > 1:
        told.append(
            "Its solutions are no independent draws, so a part of them is no smaller search: "
            "figures are for all of them only."
        )
    elif reading.largest > 1 and not reading.unjudged and has_contest(reading):
        told.append(f"{SIZES[0].upper()}{SIZES[1:]}.")
    limits = sum(case.exhausted is not None for case in cases)
    if limits:
        told.append(
            f"{counted(limits, 'search', 'es')} ended at a limit before it ended by itself."
        )
    return told


def has_contest(reading: ReportedRun) -> bool:
    """Whether chains were added to its judgements where they mattered."""
    config = reading.source.config
    return contest_of(config.scorer, config.strategy) is not None


def ungraded(reading: ReportedRun) -> list[str]:
    """That no answer is there to be graded, or nobody knows which are right."""
    outcomes = {each for case in reading.cases for each in case.outcomes}
    if outcomes <= {Outcome.ABSTAINED}:
        return ["No solution gave an answer: every arm abstains, which counts as wrong."]
    if Outcome.UNKNOWN in outcomes:
        return ["Nobody knows the right answers: nothing is graded, no arm has an accuracy."]
    return []


def unfinished(reading: ReportedRun) -> list[str]:
    """That problems are missing, or that some failed."""
    told = []
    if reading.pending:
        told.append(
            f"Not finished: {reading.pending} of {reading.problems} problems have no result. Those "
            "that have one are the quick ones; figures are over them and will change."
        )
    elif reading.status is not Status.COMPLETE:
        told.append(f"The run did not end in order: its status is {reading.status or 'unknown'}.")
    if reading.failed:
        told.append(f"{counted(len(reading.failed), 'problem')} with a failure; see below.")
    return told


def changed(reading: ReportedRun) -> list[str]:
    """That the installation is not the one that made the run; the questions are the same."""
    source = reading.source
    now = identity_of(source.config, source.dataset.digest)
    keys = [key for key in differences(source.identity, now) if key in source.identity]
    return [f"Made with another {', '.join(keys)} than there is now."] if keys else []
