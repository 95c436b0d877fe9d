"""Feedback as chat turns: what the assistant said before, and what the verifier says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from search.checks import fault
from search.core import (
    Feedback,
    Judgement,
    StepVerdict,
    VerdictStatus,
)

VERDICTS = "{verdicts}"
TEMPLATE = f"""\
A verifier has checked your solution step by step:

{VERDICTS}

Solve the problem again from the beginning, in the same format. Keep what is right, correct what \
is wrong, and do not mention the verifier."""


def check_feedback_template(template: str) -> None:
    """Raise ValueError unless the template has one slot for the verdicts."""
    if template.count(VERDICTS) != 1:
        hint = "a line for each verdict, and the critiques, take its place"
        raise fault("feedback_template", template, f"a text with one {VERDICTS}", hint)


def feedback_turns(feedback: Feedback, template: str) -> list[dict[str, str]]:
    """The attempt as the assistant's turn, and the user's answer to it.

    The verdicts take the place of the template's slot, literally, whatever braces they contain.
    """
    before, after = template.split(VERDICTS)
    said = f"{before}{verdict_lines(feedback.judgement)}{after}"
    return [
        {"role": "assistant", "content": feedback.attempt.text},
        {"role": "user", "content": said},
    ]


def verdict_lines(judgement: Judgement) -> str:
    r"""A line for each step, and below it its critique if it has one.

        Step 1: correct (0.98)
        Step 2: incorrect (0.07)
        3 + 4 = 7, claimed 8. The step is \boxed{incorrect}

    The number is the probability of *correct*. Steps after an incorrect one, of which the verifier
    says nothing, have no line.
    """
    numbered = enumerate(judgement.verdicts, 1)
    lines = [
        f"Step {number}: {_in_words(verdict)}{_critique(verdict)}"
        for number, verdict in numbered
        if verdict.status is not VerdictStatus.AFTER_ERROR
    ]
    return "\n".join(lines) or "It has no verdict."


def shorter(feedback: Feedback | None) -> Iterator[Feedback | None]:
    """The feedback, and what to show instead, step by step, where it is too long.

    First the steps after the last one that has a line go, then the critiques, then all of it.
    """
    if feedback is not None:
        yield feedback
        yield (cut := _without_tail(feedback))
        yield _without_critiques(cut)
    yield None


def _in_words(verdict: StepVerdict) -> str:
    if verdict.probability is None:
        return "no verdict"
    return f"{'in' * (verdict.probability < 0.5)}correct ({verdict.probability:.2f})"


def _critique(verdict: StepVerdict) -> str:
    r"""The critique on lines of its own; one that ends with its verdict, `\boxed{…`, is closed."""
    text = verdict.critique.strip()
    if not text:
        return ""
    _, boxed, rest = text.rpartition(r"\boxed{")
    return f"\n{text}{'}' if boxed and '}' not in rest else ''}"


def _without_tail(feedback: Feedback) -> Feedback:
    verdicts = feedback.judgement.verdicts
    judged = sum(verdict.status is not VerdictStatus.AFTER_ERROR for verdict in verdicts)
    attempt = replace(feedback.attempt, steps=feedback.attempt.steps[: judged or None])
    return Feedback(attempt, replace(feedback.judgement, verdicts=verdicts[:judged]))


def _without_critiques(feedback: Feedback) -> Feedback:
    verdicts = tuple(replace(each, critique="") for each in feedback.judgement.verdicts)
    return replace(feedback, judgement=replace(feedback.judgement, verdicts=verdicts))
