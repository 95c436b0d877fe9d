"""Measures both models by level: `python -m benchmarks.arithmetic.evaluate [--split …]`.

Plain transformers, no vLLM; writes nothing but the tables (or one JSON object with --json).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.arithmetic.checker import is_solved
from benchmarks.arithmetic.judging import ReadChain, judge
from benchmarks.arithmetic.learning import load_checkpoint, set_threads
from benchmarks.arithmetic.sampling import TEMPERATURE, draw
from benchmarks.arithmetic.scores import (
    Judged,
    best,
    majority,
    passed,
    step_scores,
    weighted,
    whole_scores,
)
from benchmarks.arithmetic.splits import read_split

HOME = Path(__file__).parent
Figures = Mapping[str, float]


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


def measure(asked: argparse.Namespace) -> dict[str, Figures]:
    """Returns each figure by level of what is asked for; without a verifier only the policy's."""
    drawn = read_split(asked.split)[: asked.problems]
    levels = [problem.level for problem in drawn]
    writer = load_checkpoint(asked.policy)
    greedy = draw(*writer, drawn, 0.0, asked.seed)
    repeated = [problem for problem in drawn for _ in range(asked.samples)]
    written = draw(*writer, repeated, asked.temperature, asked.seed)
    if asked.verifier:
        readings = judge(*load_checkpoint(asked.verifier), written, asked.chains)
    else:
        readings = [ReadChain("", (), None) for _ in written]
    judged = list(zip(written, readings, strict=True))
    groups = [judged[i : i + asked.samples] for i in range(0, len(judged), asked.samples)]
    rows: dict[str, Figures] = {"greedy": by_level(levels, [is_solved(*each) for each in greedy])}
    for name, figure in (POLICY | VERIFIER if asked.verifier else POLICY).items():
        rows[name] = by_level(levels, [figure(group) for group in groups])
    if asked.verifier:
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


def options(module: str, home: Path, temperature: float) -> argparse.ArgumentParser:
    """Returns the options of such a command; its policy is by default the one in `home`."""
    made = argparse.ArgumentParser(prog=f"python -m {module}")
    made.add_argument("--policy", type=Path, default=home / "policy")
    made.add_argument("--verifier", type=Path, help="a checkpoint; without it only the policy")
    made.add_argument("--split", choices=("test", "validation", "train"), default="test")
    made.add_argument("--problems", type=int, default=100, help="problems, from the first")
    made.add_argument("--samples", type=int, default=16, help="samples per problem (k)")
    made.add_argument("--temperature", type=float, default=temperature, help="of the samples")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--threads", type=int, help="CPU threads (default: PyTorch's choice)")
    made.add_argument("--json", action="store_true", help="one object instead of a table")
    return made


def told(asked: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    """Returns the parsed command line; the threads are set."""
    given = asked.parse_args(arguments)
    if given.threads:
        set_threads(given.threads)
    return given


def show(rows: Mapping[str, Figures], as_json: bool) -> int:
    """Prints figures by level, as a table or as one object; returns 0."""
    if as_json:
        print(json.dumps(rows))
        return 0
    columns = list(rows["greedy"])
    print(" ".join([f"{'':15}", *(f"{column:>6}" for column in columns)]))
    for name, row in rows.items():
        print(" ".join([f"{name:15}", *(f"{row[column]:6.3f}" for column in columns)]))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures."""
    asked = options("benchmarks.arithmetic.evaluate", HOME, TEMPERATURE)
    asked.add_argument("--chains", type=int, default=1, help="critiques of each sample (K)")
    given = told(asked, arguments)
    return show(measure(given), given.json)


if __name__ == "__main__":
    sys.exit(main())
