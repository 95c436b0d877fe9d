"""Whole chains as models write them, read and judged over the real Qwen vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from played_chains import END_OF_THINK, SURE, judged, read, tokens_of
from scorers.odds import probability
from search.core import VerdictStatus
from thinkprm_tokenizer import TOKENIZER

FILE = Path(__file__).parent / "golden" / "verifier_chains.jsonl"
CHAINS = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
"""Each with the verdict of every step, None where it has none; none goes on after an error."""
MEANS = {"correct": SURE, "incorrect": 1 - SURE, None: None}
CLOSED = "\n</think>\nIs the solution correct?"

chains = pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: str(chain["name"]))
early_or_late = pytest.mark.parametrize("early_stop", [True, False])


@early_or_late
@chains
def test_a_chain_gives_each_step_its_verdict(chain: dict[str, Any], early_stop: bool) -> None:
    reading = read(chain["chain"], chain["steps"], early_stop=early_stop)
    found = [None if s.log_odds is None else probability(s.log_odds) for s in reading.steps]
    assert found == [pytest.approx(MEANS[verdict]) for verdict in chain["verdicts"]]
    assert VerdictStatus.AFTER_ERROR not in {step.status for step in reading.steps}


@early_or_late
@chains
def test_a_judgement_has_the_verdicts_of_its_chain(chain: dict[str, Any], early_stop: bool) -> None:
    found, engine = judged(tokens_of(chain["chain"]), chain["steps"], early_stop=early_stop)
    expected = [pytest.approx(MEANS[verdict]) for verdict in chain["verdicts"]]
    assert [verdict.probability for verdict in found.verdicts] == expected
    closing = engine.requests[-1].prompt
    said = TOKENIZER.decode(closing[len(engine.requests[0].prompt) :])
    assert said.endswith(CLOSED)
    assert said.count("Is the solution correct?") == closing.count(END_OF_THINK) == 1
    assert said.count("{") == said.count("}")
