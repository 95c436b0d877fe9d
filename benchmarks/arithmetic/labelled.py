"""Solutions by the embedded policies, every step labelled by the exact checkers, as JSONL.

They measure verifiers (`treewright verify`). `python -m benchmarks.arithmetic.labelled [NAME …]`
writes the files anew from the checkpoints, by default those of all domains; it takes two minutes on
two cores. Rows are as ProcessBench has them: `label` is the first wrong step, from 0, or -1.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.arithmetic import checker
from benchmarks.arithmetic.learning import load_checkpoint
from benchmarks.arithmetic.sampling import draw
from benchmarks.arithmetic.scores import first_error
from benchmarks.arithmetic.splits import read_split
from benchmarks.arithmetic.structured import checker as structured_checker
from benchmarks.arithmetic.structured import sampling as structured_sampling
from benchmarks.arithmetic.structured.choices import offer
from benchmarks.arithmetic.structured.responses import read_steps, split_steps
from benchmarks.structured import option_answer
from search.structured_protocol import ResponseFormat, read_response

HOME = Path(__file__).parent
SIZES: Mapping[str, int] = {"test": 120, "validation": 60}
"""Problems of each split, from the first."""
SAMPLES = 2
"""Solutions of each problem, at temperature 1."""
SEED = 20_261_129
RULES = ResponseFormat(10, 15, 12)
"""Fewest tokens of a section, as in configs/structured_arithmetic.yaml."""
NO_ERROR = -1

Row = dict[str, object]


def write_row(
    name: str,
    question: str,
    steps: Sequence[str],
    labels: Sequence[bool | None],
    solved: bool,
    generator: str,
) -> Row:
    """Returns a row in the schema of ProcessBench; `solved`: its answer is right, however found."""
    wrong = first_error(labels)
    return {
        "id": name,
        "generator": generator,
        "problem": question,
        "steps": list(steps),
        "final_answer_correct": solved,
        "label": NO_ERROR if wrong is None else wrong,
    }


def levels_rows(split: str) -> Iterator[Row]:
    """Yields samples of the problems with levels, each with its level."""
    problems = read_split(split)[: SIZES[split]]
    asked = [problem for problem in problems for _ in range(SAMPLES)]
    written = draw(*load_checkpoint(HOME / "policy"), asked, 1.0, SEED)
    for number, (problem, (_, steps)) in enumerate(zip(asked, written, strict=True)):
        if steps:
            labels = checker.check(problem, steps)
            solved = checker.is_solved(problem, steps)
            name = f"{problem.id}-{number % SAMPLES}"
            row = write_row(name, problem.question, steps, labels, solved, "arithmetic/policy")
            yield {**row, "level": problem.level}


def choices_rows(split: str) -> Iterator[Row]:
    """Yields responses of the structured policy that keep its format: no other is ever judged.

    Each has its problem's level. Steps are as the policy wrote them, with their tags.
    """
    drawn = read_split(split)[: SIZES[split]]
    level_of = {problem.id: problem.level for problem in drawn}
    problems = [offer(problem, 0) for problem in drawn]
    asked = [choice for choice in problems for _ in range(SAMPLES)]
    model, tokenizer = load_checkpoint(HOME / "structured" / "policy")
    written = structured_sampling.draw(model, tokenizer, asked, 1.0, SEED)
    for number, (choice, text) in enumerate(written):
        if read_response(text, RULES, lambda said: len(tokenizer.encode(said))).valid:
            labels = structured_checker.check(choice, read_steps(choice, text))
            name = f"{choice.problem.id}-{number % SAMPLES}"
            solved = option_answer(text, 0) == str(choice.answer)
            steps = split_steps(text)
            row = write_row(name, choice.question, steps, labels, solved, "structured/policy")
            yield {**row, "level": level_of[choice.problem.id]}


DOMAINS: Mapping[str, tuple[Path, Callable[[str], Iterator[Row]]]] = {
    "arithmetic_levels": (HOME / "data", levels_rows),
    "arithmetic_levels_choices": (HOME / "structured" / "data", choices_rows),
}
"""By name of the problems: where the files are, and what makes their rows."""


def main(arguments: list[str] | None = None) -> int:
    """Writes the files and tells of each how many solutions are wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arithmetic.labelled")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(DOMAINS))
    names = parser.parse_args(arguments).names or list(DOMAINS)
    if unknown := [name for name in names if name not in DOMAINS]:
        parser.error(f"{unknown[0]}: no such domain; choose from {', '.join(DOMAINS)}")
    for name in names:
        folder, rows_of = DOMAINS[name]
        folder.mkdir(exist_ok=True)
        for split in SIZES:
            rows = list(rows_of(split))
            path = folder / f"labelled_{split}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            wrong = sum(row["label"] != NO_ERROR for row in rows)
            print(f"{path.relative_to(HOME)}: {len(rows)} solutions, {wrong} with a wrong step")
    return 0


if __name__ == "__main__":
    sys.exit(main())
