"""The text that ThinkPRM was trained on, byte for byte, as token ids.

Source: `utils/helper.py` of mukhal/ThinkPRM. The model card differs in white space; the code is
what the models were trained with. Step numbers and closing question are those of the training data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from engines.tokenizer import Tokenizer
from scorers.verdict_ids import QUESTION, UnfitTokenizer, required_id
from search.thought import END_OF_THINK, THINK

Prefill: TypeAlias = Literal["none", "verify_step", "card"]
"""How the verifier's turn begins.

`none`: `<think>` and a newline, the authors' latest. `verify_step`: the first line of the
structured training chains and `Step 1:`, about half the tokens. `card`: the model card's, with a
blank line; it makes small verifiers stop at once and is here for comparison.
"""

LEADS: dict[Prefill, str] = {
    "none": "\n",
    "verify_step": "\nLet's verify step by step:\n\nStep 1:",
    "card": "\n\nLet's verify step by step:",
}
"""What follows `<think>`, by prefill."""

BEFORE_PROBLEM = (
    "You are given a math problem and a proposed step-by-step solution:\n\n[Math Problem]\n\n"
)
BEFORE_SOLUTION = "\n\n[Solution]\n\n"
INSTRUCTION = (
    "Review and critique each step in the proposed solution to determine whether each step is "
    "correct. If the solution is incomplete, only verify the provided steps."
)

BOS = "<｜begin▁of▁sentence｜>"

OPEN_BOX = 60
"""A box that began more characters ago was not left open by being stopped at its word."""
MOST_BRACES = 3

STEP_MARKER = re.compile(
    r"(?:#{1,6}[ \t]*)?(?:\*\*)?step[ \t]+\d{1,6}[ \t]*(?::|\.(?!\d))(?:\*\*)?\s*", re.IGNORECASE
)
"""`Step 3:`, `## Step 3.`, `**Step 3:**` at the start of a step, as policies write it."""

LABEL = re.compile(r"^[ \t#*]{0,8}step[ \t]{1,3}(\d{1,6})[ \t]?[:.]", re.IGNORECASE | re.MULTILINE)
"""A step number at the start of any line of a solution."""


def user_message(problem: str, steps: Sequence[str], instruction: str = INSTRUCTION) -> str:
    """The user turn. Texts are joined, never substituted, so braces in them mean nothing."""
    return f"{BEFORE_PROBLEM}{problem}{BEFORE_SOLUTION}{numbered(steps)}\n\n{instruction}"


def numbered(steps: Sequence[str]) -> str:
    """`Step i: text`, from 1, one newline between steps; a step's own number is dropped."""
    return "\n".join(f"Step {number}: {bare(step)}" for number, step in enumerate(steps, 1))


def bare(step: str) -> str:
    """A step's text without its marker and without white space around it."""
    text = step.strip()
    marker = STEP_MARKER.match(text)
    return text[marker.end() :] if marker else text


def highest_label(steps: Sequence[str]) -> int:
    """The highest step number in the solution: a step that was not segmented may hold several."""
    return max(map(int, LABEL.findall(numbered(steps))), default=0)


def braces(chain: str) -> str:
    r"""Those that close a `\boxed{` left open at the end of a chain."""
    _, boxed, rest = chain[-OPEN_BOX:].rpartition(r"\boxed")
    return "}" * min(MOST_BRACES, rest.count("{") - rest.count("}")) if boxed else ""


class VerifierPrompt:
    """Makes the token ids that a verification starts from and those that close it.

    Raises `UnfitTokenizer` when the model's chat template is not the one ThinkPRM was trained with.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prefill: Prefill,
        model: str,
        instruction: str = INSTRUCTION,
    ) -> None:
        self._tokenizer = tokenizer
        self._instruction = instruction
        self._newline = tokenizer.encode("\n")
        self._question = tokenizer.encode("\n" + QUESTION)
        self._lead = tokenizer.encode(LEADS[prefill])
        self.lead = LEADS[prefill].lstrip("\n")
        self.end_of_think = required_id(tokenizer, END_OF_THINK, model)
        self._check_template(model)

    def ids(self, problem: str, steps: Sequence[str]) -> tuple[int, ...]:
        """The whole prompt: BOS, user turn, `<think>` and the prefill."""
        turn = self._turn(user_message(problem, steps, self._instruction))
        # What follows <think> is one text to the tokenizer: a blank line is one token, not two.
        return turn[: -len(self._newline)] + self._lead

    def closing(self, chain: str, *, thought: bool) -> tuple[int, ...]:
        r"""The part of `\n</think>\nIs the solution correct?` that a chain still lacks.

        Args:
            chain: the text of the chain; a `\boxed{` left open at its end is closed first.
            thought: whether the chain ended with `</think>` already.
        """
        if thought:
            return self._question
        return (*self.line_end(chain), self.end_of_think, *self._question)

    def line_end(self, chain: str) -> tuple[int, ...]:
        r"""What ends the last line of a chain: braces of a `\boxed{` left open, and a newline."""
        newline = "" if chain.endswith("\n") else "\n"
        return self._tokenizer.encode(braces(chain) + newline)

    def given(self, chain: str, number: int, step: str) -> tuple[int, ...]:
        """Step `number`, from 1, put into a chain where the verifier would quote it."""
        return self._tokenizer.encode(f"{braces(chain)}\n\nStep {number}: {bare(step)}")

    def cue(self, text: str) -> tuple[int, ...]:
        """A text that has the verifier go on where it would end, at the start of a line."""
        return self._tokenizer.encode(text)

    def _turn(self, message: str) -> tuple[int, ...]:
        return self._tokenizer.chat([{"role": "user", "content": message}])

    def _check_template(self, model: str) -> None:
        think = required_id(self._tokenizer, THINK, model)
        turn = self._turn("x")
        if turn[-1 - len(self._newline) :] != (think, *self._newline):
            raise UnfitTokenizer(
                f"{model}: its chat template ends a prompt with "
                f"{self._tokenizer.decode(turn[-6:])!r}, ThinkPRM was trained with "
                f"{THINK!r} and a newline: use a ThinkPRM checkpoint with its own template"
            )
        bos = self._tokenizer.token_id(BOS)
        if bos is not None and turn.count(bos) != 1:
            raise UnfitTokenizer(
                f"{model}: its chat template puts {turn.count(bos)} {BOS} into a prompt, "
                "ThinkPRM was trained with exactly 1: use the checkpoint's own template"
            )
