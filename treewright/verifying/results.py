"""What came of a verification: its figures, what failed, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.datasets.labelled import LabelledData
from benchmarks.estimators.clusters import Estimate
from search.ports import Failure, FailureKind
from treewright.journal.journal import Journal
from treewright.running.controller import Failed
from treewright.verifying.asked import fitted_on, measured
from treewright.verifying.comparing import FigureDifference, against_first
from treewright.verifying.figures import Figures, measure
from treewright.verifying.judged import JudgedSolution
from treewright.verifying.judging import Known, finish, recorded
from treewright.verifying.verification import Verification


@dataclass(frozen=True)
class ScorerResult:
    """One scorer over the data. `judged`: what is measured; `fit_on` is not."""

    verification: Verification
    judged: list[JudgedSolution]
    fit_on: list[JudgedSolution]
    failed: list[Failed]
    figures: Figures

    @property
    def called(self) -> str:
        """Its name beside others."""
        return self.verification.called

    @classmethod
    def of(cls, verification: Verification, known: Known, fit: str | None) -> ScorerResult:
        """The figures over what is known."""
        data = verification.data
        asked, others = (
            {each.id for each in part} for part in (measured(data, fit), fitted_on(data, fit))
        )
        judged = [each for each in known.judged if each.solution.id in asked]
        fit_on = [each for each in known.judged if each.solution.id in others]
        return cls(
            verification, judged, fit_on, known.failed, measure(judged, fit_on if fit else None)
        )

    def to_json(self) -> dict[str, Any]:
        """All figures, and the failures."""
        figures = self.figures
        return {
            "scorer": self.called,
            "folder": str(self.verification.run.path),
            **asdict(figures.counts),
            "failures": [
                {"id": each.problem_id, "kind": each.failure.kind, "message": each.failure.message}
                for each in self.failed
            ],
            "figures": {name: told(each) for name, each in figures.estimates.items()},
            "tokens_per_judgement": asdict(figures.tokens),
            "temperature": list(figures.temperature.found),
            "threshold": list(figures.threshold.found),
            "curve": asdict(figures.curve)["bins"],
            "tempered_curve": figures.tempered and asdict(figures.tempered)["bins"],
            "solution_curve": asdict(figures.whole)["bins"],
        }


@dataclass(frozen=True)
class Results:
    """Scorers side by side over the same data. `fit`: the subset that was fitted on, if any."""

    data: LabelledData
    fit: str | None
    scorers: list[ScorerResult]
    differences: list[FigureDifference]

    @classmethod
    def of(cls, data: LabelledData, fit: str | None, scorers: list[ScorerResult]) -> Results:
        """With what tells the others from the first."""
        names = [each.called for each in scorers]
        return cls(data, fit, scorers, against_first(names, [each.judged for each in scorers]))

    @property
    def bad_rows(self) -> list[Failed]:
        """Rows that no scorer could be asked about."""
        return [
            Failed(row.id, Failure(FailureKind.INVALID, f"row {row.number}: {row.reason}"))
            for row in self.data.bad_rows
        ]

    def failures(self) -> Sequence[tuple[str, Failed]]:
        """All that failed, with the scorer; bad rows belong to none."""
        bad = [("", item) for item in self.bad_rows]
        return bad + [(each.called, item) for each in self.scorers for item in each.failed]

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "data": self.data.name,
            "subsets": self.data.subsets,
            "fit": self.fit,
            "unlabelled": self.data.unlabelled,
            "bad_rows": [each.failure.message for each in self.bad_rows],
            "scorers": [each.to_json() for each in self.scorers],
            "differences": [
                {**asdict(each), "difference": told(each.difference), "shown": each.shown}
                for each in self.differences
            ],
        }


async def known_of(verification: Verification) -> Known:
    """All judgements of a verification that has begun, those that are missing made now.

    Of a complete one its journal is read, and nothing is written, unless that has lost some.
    """
    if verification.complete:
        with Journal.open(verification.run.journal, readonly=True) as journal:
            known = await recorded(verification, journal)
        if not known.pending:
            return known
    return await finish(verification)


def told(estimate: Estimate) -> dict[str, Any]:
    """A figure with its interval."""
    return {"value": estimate.value, "ci95": estimate.ci95}
