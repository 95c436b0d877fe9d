"""Whole chains as models write them, read and judged over the real Qwen vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from played_chains import END_OF_THINK, SURE, judged, read, tokens_of
from scorers.log_odds import probability
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


# --- Halted at `incorrect`, and not ---------------------------------------------------------------

C, W = r"\boxed{correct}", r"\boxed{incorrect}"


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        # What follows tells which step it is on.
        (f"The step is {W} (Step 2)\nThe step is {C} (Step 1)", "-i"),
        (f"Step 0: the problem, {C}\nStep 1: no, {W}\nStep 2: {C}", "ia"),
        # What follows tells that it is on none.
        (f"Step 1 is either {W} or {C}. It holds, so step 1 is {C}\n\nStep 2: {C}", "cc"),
        (f"I should write {W} for every wrong one.\n\nFine. {C}\n\nWrong. {W}", "ci"),
        (f"Step 1: should I say {W}? No, the step is {C}\n\nStep 2: no. {W}", "ci"),
        (f"Right. {C}\n\nIt uses step 1. {W}", "ci"),
        (f"Needed in step 3. {W}\n\nAgain used in step 3. {C}", "iaa"),
        # It is written so that it does not halt.
        (r"Step 1: \boxed{\text{ incorrect}}" f"\n\nWait, step 1 is {C}\n\nStep 2: {C}", "ia"),
        (r"Step 1: \boxed{INCORRECT}" f"\n\nWait, step 1 is {C}\n\nStep 2: {C}", "ia"),
    ],
)
def test_where_a_chain_halts_does_not_change_what_is_read(chain: str, expected: str) -> None:
    found, _ = judged(tokens_of(f"{chain}\n</think>"), len(expected))
    letters = {"c": SURE, "i": 1 - SURE, "a": 1 - SURE, "-": None}
    means = [pytest.approx(letters[letter]) for letter in expected]
    assert [verdict.probability for verdict in found.verdicts] == means


@pytest.mark.parametrize(
    ("chain", "closed"),
    [
        (f"Step 1: {C}\nIs the solution correct? Yes", f"Step 1: {C}"),
        (f"Step 1: {C}.\nIs the solution correct?", f"Step 1: {C}."),
        (f"Step 1: {C} Is the solution correct? **No**", f"Step 1: {C}"),
        (
            f"Step 1: {C} So it holds.\n\nIs the solution correct?\nyes",
            f"Step 1: {C} So it holds.\n",
        ),
        (r"Step 1: \boxed{\text{ incorrect}} or so.", r"Step 1: \boxed{\text{ incorrect}}"),
        (f"Step 1: {W} and so on.", f"Step 1: {W}"),
    ],
)
def test_a_chain_is_closed_where_its_reading_ends_with_all_its_braces(
    chain: str, closed: str
) -> None:
    _, engine = judged(tokens_of(chain), 1)
    first, last = engine.requests[0].prompt, engine.requests[-1].prompt
    assert TOKENIZER.decode(last[len(first) :]) == closed + CLOSED
