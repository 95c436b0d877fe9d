"""What a thinking model writes: a thought, `<think>` to `</think>`, and the answer after it.

A chat template may open the thought itself (Qwen3-Thinking, DeepSeek-R1), leave that to the model
(Qwen3), or close it before the model writes (Qwen3 with `enable_thinking: false`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from search.checks import check_choice, check_count
from search.thought import END_OF_THINK, THINK

CUT = ("answer", "thought", "both")


@dataclass(frozen=True)
class Thinking:
    """How a thought and the answer after it are told apart, and which is cut into steps."""

    steps: Literal["answer", "thought", "both"] = "answer"
    """`answer`: the answer is cut into steps, and the thought belongs to the tokens of the first
    one, not to its text: no verifier sees it. `thought`: the thought is cut into steps, and the
    answer is the last one. `both`: both are cut, and `</think>` ends a step."""
    max_tokens: int | None = None
    """Tokens of the longest thought; a longer one is cut (`LENGTH`) and has no answer. `null`: it
    may take all of `sampling.max_tokens`, of which the answer has what the thought leaves."""

    def __post_init__(self) -> None:
        check_choice("steps", self.steps, CUT)
        if self.max_tokens is not None:
            check_count("max_tokens", self.max_tokens, hint="null sets no limit")


class Phase(Enum):
    """Where a text is that a model has written."""

    OPENING = "opening"
    """Nothing is written that tells."""
    THOUGHT = "thought"
    ANSWER = "answer"
    """The thought is closed, or there was none."""


def phase(text: str) -> Phase:
    """Of a text from its beginning, with what the prompt said of a thought before it."""
    said = text.lstrip()
    if said.startswith(THINK):
        return Phase.ANSWER if END_OF_THINK in said else Phase.THOUGHT
    return Phase.OPENING if THINK.startswith(said) else Phase.ANSWER


def lead(prompt: str) -> str:
    """What the end of a prompt says of the thought: it is open, it is over, or nothing."""
    said = prompt.rstrip()
    if said.endswith(THINK):
        return THINK
    return THINK + END_OF_THINK if said.endswith(END_OF_THINK) else ""
