"""Measures both stand-ins: `python -m benchmarks.arithmetic.evaluate [--problems N --samples K]`.

Plain transformers, no vLLM; writes nothing but the table (or one JSON object with --json).
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.arithmetic.checker import check, is_solved, read_claim
from benchmarks.arithmetic.judging import ReadChain, judge
from benchmarks.arithmetic.learning import load_checkpoint
from benchmarks.arithmetic.sampling import Solution, sample_solutions
from benchmarks.arithmetic.splits import read_split
from benchmarks.estimators.first_errors import counts

HOME = Path(__file__).parent
Judged = tuple[Solution, ReadChain]
Measured = Callable[[Path, Path, int, int, int], dict[str, Any]]
"""From policy, verifier, number of problems, samples of each, and seed to all figures."""


def first_error(labels: Sequence[bool | None]) -> int | None:
    """Returns the index (from 0) of the first wrong step, or None."""
    return labels.index(False) if False in labels else None


def step_scores(judged: Sequence[Judged]) -> dict[str, float]:
    """Returns `error_scores` of solutions, labelled by the exact checker."""
    return error_scores(
        [(first_error(check(problem, steps)), reading) for (problem, steps), reading in judged]
    )


def error_scores(judged: Sequence[tuple[int | None, ReadChain]]) -> dict[str, float]:
    """Returns precision, recall and F1 of the class `incorrect` over steps, by first error.

    A solution has at most one positive step: its first wrong one, which stands first in each pair.
    The verifier predicts at most one: the first that it judges incorrect. A hit is the same step; a
    prediction elsewhere is a false alarm and, where the solution has an error, a miss too.
    """
    wrong = [label for label, _ in judged]
    hits, predicted, actual = counts(wrong, [reading.first_error for _, reading in judged])
    precision, recall = hits / max(1, predicted), hits / max(1, actual)
    return {
        "step_precision": precision,
        "step_recall": recall,
        "step_f1": 2 * hits / max(1, predicted + actual),
    }


def whole_scores(judged: Sequence[Judged]) -> dict[str, float]:
    """Returns precision and recall of `No` where a step is wrong, and the unreadable share."""
    wrong = [False in check(problem, steps) for (problem, steps), _ in judged]
    said_no = [reading.whole is not None and reading.whole < 0.5 for _, reading in judged]
    hits = sum(w and n for w, n in zip(wrong, said_no, strict=True))
    unreadable = sum(not reading.is_readable(len(steps)) for (_, steps), reading in judged)
    return {
        "solution_precision": hits / max(1, sum(said_no)),
        "solution_recall": hits / max(1, sum(wrong)),
        "unreadable": unreadable / len(judged),
    }


def boxed(steps: Sequence[str]) -> int | None:
    """Returns the boxed answer of a solution, or None."""
    claim = read_claim(steps[-1]) if steps else None
    return None if claim is None else claim.boxed


def majority(group: Sequence[Judged]) -> bool:
    """Returns whether the most frequent answer is right; the earliest wins a tie."""
    votes = Counter(boxed(steps) for (_, steps), _ in group if boxed(steps) is not None)
    return bool(votes) and votes.most_common(1)[0][0] == group[0][0][0].answer


def best(group: Sequence[Judged], aggregate: str) -> bool:
    """Returns whether the sample that the verifier likes best is right, by `min` or by `whole`.

    A sample without a boxed answer or with an unreadable chain is never preferred.
    """

    def score(item: Judged) -> float:
        (_, steps), reading = item
        if boxed(steps) is None or not reading.is_readable(len(steps)):
            return -1.0
        return min(reading.steps) if aggregate == "min" else reading.whole or 0.0

    problem, steps = max(group, key=score)[0]
    return is_solved(problem, steps)


def selection_scores(groups: Sequence[Sequence[Judged]]) -> dict[str, float]:
    """Returns accuracies of the ways to pick one of the samples of each problem."""
    solved = [[is_solved(problem, steps) for (problem, steps), _ in group] for group in groups]
    return {
        "pass@1": sum(map(sum, solved)) / sum(map(len, solved)),
        "pass@k": sum(map(any, solved)) / len(groups),
        "majority@k": sum(map(majority, groups)) / len(groups),
        "best@k min": sum(best(group, "min") for group in groups) / len(groups),
        "best@k whole": sum(best(group, "whole") for group in groups) / len(groups),
    }


def measure(policy: Path, verifier: Path, problems: int, samples: int, seed: int) -> dict[str, Any]:
    """Returns all figures on the first `problems` test problems with `samples` samples each."""
    drawn = read_split("test")[:problems]
    model, tokenizer = load_checkpoint(policy)
    greedy = sample_solutions(model, tokenizer, drawn, 0.0, seed)
    repeated = [problem for problem in drawn for _ in range(samples)]
    written = sample_solutions(model, tokenizer, repeated, 1.0, seed)
    judged = list(zip(written, judge(*load_checkpoint(verifier), written), strict=True))
    groups = [judged[i : i + samples] for i in range(0, len(judged), samples)]
    solved = sum(is_solved(problem, steps) for problem, steps in greedy)
    return {
        "problems": len(drawn),
        "samples": samples,
        "greedy": solved / len(drawn),
        **selection_scores(groups),
        **step_scores(judged),
        **whole_scores(judged),
    }


def command(
    module: str, home: Path, samples: int, measured: Measured, arguments: list[str] | None
) -> int:
    """Prints figures of two checkpoints, by default those in `home` with `samples` per problem."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("--policy", type=Path, default=home / "policy")
    parser.add_argument("--verifier", type=Path, default=home / "verifier")
    parser.add_argument("--problems", type=int, default=128, help="test problems, from the first")
    parser.add_argument("--samples", type=int, default=samples, help="samples per problem (k)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one object instead of a table")
    options = parser.parse_args(arguments)
    figures = measured(
        options.policy, options.verifier, options.problems, options.samples, options.seed
    )
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:20} {value:.3f}" if isinstance(value, float) else f"{name:20} {value}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures."""
    return command("benchmarks.arithmetic.evaluate", HOME, 16, measure, arguments)


if __name__ == "__main__":
    sys.exit(main())
