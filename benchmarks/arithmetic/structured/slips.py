"""Reasoning as the policy shall err: slips in each section, followed honestly from there on."""

from dataclasses import dataclass, replace
from random import Random

from benchmarks.arithmetic.errors import (
    OutOfRangeError,
    difficulty,
    in_range,
    wrong_operand,
    wrong_result,
)
from benchmarks.arithmetic.problems import Operation
from benchmarks.arithmetic.structured.choices import ChoiceProblem
from benchmarks.arithmetic.structured.reasoning import Calculation, Reasoning, conclude


@dataclass(frozen=True)
class Rates:
    """How often something goes wrong.

    Attributes:
        plan: share of the planned operations that are wrong or left out.
        calculation: mean share of the calculations that are wrong; harder ones more often.
        evaluation: share of the evaluations that misread or misname an option.
    """

    plan: float
    calculation: float
    evaluation: float

    def times(self, factor: float) -> "Rates":
        """Returns all rates multiplied."""
        return Rates(self.plan * factor, self.calculation * factor, self.evaluation * factor)


def slip(rng: Random, choice: ChoiceProblem, rates: Rates) -> Reasoning:
    """Returns reasoning with slips at these rates, each followed by right sentences."""
    while True:
        plan = _plan(rng, choice, rates.plan)
        if not plan:
            continue
        try:
            made = _calculations(rng, choice.problem.start, plan, rates.calculation)
        except OutOfRangeError:
            continue
        reasoning = conclude(choice, choice.problem.start, plan, made)
        return misjudge(rng, reasoning) if rng.random() < rates.evaluation else reasoning


def _plan(rng: Random, choice: ChoiceProblem, rate: float) -> list[Operation]:
    plan = []
    for index, operation in enumerate(choice.problem.operations):
        if rng.random() >= rate:
            plan.append(operation)
        elif rng.random() < 0.6:  # else it is left out
            plan.append(wrong_operand(rng, choice.problem, index))
    return plan


def _calculations(rng: Random, start: int, plan: list[Operation], rate: float) -> list[Calculation]:
    made = []
    value = start
    for operation in plan:
        wrong = rng.random() < rate * difficulty(operation, value)
        result = wrong_result(rng, operation, value) if wrong else operation.apply(value)
        made.append(Calculation(value, operation, in_range(result)))
        value = result
    return made


def misjudge(rng: Random, reasoning: Reasoning) -> Reasoning:
    """Returns the reasoning with an option misread as the result, or with another one named."""
    read = len(reasoning.options)
    if read > 1 and rng.random() < 0.5:
        at = rng.randrange(read - 1)
        options = (*reasoning.options[:at], reasoning.result)
        return replace(reasoning, options=options, named=at, output=at)
    named = rng.choice([index for index in range(4) if index != reasoning.named])
    return replace(reasoning, named=named, output=named)
