"""A run as the samples of lm-evaluation-harness (`--log_samples`): `samples_<task>_<date>.jsonl`.

A row per problem and arm: what lm-eval calls a filter (`maj@64`, `strict-match`) is an arm here, so
`filter` names it, `filtered_resps` is the answer that it chose, `exact_match` is 1 or 0. `resps`
has all candidates. Where nobody knows whether the choice is right, `metrics` is empty and there is
no `exact_match`. The prompt as the policy saw it is in no journal: `arguments` has the question.
Source: EleutherAI/lm-evaluation-harness, lm_eval/evaluator.py and
lm_eval/loggers/evaluation_tracker.py, version 0.4.13.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from benchmarks.datasets import Sample
from treewright.arms.solved import Solved
from treewright.exchange.chosen import Chosen, answers, aside, chosen
from treewright.exchange.samples import storable
from treewright.exchange.translated import OURS
from treewright.exchange.writer import RunWriter

INVALID = "[invalid]"
"""What lm-eval's filters give where a text has no answer."""
METRIC = "exact_match"


class LmEvalWriter(RunWriter):
    """JSON Lines, in ASCII."""

    def add(self, number: int, sample: Sample, solved: Solved) -> None:
        """A row per arm."""
        told = answers(self.run, solved)
        common = _common(number, sample, solved)
        ours = {OURS: aside(self.run, solved)}
        for each in chosen(self.run, solved):
            row = {**common, **_filtered(each, told), **ours}
            self.file.write(json.dumps(storable(row), allow_nan=False).encode("ascii") + b"\n")
            self.written += 1


def _common(number: int, sample: Sample, solved: Solved) -> dict[str, Any]:
    problem = sample.problem
    doc = {
        **sample.metadata,
        "id": problem.id,
        "problem": problem.question,
        "answer": sample.answer,
    }
    return {
        "doc_id": number,
        "doc": doc,
        "target": sample.answer,
        "arguments": {"gen_args_0": {"arg_0": problem.question, "arg_1": {}}},
        "resps": [[each.path.text for each in solved.search.result.candidates]],
        "doc_hash": digest(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": digest(problem.question),
        "target_hash": digest(str(sample.answer)),
    }


def _filtered(each: Chosen, told: list[str | None]) -> dict[str, Any]:
    answer = None if each.index is None else told[each.index]
    known = {} if each.mark is None else {METRIC: each.mark}
    return {
        "filtered_resps": [INVALID if answer is None else answer],
        "filter": str(each.arm),
        "metrics": list(known),
        **known,
    }


def digest(text: str) -> str:
    """As lm-eval hashes (`hash_string`)."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
