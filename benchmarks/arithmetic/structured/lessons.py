"""Training texts of the structured policy and verifier."""

import re
from collections.abc import Iterator, Sequence
from random import Random

from benchmarks.arithmetic.corpus import (
    DECISIVE,
    PLAIN,
    Lesson,
    Piece,
    cut,
    policy_prompt,
    verifier_prompt,
)
from benchmarks.arithmetic.problems import draw_problem, problems
from benchmarks.arithmetic.structured.checker import check, hold
from benchmarks.arithmetic.structured.choices import ChoiceProblem, offer
from benchmarks.arithmetic.structured.errors import corrupt
from benchmarks.arithmetic.structured.reasoning import solve
from benchmarks.arithmetic.structured.responses import break_format, write_response
from benchmarks.arithmetic.structured.slips import Rates, slip
from benchmarks.arithmetic.structured.vocabulary import SYSTEM
from benchmarks.arithmetic.vocabulary import EOS, IM_END
from policies.structured import PROMPT_TEMPLATE
from scorers.step_texts import untagged
from search.structured_protocol import STEP_ENDS

Response = tuple[ChoiceProblem, str]
"""A question and what the policy wrote."""

RATES = Rates(plan=0.035, calculation=0.06, evaluation=0.03)
"""What goes wrong in the policy's training responses: the dial for its pass@1."""
BROKEN_SHARE = 0.05
"""Share of its training responses that break the format."""


DECISIONS = re.compile(r"(?<=\.)( Option| So| None)(?= )")
"""The words of an evaluation that tell whether the option before them is the result."""


def prompt(question: str) -> str:
    """Returns the policy's prompt for a question with its options."""
    return policy_prompt(PROMPT_TEMPLATE.replace("{question}", question), SYSTEM)


def policy_lessons(seed: int, exclude: frozenset[str], rates: Rates) -> Iterator[Lesson]:
    """Yields lessons without end: responses that slip, some of which break the format.

    Whether an option is the result is decisive: among all other words it would not be learned.
    """
    rng = Random(seed)
    for problem in problems(seed, exclude):
        choice = offer(problem, seed)
        said = slip(rng, choice, rates)
        broken = rng.random() < BROKEN_SHARE
        text = break_format(rng, said) if broken else write_response(said)
        pieces = enumerate(DECISIONS.split(text + IM_END))
        target = tuple((piece, DECISIVE if index % 2 else PLAIN) for index, piece in pieces)
        yield Lesson(prompt(choice.question), target)


def read_steps(choice: ChoiceProblem, response: str) -> list[str]:
    """Returns the steps of a response as the verifier sees them."""
    ends = "|".join(f"(?<={end})" for end in STEP_ENDS)
    return untagged(choice.question, [step for step in re.split(ends, response) if step.strip()], 0)


def critique(choice: ChoiceProblem, steps: Sequence[str]) -> Iterator[Piece]:
    """Yields the verification chain up to the first error, then the verdict on the whole.

    Each thing that a step should say, derived anew, stands beside what it says. Where they differ
    the step ends. Whether it goes on (`;`) or ends (`.`) is as decisive as the verdict.
    """
    labels = check(choice, steps)
    yield "Let's verify step by step:", PLAIN
    for index, (text, label) in enumerate(zip(steps, labels, strict=True)):
        if label is None:
            break
        yield f"\n\nStep {index + 1}:", PLAIN
        held = hold(choice, index, text)
        for each in held:
            yield f" {each.expected}, claimed {each.claimed}", PLAIN
            yield (";" if each is not held[-1] else "."), DECISIVE
        yield " The step is \\boxed{", PLAIN
        yield "correct" if label else "incorrect", DECISIVE
        yield "}", PLAIN
    yield "\n</think>\nIs the solution correct?", PLAIN
    yield (" No" if False in labels else " Yes"), DECISIVE
    yield EOS, PLAIN


def verifier_lesson(choice: ChoiceProblem, steps: Sequence[str]) -> Lesson:
    """Returns the lesson that judges `steps`, labelled by the exact checker."""
    return Lesson(verifier_prompt(choice.question, steps), tuple(critique(choice, steps)))


def synthetic_response(rng: Random, choice: ChoiceProblem) -> str:
    """Returns a response to judge: right, with one error, slipping, malformed or misplaced."""
    kind = rng.choices(("right", "corrupt", "slip", "broken", "swap"), (30, 40, 20, 6, 4))[0]
    if kind == "right":
        return write_response(solve(choice))
    if kind == "corrupt":
        return write_response(corrupt(rng, choice))
    if kind == "swap":
        return write_response(solve(offer(draw_problem(rng), rng.randrange(1 << 30))))
    said = slip(rng, choice, RATES.times(2))
    return break_format(rng, said) if kind == "broken" else write_response(said)


def synthetic_lessons(seed: int, exclude: frozenset[str]) -> Iterator[Lesson]:
    """Yields verifier lessons without end on made-up responses."""
    rng = Random(seed)
    for problem in problems(seed, exclude):
        choice = offer(problem, seed)
        steps = read_steps(choice, synthetic_response(rng, choice))
        yield verifier_lesson(choice, cut(rng, steps))


def sampled_lessons(seed: int, responses: Sequence[Response]) -> Iterator[Lesson]:
    """Yields verifier lessons without end on the policy's own responses, in random order."""
    rng = Random(seed)
    while True:
        for choice, text in rng.sample(responses, len(responses)):
            if steps := read_steps(choice, text):
                yield verifier_lesson(choice, cut(rng, steps))
