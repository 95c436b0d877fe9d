"""Training texts: what each model is shown and what it must write, as text pieces with weights."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.arithmetic.checker import check, read_claim
from benchmarks.arithmetic.errors import corrupt, slip
from benchmarks.arithmetic.problems import ArithmeticProblem, draw_problem, problems, write_solution
from benchmarks.arithmetic.vocabulary import EOS, IM_END
from scorers.prompt import user_message

SLIP_RATE = 0.075
"""Mean share of wrong steps in the policy's training solutions: the dial for its pass@1."""
SYSTEM_SHARE = 0.2
SYSTEM = r"Please reason step by step, and put your final answer within \boxed{}."


Piece = tuple[str, float]
"""A target text and the loss weight of its tokens."""
PLAIN, DECISIVE = 1.0, 10.0
"""The weight of most texts and of verdicts: without it, the others hide the ones that matter."""


@dataclass(frozen=True)
class Lesson:
    """One training text: the prompt up to where the model writes, then pieces of target text.

    The prompt has no loss.
    """

    prompt: str
    pieces: tuple[Piece, ...]


def policy_prompt(question: str, system: str = "") -> str:
    """Returns the ChatML prompt of the policy; equal to its chat template, as a test asserts."""
    lead = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    return f"{lead}<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def verifier_prompt(question: str, steps: Sequence[str]) -> str:
    """Returns the R1-Distill prompt of the verifier, up to and with `<think>` and a newline."""
    message = user_message(question, steps)
    return f"<｜begin▁of▁sentence｜><｜User｜>{message}<｜Assistant｜><think>\n"


def critique(
    problem: ArithmeticProblem, steps: Sequence[str], labels: Sequence[bool | None]
) -> Iterator[Piece]:
    """Yields the verification chain up to the first error, then the verdict on the whole.

    Each step shows the result that the problem asks for (derived anew) beside the claimed one;
    `final` marks the problem's last operation, and a claim that boxes an answer.
    """
    yield "Let's verify step by step:", PLAIN
    for index, (text, label) in enumerate(zip(steps, labels, strict=True)):
        if label is None:
            break
        expected, claimed = expected_text(problem, index), claimed_text(text)
        yield f"\n\nStep {index + 1}: {expected}, claimed {claimed}. The step is \\boxed{{", PLAIN
        yield "correct" if label else "incorrect", DECISIVE
        yield "}", PLAIN
    yield "\n</think>\nIs the solution correct?", PLAIN
    yield (" No" if False in labels else " Yes"), DECISIVE
    yield EOS, PLAIN


def expected_text(problem: ArithmeticProblem, index: int) -> str:
    """Returns what step `index` (from 0) should say, for example `12 * 3 = 36 final`."""
    if index >= len(problem.operations):
        return "no step"
    claim = problem.operations[index].claim(problem.values[index], problem.values[index + 1])
    return f"{claim} final" if index == len(problem.operations) - 1 else claim


def claimed_text(text: str) -> str:
    """Returns the claimed result of a step text, marked `final` where it boxes an answer."""
    claim = read_claim(text)
    if claim is None:
        return "no step"
    return f"{claim.result}" if claim.boxed is None else f"{claim.boxed} final"


def policy_lessons(seed: int, exclude: frozenset[str], rate: float) -> Iterator[Lesson]:
    """Yields policy lessons without end: solutions that slip and go on from the wrong value."""
    rng = random.Random(seed)
    for problem in problems(seed, exclude):
        system = SYSTEM if rng.random() < SYSTEM_SHARE else ""
        text = write_solution(slip(rng, problem, rate)) + IM_END
        yield Lesson(policy_prompt(problem.question, system), ((text, PLAIN),))


def verifier_lesson(problem: ArithmeticProblem, steps: Sequence[str]) -> Lesson:
    """Returns the lesson that judges `steps`, labelled by the exact checker."""
    pieces = tuple(critique(problem, steps, check(problem, list(steps))))
    return Lesson(verifier_prompt(problem.question, steps), pieces)


def synthetic_solution(rng: random.Random, problem: ArithmeticProblem) -> list[str]:
    """Returns a solution to judge: right, with one error of any kind, slipping, or misplaced."""
    kind = rng.choices(("right", "corrupt", "slip", "shuffle", "swap"), (30, 40, 20, 6, 4))[0]
    steps = problem.solution()
    if kind == "corrupt":
        return corrupt(rng, problem)
    if kind == "slip":
        return slip(rng, problem, 0.15)
    if kind == "shuffle":
        rng.shuffle(steps)
    if kind == "swap":
        return draw_problem(rng).solution()
    return steps


def cut(rng: random.Random, steps: Sequence[str], share: float = 0.25) -> Sequence[str]:
    """Returns an unfinished solution (a prefix of 1 or more steps) in `share` of the cases."""
    return steps[: rng.randint(1, len(steps))] if rng.random() < share else steps


def synthetic_lessons(seed: int, exclude: frozenset[str]) -> Iterator[Lesson]:
    """Yields verifier lessons without end on solutions with errors made by `errors`."""
    rng = random.Random(seed)
    for problem in problems(seed, exclude):
        yield verifier_lesson(problem, cut(rng, synthetic_solution(rng, problem)))


def sampled_lessons(
    seed: int, solutions: Sequence[tuple[ArithmeticProblem, list[str]]]
) -> Iterator[Lesson]:
    """Yields verifier lessons without end on the policy's own solutions, in random order."""
    rng = random.Random(seed)
    while True:
        for problem, steps in rng.sample(solutions, len(solutions)):
            if steps:
                yield verifier_lesson(problem, cut(rng, steps))


def mixed(
    seed: int, first: Iterator[Lesson], second: Iterator[Lesson], share: float
) -> Iterator[Lesson]:
    """Yields from `second` with probability `share`, else from `first`."""
    rng = random.Random(seed)
    while True:
        yield next(second if rng.random() < share else first)
