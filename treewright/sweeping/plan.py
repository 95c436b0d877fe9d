"""What a sweep would run and cost at most: counted, with no model loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from treewright.plan import RunPlan, make_plan, total
from treewright.sweeping.shared_run import SharedRun


@dataclass(frozen=True)
class SharedRunPlan:
    """What one run costs at most.

    `tokens` of both models: 0 where both are doubles, None where one is unknown.
    """

    cells: int
    status: str
    plan: RunPlan
    tokens: int | None

    @classmethod
    def of(cls, run: SharedRun) -> SharedRunPlan:
        """Count. Raises `DatasetError` for data that cannot be used."""
        plan = make_plan(run.job.config)
        most = total([plan.policy.tokens, plan.scorer.tokens])
        return cls(len(run.cells), run.status, plan, most)


@dataclass(frozen=True)
class SweepPlan:
    """The whole. `tokens` are of the runs that are not complete, None where unknown."""

    name: str
    cells: list[dict[str, Any]]
    runs: list[SharedRunPlan]
    tokens: int | None

    @classmethod
    def of(cls, runs: Sequence[SharedRun]) -> SweepPlan:
        """Count. Raises `DatasetError` for data that cannot be used."""
        planned = [SharedRunPlan.of(run) for run in runs]
        cells: list[dict[str, Any]] = [
            {
                "cell": cell.number,
                "overrides": list(cell.overrides),
                "generation": run.number,
                "status": run.status,
            }
            for run in runs
            for cell in run.cells
        ]
        pairs = zip(planned, runs, strict=True)
        missing = total(each.tokens for each, run in pairs if not run.job.complete)
        ordered = sorted(cells, key=lambda cell: cell["cell"])
        return cls(runs[0].job.config.name, ordered, planned, missing)

    def to_json(self) -> dict[str, object]:
        """A plain object."""
        runs = [asdict(run) for run in self.runs]
        told = {"name": self.name, "cells": self.cells, "generations": runs}
        return {**told, "tokens": self.tokens}
