"""Samples: the candidates of a run as a parquet file, one row each.

`COLUMNS` is the schema. A file has its version in its metadata, and beside each column what it is.
The version is raised when a column goes or changes its meaning, not when one is added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.datasets import Sample
from search.core import Candidate, Judgement, Missing, Prefix, Spent, StopReason, place_id
from treewright.arms.solved import Solved
from treewright.config.kinds import kind_of
from treewright.exchange.writer import Ordered, RunWriter
from treewright.running.recorded import RecordedRun
from treewright.running.replay import Known

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
ROWS_AT_ONCE = 1024
SURROGATE = re.compile("[\ud800-\udfff]")
"""What UTF-8, and so parquet, cannot hold."""


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A candidate, its place among those of its problem, and where it comes from."""

    run: RecordedRun
    sample: Sample
    solved: Solved
    index: int

    @property
    def candidate(self) -> Candidate:
        """The candidate itself."""
        return self.solved.search.result.candidates[self.index]

    @property
    def judgement(self) -> Judgement:
        """Its last judgement; one that says so where there is none."""
        return self.candidate.judgement or Judgement.missing("not judged")

    @property
    def drawing(self) -> list[Spent]:
        """What was spent on drawing the paths that lead to it."""
        return spent_along(self.solved.search.costs.policy, self.candidate)

    @property
    def judging(self) -> list[Spent]:
        """What was spent on judging the paths that lead to it."""
        return spent_along(self.solved.search.costs.verifier, self.candidate)


@dataclass(frozen=True, slots=True)
class SampleColumn:
    """A column: its type, what it is, and its value in a row."""

    type: str
    about: str
    value: Callable[[SampleRow], Any]


COLUMNS: dict[str, SampleColumn] = {
    "problem_id": SampleColumn("text", "the problem", lambda row: row.sample.problem.id),
    "question": SampleColumn("text", "what it asks", lambda row: row.sample.problem.question),
    "reference": SampleColumn("text", "its right answer", lambda row: row.sample.answer),
    "candidate": SampleColumn(
        "int", "number among the problem's, from 0; the earlier wins a tie", lambda row: row.index
    ),
    "path": SampleColumn("text", "its place in the search tree", lambda row: row.candidate.path.id),
    "text": SampleColumn("text", "the whole solution", lambda row: row.candidate.path.text),
    "steps": SampleColumn(
        "texts",
        "the solution's steps; they join to text",
        lambda row: [step.text for step in row.candidate.path.steps],
    ),
    "step_probabilities": SampleColumn(
        "numbers",
        "that each step is correct, from 0 to 1; null for a step without a verdict; "
        "empty where no steps were judged",
        lambda row: [verdict.probability for verdict in row.judgement.verdicts],
    ),
    "step_statuses": SampleColumn(
        "texts",
        "how each verdict was had: read, after_error, missing, truncated",
        lambda row: [verdict.status.value for verdict in row.judgement.verdicts],
    ),
    "prefix_history": SampleColumn(
        "numbers",
        "that the whole is correct so far, judged along the path, oldest first; null where missing",
        lambda row: [None if isinstance(p, Missing) else p for p in row.candidate.history],
    ),
    "unjudged": SampleColumn(
        "text",
        "why the whole has no probability; null where it has one",
        lambda row: p.reason if isinstance(p := row.judgement.prefix, Missing) else None,
    ),
    "answer": SampleColumn(
        "text",
        "as it was graded; null: none",
        lambda row: row.run.config.grading.answer(row.candidate.path),
    ),
    "group": SampleColumn(
        "int",
        "the first candidate of the problem with an equal answer; null without an answer",
        lambda row: row.solved.grades.groups[row.index],
    ),
    "outcome": SampleColumn(
        "text",
        "correct, incorrect, abstained, timeout, failed",
        lambda row: row.solved.grades.outcomes[row.index].value,
    ),
    "finished": SampleColumn(
        "flag", "whether the model ended its turn", lambda row: row.candidate.path.finished
    ),
    "stop": SampleColumn(
        "text",
        "why the last step ended: eos, length, loop, abort, step_end",
        lambda row: stop_of(row.candidate.path).value,
    ),
    "policy_prompt": SampleColumn(
        "int",
        "tokens of the policy's prompts along the path; null: not known",
        lambda row: count(row.drawing, "prompt"),
    ),
    "policy_cached": SampleColumn(
        "int", "those that were cached", lambda row: count(row.drawing, "cached")
    ),
    "policy_generated": SampleColumn(
        "int",
        "tokens that the policy generated along the path; null: not known",
        lambda row: count(row.drawing, "generated"),
    ),
    "verifier_prompt": SampleColumn(
        "int", "as policy_prompt", lambda row: count(row.judging, "prompt")
    ),
    "verifier_cached": SampleColumn(
        "int", "as policy_cached", lambda row: count(row.judging, "cached")
    ),
    "verifier_generated": SampleColumn(
        "int", "as policy_generated", lambda row: count(row.judging, "generated")
    ),
    "strategy": SampleColumn(
        "text",
        "the kind of search",
        lambda row: kind_of("strategy", row.run.config.strategy),
    ),
    "replaced": SampleColumn(
        "int",
        "lone surrogates of text that stand as U+FFFD here, as parquet cannot hold them",
        lambda row: len(SURROGATE.findall(row.candidate.path.text)),
    ),
}


def count(spent: list[Spent], part: str) -> int | None:
    """The sum of one part; 0 where nothing was asked, None where it is not known.

    No call has an empty prompt or reply: a 0 of either says that nobody counted, unless a cache
    over runs had it.
    """
    whole, made = "prompt" if part == "cached" else part, [e for e in spent if not e.recalled]
    if any(getattr(each, whole) == 0 for each in made):
        return None
    counts: list[int] = [getattr(each, part) for each in made]
    return sum(counts)


def spent_along(costs: Mapping[str, Spent], candidate: Candidate) -> list[Spent]:
    """What one side spent on each of the paths that lead to a candidate, where it spent anything.

    What several candidates share is in the list of each.
    """
    ids = map(place_id, reversed(candidate.path.line))
    return [costs[id] for id in ids if id in costs]


def stop_of(path: Prefix) -> StopReason:
    """Why a solution ended; one without a step did not begin."""
    return path.steps[-1].stop if path.steps else StopReason.ABORT


def rows(run: RecordedRun, sample: Sample, solved: Solved) -> Iterator[dict[str, Any]]:
    """One row per candidate of a problem."""
    for index in range(len(solved.search.result.candidates)):
        row = SampleRow(run, sample, solved, index)
        yield {name: storable(column.value(row)) for name, column in COLUMNS.items()}


def storable(value: Any) -> Any:
    """The value, its texts as UTF-8 can hold them."""
    if isinstance(value, str):
        return SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {name: storable(item) for name, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list) else value


def schema(run: RecordedRun) -> Any:
    """The pyarrow schema of a run's samples."""
    import pyarrow as pa  # 0.3 s: only who writes parquet pays

    types = {
        "text": pa.large_string(),
        "texts": pa.list_(pa.large_string()),
        "int": pa.int64(),
        "numbers": pa.list_(pa.float64()),
        "flag": pa.bool_(),
    }
    fields = [
        pa.field(name, types[column.type], metadata={"about": column.about})
        for name, column in COLUMNS.items()
    ]
    manifest = run.folder.manifest()
    about = {
        "treewright.samples": str(VERSION),
        "treewright.run": manifest["name"],
        "treewright.fingerprint": manifest["fingerprint"],
    }
    return pa.schema(fields, metadata=about)


def samples_table(run: RecordedRun, known: Known) -> pa.Table:
    """All samples as one pyarrow table."""
    import pyarrow as pa

    found = [row for sample, solved in run.results(known) for row in rows(run, sample, solved)]
    return pa.Table.from_pylist(found, schema=schema(run))


class SampleWriter(RunWriter):
    """The file, some rows at once."""

    def __init__(self, ordered: Ordered) -> None:
        super().__init__(ordered)
        from pyarrow import parquet

        self.schema = schema(self.run)
        self.table = parquet.ParquetWriter(self.file, self.schema, compression="zstd")
        self.waiting: list[dict[str, Any]] = []

    def add(self, number: int, sample: Sample, solved: Solved) -> None:
        """A row per candidate."""
        for row in rows(self.run, sample, solved):
            self.waiting.append(row)
            self.written += 1
        if len(self.waiting) >= ROWS_AT_ONCE:
            self._write()

    def finish(self) -> None:
        """The rows that are left."""
        self._write()

    def close(self) -> None:
        """End the file."""
        self.table.close()

    def _write(self) -> None:
        import pyarrow as pa

        self.table.write_table(pa.Table.from_pylist(self.waiting, schema=self.schema))
        self.waiting = []
