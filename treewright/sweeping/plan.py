"""What a sweep would run and cost at most: counted, with no model loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from treewright.plan import RunPlan, make_plan, total
from treewright.sweeping.generation import Generation


@dataclass(frozen=True)
class GenerationPlan:
    """What one generation costs at most.

    `tokens` of both models: 0 where both are doubles, None where one is unknown.
    """

    cells: int
    status: str
    plan: RunPlan
    tokens: int | None


@dataclass(frozen=True)
class SweepPlan:
    """The whole. `tokens` are of the generations that are not complete, None where unknown."""

    name: str
    cells: list[dict[str, Any]]
    generations: list[GenerationPlan]
    tokens: int | None


def make_sweep_plan(generations: Sequence[Generation]) -> SweepPlan:
    """Count. Raises `DatasetError` for data that cannot be used."""
    planned = [_of(generation) for generation in generations]
    cells: list[dict[str, Any]] = [
        {
            "cell": cell.number,
            "overrides": list(cell.overrides),
            "generation": generation.number,
            "status": generation.status,
        }
        for generation in generations
        for cell in generation.cells
    ]
    missing = [
        each
        for each, generation in zip(planned, generations, strict=True)
        if not generation.run.complete
    ]
    name = generations[0].run.config.name
    ordered = sorted(cells, key=lambda cell: cell["cell"])
    return SweepPlan(name, ordered, planned, total(each.tokens for each in missing))


def to_json(plan: SweepPlan) -> dict[str, Any]:
    """A plain object."""
    return asdict(plan)


def _of(generation: Generation) -> GenerationPlan:
    plan = make_plan(generation.run.config)
    most = total([plan.policy.tokens, plan.scorer.tokens])
    return GenerationPlan(len(generation.cells), generation.status, plan, most)
