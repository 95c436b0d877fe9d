"""Details of lighteval (`--save-details`), read as completions.

A row per document. The question is `doc.original_query`, or the query with whatever prompt stands
around it; the answer is the one right choice. Source: huggingface/lighteval,
src/lighteval/tasks/requests.py and models/model_output.py, version 0.13.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.datasets.files import RawRow
from treewright.exchange.translated import (
    Fields,
    GivenRows,
    fault,
    fields_of,
    given,
    listed,
    objects,
)


def is_lighteval(fields: Fields) -> bool:
    """Whether a row is one of these."""
    return {"doc", "model_response"} <= fields.keys()


def lighteval_rows(rows: Sequence[RawRow]) -> GivenRows:
    """The rows, one for one. Raises `DatasetError`."""
    return GivenRows([replace(row, fields=_given(row)) for row in rows])


def _given(row: RawRow) -> dict[str, Any]:
    fields = fields_of(row)
    doc = objects(fields["doc"], row.number, "doc")
    response = objects(fields["model_response"], row.number, "model_response")
    texts = listed(response.get("text"), row.number, "model_response.text")
    if not texts:
        hint = "only what a model generated can be imported"
        raise fault(row.number, "model_response.text is empty", hint)
    specific = doc.get("specific")
    ours = specific if isinstance(specific, dict) and "outcomes" in specific else None
    return given(
        doc.get("original_query") or doc.get("query"),
        _gold(row, doc),
        None if ours is None else ours.get("problem_id"),
        texts,
        ours,
        about={} if ours is not None or specific is None else {"specific": specific},
        tokens=_tokens(response.get("output_tokens"), len(texts)),
    )


def _gold(row: RawRow, doc: Fields) -> object:
    """The right choice, None for none. Several stay a list, which is no answer to a reader."""
    choices = listed(doc.get("choices"), row.number, "doc.choices")
    gold = doc.get("gold_index")
    right = gold if isinstance(gold, list) else [gold]
    known = [each for each in right if isinstance(each, int) and 0 <= each < len(choices)]
    if len(known) > 1:
        return [choices[each] for each in known]
    return choices[known[0]] if known else None


def _tokens(given: object, texts: int) -> list[int | None]:
    """How many tokens each text has, nothing where that is not told."""
    if not isinstance(given, list) or len(given) != texts:
        return []
    return [len(each) or None if isinstance(each, list) else None for each in given]
