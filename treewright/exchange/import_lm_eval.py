"""Samples of lm-evaluation-harness (`--log_samples`), read as completions.

A row per document and filter; all filters of a document have the same responses, and the first is
read. The question and the answer are columns of `doc`, under their usual names; without them, the
prompt and the target. What the filters and metrics made of the responses is not read. Source:
EleutherAI/lm-evaluation-harness, lm_eval/evaluator.py and lm_eval/loggers/evaluation_tracker.py,
version 0.4.13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.datasets.columns import find_column
from benchmarks.datasets.files import RawRow
from treewright.exchange.translated import (
    OURS,
    Fields,
    GivenRows,
    fault,
    fields_of,
    given,
    listed,
    objects,
)

NO_TEXTS = "its responses are no texts"
GENERATED = "only what a model generated can be imported: output_type generate_until"


def is_lm_eval(fields: Fields) -> bool:
    """Whether a row is one of these."""
    return {"doc", "resps", "arguments"} <= fields.keys()


def lm_eval_rows(rows: Sequence[RawRow]) -> GivenRows:
    """One row per document. Raises `DatasetError`."""
    found: dict[object, RawRow] = {}
    for row in rows:
        fields = fields_of(row)
        key = fields.get("doc_id", row.number)
        key = key if isinstance(key, int | str) else row.number
        if key not in found:
            found[key] = row
        elif fields.get("resps") != (found[key].fields or {}).get("resps"):
            what = f"is about document {key} as row {found[key].number} is, with other responses"
            raise fault(row.number, what, "import one run of one task at a time")
    return GivenRows([replace(row, fields=_given(row)) for row in found.values()])


def _given(row: RawRow) -> dict[str, Any]:
    fields = fields_of(row)
    doc = dict(objects(fields["doc"], row.number, "doc"))
    columns = {name: find_column("", name, list(doc), {}) for name in ("problem", "answer", "id")}
    if (columns["answer"] or "").casefold() == "solution":  # the target is what it comes to
        columns["answer"] = None
    question = doc.pop(columns["problem"]) if columns["problem"] else _prompt(row, fields)
    answer = doc.pop(columns["answer"]) if columns["answer"] else fields.get("target")
    id = doc.pop(columns["id"]) if columns["id"] else None
    return given(question, answer, id, _texts(row, fields), fields.get(OURS), about=doc)


def _texts(row: RawRow, fields: Fields) -> list[Any]:
    responses = listed(fields["resps"], row.number, "resps")
    if len(responses) != 1:
        raise fault(row.number, f"has {len(responses)} requests of one document", GENERATED)
    texts = listed(responses[0], row.number, "resps[0]")
    if any(not isinstance(text, str) for text in texts):
        raise fault(row.number, NO_TEXTS, GENERATED)
    return texts


def _prompt(row: RawRow, fields: Fields) -> object:
    arguments = objects(fields["arguments"], row.number, "arguments")
    return objects(arguments.get("gen_args_0"), row.number, "arguments.gen_args_0").get("arg_0")
