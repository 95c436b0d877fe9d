"""Measures both models by level: `python -m benchmarks.arithmetic.levels.evaluate [--split …]`.

Plain transformers, no vLLM; writes nothing but the tables (or one JSON object with --json).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arithmetic.checker import is_solved
from benchmarks.arithmetic.evaluate import (
    Judged,
    best,
    boxed,
    majority,
    step_scores,
    whole_scores,
)
from benchmarks.arithmetic.judging import ReadChain
from benchmarks.arithmetic.learning import load_checkpoint, set_threads
from benchmarks.arithmetic.levels.problems import LevelProblem
from benchmarks.arithmetic.levels.sampling import TEMPERATURE, draw, judge
from benchmarks.arithmetic.levels.splits import read_split

HOME = Path(__file__).parent
Figures = Mapping[str, float]


@dataclass(frozen=True)
class Sampled:
    """What is measured: the first `problems` of `split`, `samples` of each at `temperature`.

    The verifier writes `chains` chains on each sample.
    """

    split: str
    problems: int
    samples: int
    temperature: float
    chains: int
    seed: int

    @property
    def drawn(self) -> Sequence[LevelProblem]:
        """The problems; the levels come in turn."""
        return read_split(self.split)[: self.problems]


def weighted(group: Sequence[Judged]) -> bool:
    """Returns whether the answer with the largest sum of p(Yes) is right; the earliest wins a tie.

    A sample without a boxed answer or with an unreadable chain has no weight.
    """
    weights: defaultdict[int, float] = defaultdict(float)
    for (_, steps), reading in group:
        answer = boxed(steps)
        if answer is not None and reading.is_readable(len(steps)):
            weights[answer] += reading.whole or 0.0
    return bool(weights) and max(weights, key=weights.__getitem__) == group[0][0][0].answer


def passed(group: Sequence[Judged]) -> float:
    """Returns the share of samples that are right."""
    return sum(is_solved(problem, steps) for (problem, steps), _ in group) / len(group)


POLICY: dict[str, Callable[[Sequence[Judged]], float]] = {
    "pass@1": passed,
    "majority@k": majority,
    "any@k": lambda group: passed(group) > 0,
}
VERIFIER: dict[str, Callable[[Sequence[Judged]], float]] = {
    "weighted@k": weighted,
    "best@k": lambda group: best(group, "whole"),
    "best@k min": lambda group: best(group, "min"),
}
"""Figures of the samples of one problem: what the policy writes, what the verifier chooses."""


def by_level(levels: Sequence[int], values: Sequence[float]) -> dict[str, float]:
    """Returns the mean of each level and of all."""
    groups = defaultdict(list)
    for level, value in zip(levels, values, strict=True):
        groups[str(level)].append(float(value))
        groups["all"].append(float(value))
    return {name: sum(group) / len(group) for name, group in sorted(groups.items())}


def measure(policy: Path, verifier: Path | None, asked: Sampled) -> dict[str, Figures]:
    """Returns each figure by level; without a verifier only the policy's."""
    drawn = asked.drawn
    levels = [problem.level for problem in drawn]
    writer = load_checkpoint(policy)
    greedy = draw(*writer, drawn, 0.0, asked.seed)
    repeated = [problem for problem in drawn for _ in range(asked.samples)]
    written = draw(*writer, repeated, asked.temperature, asked.seed)
    if verifier:
        readings = judge(*load_checkpoint(verifier), written, asked.chains)
    else:
        readings = [ReadChain("", (), None) for _ in written]
    judged = list(zip(written, readings, strict=True))
    groups = [judged[i : i + asked.samples] for i in range(0, len(judged), asked.samples)]
    rows: dict[str, Figures] = {"greedy": by_level(levels, [is_solved(*each) for each in greedy])}
    for name, figure in (POLICY | VERIFIER if verifier else POLICY).items():
        rows[name] = by_level(levels, [figure(group) for group in groups])
    if verifier:
        for name in ("step_f1", "step_precision", "step_recall", "unreadable"):
            rows[name] = scores_by_level(levels, groups, name)
    return rows


def scores_by_level(
    levels: Sequence[int], groups: Sequence[Sequence[Judged]], name: str
) -> dict[str, float]:
    """Returns one of the verifier's scores over the samples of each level and of all."""
    parts: defaultdict[str, list[Judged]] = defaultdict(list)
    for level, group in zip(levels, groups, strict=True):
        parts[str(level)] += group
        parts["all"] += group
    return {
        key: (step_scores(part) | whole_scores(part))[name] for key, part in sorted(parts.items())
    }


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Returns the parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arithmetic.levels.evaluate")
    parser.add_argument("--policy", type=Path, default=HOME / "policy")
    parser.add_argument("--verifier", type=Path, help="a checkpoint; without it only the policy")
    parser.add_argument("--split", choices=("test", "validation", "train"), default="test")
    parser.add_argument("--problems", type=int, default=100, help="problems, from the first")
    parser.add_argument("--samples", type=int, default=16, help="samples per problem (k)")
    parser.add_argument("--temperature", type=float, default=TEMPERATURE, help="of the samples")
    parser.add_argument("--chains", type=int, default=1, help="critiques of each sample (K)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="CPU threads (default: PyTorch's choice)")
    parser.add_argument("--json", action="store_true", help="one object instead of a table")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures."""
    options = parse(arguments)
    if options.threads:
        set_threads(options.threads)
    asked = Sampled(
        options.split,
        options.problems,
        options.samples,
        options.temperature,
        options.chains,
        options.seed,
    )
    rows = measure(options.policy, options.verifier, asked)
    if options.json:
        print(json.dumps(rows))
        return 0
    columns = list(rows["greedy"])
    print(" ".join([f"{'':15}", *(f"{column:>6}" for column in columns)]))
    for name, row in rows.items():
        print(" ".join([f"{name:15}", *(f"{row[column]:6.3f}" for column in columns)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
