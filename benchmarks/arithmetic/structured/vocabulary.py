"""The tokenizers of the structured stand-ins: the domain's, with tags and the sections' words."""

from typing import Any

from benchmarks.arithmetic.vocabulary import THINK, build_tokenizer
from policies.structured import PROMPT_TEMPLATE
from search.structured_protocol import TAGS

SYSTEM = "Plan, monitor and evaluate in tags, then output the number of the right option."
"""The system prompt. The model card's would be over a thousand tokens of single bytes."""
WORDS = f"""
{SYSTEM} {PROMPT_TEMPLATE.replace("{question}", "")}
Provided options
Start from Add Subtract Multiply Divide by result Option option So it None nearest
add subtract multiply divide start end none
Let us plan Now compute This check correctness It Therefore
"""


def build_structured_tokenizer(role: str) -> Any:
    """Returns the tokenizer of `policy` or `verifier`: one vocabulary, the role's own template.

    The tags are ordinary tokens, one each, so that they are part of what is decoded.
    """
    return build_tokenizer(role, WORDS, [tag for tag in TAGS if tag not in THINK])
