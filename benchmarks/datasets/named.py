"""The datasets that have a name: where they are, whose they are, and how a row is read.

What each costs, holds and may be used for is in docs/datasets.md. The revisions are commits of the
repositories on the Hugging Face Hub: the same rows are read on every machine, at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.datasets.arithmetic_choices import arithmetic_choices, arithmetic_levels_choices
from benchmarks.datasets.choices import GPQA_OPTIONS, OptionStyle, gpqa, mmlu, optional
from benchmarks.datasets.columns import find_columns, listed, questions_and_answers
from benchmarks.datasets.files import DatasetError
from benchmarks.datasets.hub import Repository, cached, fetch
from benchmarks.datasets.samples import Reader
from benchmarks.datasets.steps import prm800k, processbench

Schema: TypeAlias = Callable[[str, list[str], Mapping[str, str], OptionStyle], Reader]
"""From a file's name, its columns, `dataset.fields` and the options' style to a reader of rows."""


def plain_rows(
    file: str, columns: list[str], fields: Mapping[str, str], style: OptionStyle
) -> Reader:
    """Questions and answers, in columns under any of their usual names or those of `fields`."""
    found = find_columns(file, columns, fields)
    return optional(found, style) if found.options else questions_and_answers(found)


def schema(needed: tuple[str, ...], make: Callable[[OptionStyle], Reader]) -> Schema:
    """A schema of its own: the columns that it needs, and the reader."""

    def read(
        file: str, columns: list[str], fields: Mapping[str, str], style: OptionStyle
    ) -> Reader:
        del fields
        if missing := [name for name in needed if name not in columns]:
            hint = f"its columns are {listed(columns)}"
            raise DatasetError(file, f"has no column {missing[0]!r}", hint)
        return make(style)

    return read


@dataclass(frozen=True)
class NamedDataset:
    """A dataset with a name.

    `files`: by split, in `repository` or, where that is None, beside this module. `rows`: how many
    there are, by split, None where nobody counted. `licence`: as the repository states it.
    `multiple_choice`: rows have options. `labelled`: rows are solutions with their first wrong
    step.
    """

    about: str
    licence: str
    rows: Mapping[str, int | None]
    files: Mapping[str, str]
    repository: Repository | None
    read: Schema = plain_rows
    multiple_choice: bool = False
    labelled: bool = False

    def is_here(self, split: str, revision: str | None) -> bool:
        """Whether the file of a split is on this machine; `revision` None: the pinned one."""
        if self.repository is None:
            return True
        return cached(self.repository, self.files[split], revision) is not None

    def file(self, name: str, split: str, revision: str | None) -> Path:
        """The file of a split, downloaded where it is not here yet; `revision` None: the pinned.

        Raises:
            DatasetError: when there is no such split, or the file cannot be had.
        """
        if split not in self.files:
            raise DatasetError(name, f"has no split {split!r}", f"it has {', '.join(self.files)}")
        if self.repository is None:
            return Path(__file__).parent.parent / self.files[split]
        return fetch(name, self.repository, self.files[split], revision)


def _parquet(folder: str, *splits: str) -> dict[str, str]:
    return {split: f"{folder}/{split}-00000-of-00001.parquet" for split in splits}


EMBEDDED = {split: f"arithmetic/data/{split}.jsonl" for split in ("train", "validation", "test")}
EARLIER = {
    split: f"arithmetic/data/earlier_{split}.parquet" for split in ("train", "validation", "test")
}
STATES_NONE = "not stated"
PROCESSBENCH_ROWS = schema(("problem", "steps", "label"), lambda _: processbench())


def _labelled(of: str, folder: str, rows: Mapping[str, int]) -> NamedDataset:
    """Labelled solutions of an embedded domain (`benchmarks.arithmetic.labelled` makes them)."""
    return NamedDataset(
        f"solutions of {of} by its policy, with their first wrong step: measures verifiers",
        "Apache-2.0",
        rows,
        {split: f"{folder}/labelled_{split}.jsonl" for split in ("test", "validation")},
        None,
        PROCESSBENCH_ROWS,
        labelled=True,
    )


DATASETS: Mapping[str, NamedDataset] = {
    "arithmetic": NamedDataset(
        "chains of easy arithmetic, of earlier versions: their runs are about these problems",
        "Apache-2.0",
        {"test": 512, "validation": 256, "train": 1024},
        EARLIER,
        None,
    ),
    "arithmetic_choices": NamedDataset(
        "the problems of arithmetic as multiple choice, with four options",
        "Apache-2.0",
        {"test": 512, "validation": 256, "train": 1024},
        EARLIER,
        None,
        schema(("operations",), arithmetic_choices),
        multiple_choice=True,
    ),
    "arithmetic_levels": NamedDataset(
        "the embedded domain: whole-number arithmetic, hard for a small model, in levels 1 to 5",
        "Apache-2.0",
        {"test": 500, "validation": 200, "train": 300},
        EMBEDDED,
        None,
    ),
    "arithmetic_levels_choices": NamedDataset(
        "the problems of arithmetic_levels as multiple choice, with four options",
        "Apache-2.0",
        {"test": 500, "validation": 200, "train": 300},
        EMBEDDED,
        None,
        schema(("operations", "level"), arithmetic_levels_choices),
        multiple_choice=True,
    ),
    "arithmetic_levels_steps": _labelled(
        "arithmetic_levels", "arithmetic/data", {"test": 240, "validation": 120}
    ),
    "arithmetic_levels_choices_steps": _labelled(
        "arithmetic_levels_choices", "arithmetic/structured/data", {"test": 239, "validation": 120}
    ),
    "math500": NamedDataset(
        "MATH-500, competition mathematics: the test problems that PRM800K held out",
        STATES_NONE,
        {"test": 500},
        {"test": "test.jsonl"},
        Repository("HuggingFaceH4/MATH-500", "ff5b20257d8185524591543f8ff5993951537bb8"),
    ),
    "aime24": NamedDataset(
        "AIME I and II of 2024; answers are whole numbers from 0 to 999",
        STATES_NONE,
        {"test": 30},
        {"test": "data/train-00000-of-00001.parquet"},
        Repository("HuggingFaceH4/aime_2024", "2fe88a2f1091d5048c0f36abc874fb997b3dd99a"),
    ),
    "aime25": NamedDataset(
        "AIME I and II of 2025; answers are whole numbers from 0 to 999",
        STATES_NONE,
        {"test": 30},
        {"test": "test.jsonl"},
        Repository("math-ai/aime25", "563bb8404243c5f09de6ec262f2db674fe5bce9b"),
    ),
    "gsm8k": NamedDataset(
        "GSM8K, word problems of primary school",
        "MIT",
        {"test": 1319, "train": 7473},
        _parquet("main", "test", "train"),
        Repository("openai/gsm8k", "740312add88f781978c0658806c59bc2815b9866"),
    ),
    "mmlu": NamedDataset(
        "MMLU, multiple choice in 57 subjects",
        "MIT",
        {"test": 14042, "validation": 1531, "dev": 285},
        _parquet("all", "test", "validation", "dev"),
        Repository("cais/mmlu", "c30699e8356da336a370243923dbaf21066bb9fe"),
        schema(("question", "choices", "answer"), mmlu),
        multiple_choice=True,
    ),
    "gpqa_diamond": NamedDataset(
        "GPQA Diamond, multiple choice in physics, chemistry and biology for graduates",
        "CC-BY-4.0, gated",
        {"test": 198},
        {"test": "gpqa_diamond.csv"},
        Repository("Idavidrein/gpqa", "633f5ee89ab8ad4522a9f850766b73f62147ffdd"),
        schema(("Question", *GPQA_OPTIONS), gpqa),
        multiple_choice=True,
    ),
    "processbench": NamedDataset(
        "ProcessBench, solutions with their first wrong step: measures verifiers and critics",
        "Apache-2.0",
        {"gsm8k": 400, "math": 1000, "olympiadbench": 1000, "omnimath": 1000},
        {split: f"{split}.json" for split in ("gsm8k", "math", "olympiadbench", "omnimath")},
        Repository("Qwen/ProcessBench", "3bdcd5371ed567559a78f559c01c13a6deee7604"),
        PROCESSBENCH_ROWS,
        labelled=True,
    ),
    "prm800k": NamedDataset(
        "PRM800K, solutions of MATH problems with every step rated: measures verifiers",
        "MIT",
        {"test": None, "train": None, "phase1_test": None, "phase1_train": None},
        {
            "test": "phase2_test.jsonl",
            "train": "phase2_train.jsonl",
            "phase1_test": "phase1_test.jsonl",
            "phase1_train": "phase1_train.jsonl",
        },
        Repository("tasksource/PRM800K", "547b19506677a59037ee888838834b65e9b1ddd4"),
        schema(("question", "label"), lambda _: prm800k()),
        labelled=True,
    ),
}
