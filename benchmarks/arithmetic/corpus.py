"""What a training text is: a prompt, and what a model is to write, as text pieces with weights."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from scorers.prompt import user_message

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


def cut(rng: random.Random, steps: Sequence[str], share: float) -> Sequence[str]:
    """Returns an unfinished solution (a prefix of 1 or more steps) in `share` of the cases."""
    return steps[: rng.randint(1, len(steps))] if rng.random() < share else steps
