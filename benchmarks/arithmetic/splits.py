"""The frozen train, validation and test problems, as JSONL beside this file.

`python -m benchmarks.arithmetic.splits` writes the files anew, `--check` compares them instead.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.arithmetic.problems import ArithmeticProblem, Operation, problems

FOLDER = Path(__file__).parent / "data"
SEED = 20_240_501
SIZES: Mapping[str, int] = {"test": 512, "validation": 256, "train": 1024}


def draw_splits() -> dict[str, list[ArithmeticProblem]]:
    """Draws all splits from one stream without repeats, so no chain is in two of them."""
    stream = problems(SEED)
    return {split: list(islice(stream, size)) for split, size in SIZES.items()}


def write_row(problem: ArithmeticProblem) -> str:
    """Returns the JSON line of a problem: what a dataset reads, then the symbolic form."""
    row = {
        "id": problem.id,
        "problem": problem.question,
        "answer": str(problem.answer),
        "kind": problem.kind,
        "steps": len(problem.operations),
        "start": problem.start,
        "operations": [[o.symbol, o.operand] for o in problem.operations],
    }
    return json.dumps(row)


def read_row(line: str) -> ArithmeticProblem:
    """Returns the problem of a JSON line written by `write_row`."""
    return problem_of(json.loads(line))


def problem_of(row: Mapping[str, Any]) -> ArithmeticProblem:
    """Returns the problem of a row."""
    operations = tuple(Operation(symbol, operand) for symbol, operand in row["operations"])
    return ArithmeticProblem(row["kind"], row["start"], operations, row["problem"])


def split_path(split: str) -> Path:
    """Returns the JSONL file of a split."""
    return FOLDER / f"{split}.jsonl"


def read_split(split: str) -> list[ArithmeticProblem]:
    """Returns the problems of `train`, `validation` or `test` in file order."""
    lines = split_path(split).read_text(encoding="utf-8").splitlines()
    return [read_row(line) for line in lines]


def held_out_keys() -> frozenset[str]:
    """Returns the keys of all validation and test problems: training must not draw them."""
    return frozenset(p.key for split in ("validation", "test") for p in read_split(split))


def command(
    arguments: list[str] | None, about: str, folder: Path, splits: Mapping[str, list[str]]
) -> int:
    """Writes split files, or with --check reports whether they are what would be written.

    Args:
        arguments: the command line; None is the process's own.
        about: what the command does, in a line.
        folder: where the files are.
        splits: the lines of each split.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args(arguments).check
    different = []
    for split, lines in splits.items():
        text, path = "".join(line + "\n" for line in lines), folder / f"{split}.jsonl"
        if not check:
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            different.append(path.name)
    if different:
        print(f"{folder}: differ from the generator: {', '.join(different)}", file=sys.stderr)
    return 1 if different else 0


def main(arguments: list[str] | None = None) -> int:
    """Writes the split files, or with --check reports whether they are what would be written."""
    lines = {split: list(map(write_row, rows)) for split, rows in draw_splits().items()}
    return command(arguments, __doc__.partition("\n")[0], FOLDER, lines)


if __name__ == "__main__":
    sys.exit(main())
