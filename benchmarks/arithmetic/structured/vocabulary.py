"""The tokenizers of the structured stand-ins: the domain's, with tags and the sections' words."""

from __future__ import annotations

from typing import Any

from benchmarks.arithmetic import critique
from benchmarks.arithmetic.vocabulary import THINK, build_tokenizer
from policies.structured import PROMPT_TEMPLATE
from search.structured_protocol import TAGS

SYSTEM = "Plan, monitor and evaluate in tags, then output the number of the right option."
"""The system prompt. The model card's would be over a thousand tokens of single bytes."""
WORDS = f"""
{SYSTEM} {PROMPT_TEMPLATE.replace("{question}", "")}
Provided options
Start from Add Subtract Multiply Divide by result Options option So it None nearest
add subtract multiply divide start end none no A B C D E F G H I J
Let us plan Now compute This check correctness It Therefore
"""
"""Those of the critique are words too."""


def build_structured_tokenizer(role: str) -> Any:
    """Returns the tokenizer of `policy` or `verifier`: one vocabulary, the role's own template.

    The tags are ordinary tokens, one each, so that they are part of what is decoded.
    """
    words = f"{WORDS} {critique.WORDS}"
    return build_tokenizer(role, words, [tag for tag in TAGS if tag not in THINK])
