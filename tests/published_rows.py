"""A few rows of every dataset on the Hub, in the schema and the format that it really has."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from benchmarks.datasets import DATASETS

MATH500 = [
    {
        "problem": "What is $2^3$?",
        "solution": r"It is $\boxed{8}$.",
        "answer": "8",
        "subject": "Algebra",
        "level": 1,
        "unique_id": "test/algebra/1.json",
    }
]
AIME24 = [
    {
        "id": 60,
        "problem": "Find the remainder.",
        "solution": r"\boxed{025}",
        "answer": "025",
        "url": "https://example.org/1",
        "year": "2024",
    }
]
AIME25 = [{"problem": "Find the sum of the bases.", "answer": "70", "id": "0"}]
GSM8K = [{"question": "Ann has 3 apples, eats 1.", "answer": "3 - 1 = <<3-1=2>>2\n#### 2"}] * 2
MMLU = [
    {
        "question": f"Which of these is {n}?",
        "subject": subject,
        "choices": [str(n + k) for k in range(4)],
        "answer": 0,
    }
    for n, subject in enumerate(["anatomy", "anatomy", "virology"])
]
GPQA = [
    {
        "Pre-Revision Question": "…",
        "Question": "Which particle,\nif any? \n",
        "Correct Answer": "the muon\n",
        "Incorrect Answer 1": "the pion",
        "Incorrect Answer 2": "the kaon",
        "Incorrect Answer 3": "none",
        "Explanation": 'as "shown"',
        "Subdomain": "Particle physics",
        "High-level domain": "Physics",
        "Record ID": "rec0",
        "Canary String": "…",
    }
]
PROCESSBENCH = [
    {
        "id": "gsm8k-0",
        "generator": "Some-Model",
        "problem": "1 + 1 + 1?",
        "steps": ["1 + 1 = 2.", "2 + 1 = 4."],
        "final_answer_correct": False,
        "label": 1,
    },
    {
        "id": "gsm8k-1",
        "generator": "Some-Model",
        "problem": "1 + 1?",
        "steps": ["1 + 1 = 2."],
        "final_answer_correct": True,
        "label": -1,
    },
]


def step(*ratings: int | None, chosen: int | None = 0, human: object = None) -> dict[str, Any]:
    completions = [
        {"text": f"step {number}", "rating": rating, "flagged": None}
        for number, rating in enumerate(ratings)
    ]
    return {"completions": completions, "human_completion": human, "chosen_completion": chosen}


def labelled(*steps: dict[str, Any], finish: str = "solution") -> dict[str, Any]:
    return {
        "labeler": "340d",
        "timestamp": "2023-01-22T04:34:27",
        "generation": 9,
        "is_quality_control_question": False,
        "is_initial_screening_question": False,
        "question": {
            "problem": "What is $4 + 4$?",
            "ground_truth_solution": r"\boxed{8}",
            "ground_truth_answer": "8",
            "pre_generated_steps": ["…"],
        },
        "label": {"steps": list(steps), "total_time": 1, "finish_reason": finish},
    }


PRM800K = [
    labelled(step(1), step(0), step(-1, 1, chosen=None), finish="found_error"),
    labelled(step(-1, 1, chosen=1), step(1)),
]

ROWS: dict[str, list[dict[str, Any]]] = {
    "math500": MATH500,
    "aime24": AIME24,
    "aime25": AIME25,
    "gsm8k": GSM8K,
    "mmlu": MMLU,
    "gpqa_diamond": GPQA,
    "processbench": PROCESSBENCH,
    "prm800k": PRM800K,
}


def write(folder: Path, name: str, rows: list[dict[str, Any]] | None = None) -> Path:
    """The rows in the format in which the dataset is published."""
    rows = ROWS[name] if rows is None else rows
    published = next(iter(DATASETS[name].files.values()))
    path = folder / f"{name}{Path(published).suffix}"
    if path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=2))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
