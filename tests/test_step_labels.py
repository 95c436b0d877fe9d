"""Whose verdict is it? Names of steps, list numbers, labels behind a box, talk and summaries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from played_chains import SURE, read
from scorers.log_odds import probability
from scorers.step_labels import label_of


def number(critique: str) -> int | None:
    label = label_of(critique)
    return label.number if label else None


def verdicts(chain: str, steps: int, *, early_stop: bool = False) -> str:
    """A letter per step: correct, incorrect, after an error, or - where there is none."""
    reading = read(chain, steps, early_stop=early_stop)
    letters = []
    for index, step in enumerate(reading.steps):
        if step.log_odds is None:
            letters.append("-")
        elif reading.error is not None and index > reading.error:
            letters.append("a")
        else:
            letters.append("c" if probability(step.log_odds) == pytest.approx(SURE) else "i")
    return "".join(letters)


# --- Labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("critique", "label"),
    [
        ("Step 10: The step is ", 10),
        ("### Step 4 - a check against Step 2\nSo it is ", 4),
        ("1. **Step 1:** good, ", 1),
        ("Now, Step 2: they say what step 1 said. ", 2),
        ("STEP 3: ", 3),
        ("Hence **step 12** is ", 12),
        ("In step 3 they use Step 2, so it is ", 2),
        ("Step 1: good. From it they take the 5, so step 2 is ", 2),
        ("Step 3: it uses Step 2. The step is ", 3),
        ("Steps are fine. ", None),
        ("a footstep 3 ", None),
        ("So the second step is ", 2),
        ("The third step uses what step 1 says, ", 3),
        ("Now the 2nd step. It holds: ", 2),
        ("Step three: it uses step 2. ", 3),
        ("It takes up the first step, ", None),
        ("Step 3: it takes up the first step. The first step was right. ", 3),
        ("Step 2: it holds, as in step 1: ", 2),
        ("**Step 2** holds by step 1 ", 2),
        ("[Step 2] by step 1, ", 2),
        ("Step 2 of 3 (from step 1): ", 2),
        ("**Step 2 Verification:** as step 1, ", 2),
        (r"\textbf{Step 2:} by step 1 ", 2),
        ("Step 2: good. It shows that step 1 was ", 1),
        ("", None),
    ],
)
def test_a_verdict_belongs_to_the_step_that_is_named_most_clearly(
    critique: str, label: int | None
) -> None:
    assert number(critique) == label


def test_a_line_of_a_million_asterisks_is_no_trap() -> None:
    assert number("\n" + "*" * 1_000_000 + " step " * 1000) is None


# --- Whole chains ---------------------------------------------------------------------------------

C, W = r"\boxed{correct}", r"\boxed{incorrect}"

CHAINS = [
    # The second step, in words.
    (f"The first step holds. {C}\nThe second step does not. {W}", "ci"),
    (f"The first step is {C}. The second step is {W}.", "ci"),
    (f"Step 1: fine, {C}\n\nThe last step is {W}", "c-i"),
    # In prose, with looks back and ahead.
    (
        f"Starting with step 1. {C}\nOn to step 2, used in step 3. {C}\nStep 3 repeats step 1. {W}",
        "cci",
    ),
    (f"In step 1, they set x. {C}\nIn step 2, they do as in step 1. {C}\nNo. {W}", "cci"),
    (f"Fine. {C}\n\nIt follows from step 1. {C}\n\nIt contradicts step 1. {W}", "cci"),
    (f"Step 1, fine. {C}\nStep 2, given step 1: no more. {C}\nStep 3, see step 1: no. {W}", "cci"),
    (f"Now the first step. {C}\nOn to the second step, by step 1. {C}\nThe third step. {W}", "cci"),
    (f"One. {C}\nTwo. {C}\nNeeded in step 4. {C}\nAs the second step. {C}", "cccc"),
    (f"Needed in step 3. {C}\n\nAgain used in step 3. {C}\n\nFine. {C}", "ccc"),
    (f"| Step 1 | a | {C} |\n| Step 2 | as step 1 | {C} |\n| Step 3 | no | {W} |", "cci"),
    (f"In step 1, fine. {C}\nIn step 2, fine. {C}\nWait, look at step 1 again. {W}", "ia"),
    # Line ends, spaces and colons of other kinds.
    (f"## Step 1\r\nFine.\r\n{C}\r\n\r\n## Step 2\r\nSee step 1.\r\n{W}\r\n", "ci"),
    (f"Step\u00a01：by step\u00a02 {C}\nStep\u00a02：by step\u00a01 {W}", "ci"),
    # List numbers, and what looks back.
    (f"1. Right. {C}\n2. As step 1 says. {C}\n3. From step 1: no. {W}", "cci"),
    (f"Step 1: a\nStep 2: b\nStep 3: c\n\n1. Fine. {C}\n2. Fine. {C}\n3. No. {W}", "cci"),
    (f"Step 1:\n1. a\n2. b\nso {C}\n\nStep 2:\n1. c\nso {W}", "ci"),
    # Labels behind.
    (f"{C} for step 1.\n{C} for step 2.\n{W} for step 3.", "cci"),
    (f"- {C} - Step 1\n- {W} - Step 2", "ci"),
    (f"{C} <- Step 1\n{W} <- Step 2", "ci"),
    (f"Step 1: {C}, Step 2: {C}, Step 3: {W}", "cci"),
    # Counted from 0, and a step 0 that is none of the solution.
    (f"Step 0: {C}\nStep 1: {C}\nStep 2: {W}", "cci"),
    (f"Step 0: the problem, {C}\nStep 1: {C}\nStep 2: {W}", "ci"),
    # Summaries.
    (f"Step 1: {C}\n\nStep 2: {C}\n\n**Final Verification:** {W}", "cc"),
    (f"Step 1: {C}\n\n**Final Verification:** {C}", "c-"),
    (f"Step 1: {C}\n\nStep 2: odd.\n\n**Final Answer**\n\n\\[ {W} \\]", "c-"),
    (f"Step 1: {C}\n\nStep 2: odd.\n\nOverall verdict: {W}", "c-"),
    (f"Step 1: {C}\n\nIn conclusion, the proposed solution is {W}", "c-"),
    (f"Step 1: {C}\n\nTherefore, all steps are {C}", "c-"),
    (f"**Overall:** {W}\n\nThe first claim is fine. {C}\n\nSo is this. {C}", "cc"),
    (f"Step 1: overall, the step is {C}\n\nStep 2: all in all the step is {W}", "ci"),
    (f"I must end every critique with {C}.\n\nFine. {C}\n\nWrong. {W}", "ci"),
    # A whole has one verdict.
    (f"Step 1: a\nConclusion: {C}\n\nStep 2: b\nConclusion: {W}", "ci"),
    (f"Step 1: a. The reasoning is {C}\nStep 2: b. Its reasoning is {C}\nOverall: {W}", "cc"),
    # Speaking of the answer, or of the solution, a critique still judges its step.
    (f"Step 1: {C}\n\nStep 2: the sum.\n\nIt adds up, so the final result is {W}", "ci"),
    (f"Step 1: {C}\n\nStep 2: 5.\n\nThe proposed solution then halves it: {W}", "ci"),
    (f"Step 1: {C}\n\nThey should use every term, so this is {W}", "ci"),
    (f"So I have to mark this step as {C} for every reader.\n\nNo. {W}", "ci"),
    (f"The first is fine, {C}, 1/2 or 3 is not, so {W}", "ci"),
    # More verdicts than steps, and fewer.
    (f"Step 1: {C}\n\nIt then divides. {C}\n\nStep 3: {C}\n\nSo it is done. {C}", "cccc"),
    (f"Step 1: {C}\n\nThis and that. {W}\n\nStep 4: {C}", "c--c"),
    # Talk of the format.
    (f"I must write {C} or {W} each time.\n\nFine. {C}\n\nWrong. {W}", "ci"),
    (f"Each step gets {W} / {C}.\n\nStep 1: {C}\n\nStep 2: {C}", "cc"),
    (f"Each step gets {W} or {C}.\n\nStep 1: {C}\n\nStep 2: {C}", "cc"),
    (f"I have to end every step with {C} if it holds and {W} if not.\n\nStep 1: {C}", "c-"),
    (f"I should put {W} after each wrong step.\n\nStep 1: {C}\n\nStep 2: {C}", "cc"),
    (f"Step 1: should I say {W}? No: it is {C}\n\nStep 2: so is this {W}? It is {C}", "cc"),
    (f"Is step 1 {C} or {W}? It holds, so step 1 is {C}", "c-"),
    (r"Say \boxed{correct or incorrect} or \boxed{incorrect/correct}. " f"Step 1: {C}", "c-"),
]


@pytest.mark.parametrize(("chain", "expected"), CHAINS)
@pytest.mark.parametrize("early_stop", [True, False])
def test_a_chain_is_read_as_a_whole(chain: str, expected: str, early_stop: bool) -> None:
    assert verdicts(f"{chain}\n</think>", len(expected), early_stop=early_stop) == expected


BOXES = [
    r"\boxed{WORD}",
    r"\boxed{ WORD }",
    r"\boxed{\text{WORD}}",
    r"\boxed{\text{ WORD }}",
    r"\boxed{**WORD**}",
    r"\boxed{\textbf{WORD}}",
    r"\boxed{\color{red}{WORD}}",
    r"\boxed{\color{red} WORD}",
    r"\boxed{\textcolor{green}{\text{WORD}}}",
    r"\boxed{\mathbf{\text{WORD}}}",
    r"\boxed{`WORD`}",
    r"\boxed{\,WORD.}",
    r"\boxed {WORD}",
    "\\boxed{\n  WORD\n}",
    r"$\boxed{\mathrm{WORD}}$",
]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("spell", [str.lower, str.title, str.upper])
def test_a_verdict_is_read_however_it_is_dressed(box: str, spell: Callable[[str], str]) -> None:
    right, wrong = (box.replace("WORD", spell(word)) for word in ("correct", "incorrect"))
    assert verdicts(f"Step 1: {right}\n\nStep 2: {wrong}\n</think>", 2) == "ci"


@pytest.mark.parametrize(
    "said", ["correctly", "not correct", "42", "correct/incorrect", "uncorrect"]
)
def test_another_word_in_a_box_is_no_verdict(said: str) -> None:
    assert (
        verdicts(rf"Step 1: \boxed{{{said}}} and \boxed{{\text{{{said}}}}}" "\n</think>", 1) == "-"
    )


def test_a_chain_that_changes_its_mind_ends_at_its_first_error_with_early_stop_only() -> None:
    chain = f"Step 1: no, {W}\n\nWait. Step 1 is {C}\n\nStep 2: {C}\n</think>"
    assert verdicts(chain, 2) == "cc"
    assert verdicts(chain, 2, early_stop=True) == "ia"


def test_a_verdict_whose_tokens_were_not_asked_for_has_no_probability() -> None:
    assert verdicts(r"Step 1: \boxed{iNcOrReCt}" f"\n\nStep 2: {C}\n</think>", 2) == "--"
