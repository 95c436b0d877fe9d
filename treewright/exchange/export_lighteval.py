"""A run as the details of lighteval (`--save-details`): `details_<task>_<date>.parquet`.

A row per problem, with the columns `doc`, `metric` and `model_response`: the fields of its `Doc`
and `ModelResponse`, and a metric per arm, 1 or 0, null where nobody knows. What nobody kept (the
prompt, tokens, log-probabilities) is empty or null. `doc.specific` has what lighteval has no place
for. Source: huggingface/lighteval, src/lighteval/logging/evaluation_tracker.py, tasks/requests.py
and models/model_output.py, version 0.13.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.datasets import Sample
from treewright.arms.solved import Solved
from treewright.exchange.chosen import arms, aside, chosen
from treewright.exchange.samples import ROWS_AT_ONCE, storable
from treewright.exchange.writer import Ordered, RunWriter

if TYPE_CHECKING:
    import pyarrow as pa


class LightevalWriter(RunWriter):
    """Parquet, some rows at once."""

    def __init__(self, ordered: Ordered) -> None:
        super().__init__(ordered)
        from pyarrow import parquet

        self.schema = schema([str(arm) for arm in arms(self.run)])
        self.task = self.run.folder.manifest()["name"]
        self.table = parquet.ParquetWriter(self.file, self.schema, compression="zstd")
        self.waiting: list[dict[str, Any]] = []

    def add(self, number: int, sample: Sample, solved: Solved) -> None:
        """Its row."""
        self.waiting.append(storable(self._row(sample, solved)))
        self.written += 1
        if len(self.waiting) == ROWS_AT_ONCE // 16:  # a row holds all candidates of a problem
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

    def _row(self, sample: Sample, solved: Solved) -> dict[str, Any]:
        right = [] if sample.answer is None else [sample.answer]
        problem, texts = sample.problem, [c.path.text for c in solved.search.result.candidates]
        doc = {
            "query": problem.question,
            "original_query": problem.question,
            "choices": right,
            "gold_index": list(range(len(right))),
            "specific": aside(self.run, solved),
            "id": problem.id,
            "task_name": self.task,
            "fewshot_samples": [],
            "sampling_methods": ["GENERATIVE"],
            "stop_sequences": [],
            "use_logits": False,
            "num_samples": len(texts),
        }
        response = {
            "input_tokens": [],
            "text": texts,
            "output_tokens": [],
            "reasonings": [],
            "logprobs": [],
            "argmax_logits_eq_gold": [],
        }
        metric = {str(each.arm): each.mark for each in chosen(self.run, solved)}
        return {"doc": doc, "metric": metric, "model_response": response}


def schema(names: list[str]) -> pa.Schema:
    """The fields of lighteval's dataclasses, with a metric per name."""
    import pyarrow as pa

    text, whole, number = pa.large_string(), pa.int64(), pa.float64()
    texts = pa.list_(text)
    specific = pa.struct(
        {
            "problem_id": text,
            "scores": pa.list_(pa.list_(number)),
            "completion_tokens": pa.list_(whole),
            "stop_reasons": texts,
            "answers": texts,
            "outcomes": texts,
        }
    )
    doc = {
        "query": text,
        "choices": texts,
        "gold_index": pa.list_(whole),
        "instruction": text,
        "images": pa.list_(pa.null()),
        "specific": specific,
        "unconditioned_query": text,
        "original_query": text,
        "id": text,
        "task_name": text,
        "fewshot_samples": pa.list_(pa.null()),
        "sampling_methods": texts,
        "fewshot_sorting_class": text,
        "generation_size": whole,
        "stop_sequences": texts,
        "use_logits": pa.bool_(),
        "num_samples": whole,
        "generation_grammar": pa.null(),
    }
    response = {
        "input": text,
        "input_tokens": pa.list_(whole),
        "text": texts,
        "output_tokens": pa.list_(pa.list_(whole)),
        "text_post_processed": texts,
        "reasonings": texts,
        "logprobs": pa.list_(number),
        "argmax_logits_eq_gold": pa.list_(pa.bool_()),
        "logits": pa.list_(pa.list_(number)),
        "unconditioned_logprobs": pa.list_(number),
        "truncated_tokens_count": whole,
        "padded_tokens_count": whole,
    }
    metric = pa.struct(dict.fromkeys(names, number))
    fields = {"doc": pa.struct(doc), "metric": metric, "model_response": pa.struct(response)}
    return pa.schema(fields)
