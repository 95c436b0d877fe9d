"""The tokenizers of the structured stand-ins with levels: with the words of the critique."""

from __future__ import annotations

from typing import Any

from benchmarks.arithmetic.levels import critique
from benchmarks.arithmetic.structured.vocabulary import WORDS
from benchmarks.arithmetic.vocabulary import THINK, build_tokenizer
from search.structured_protocol import TAGS


def build_structured_tokenizer(role: str) -> Any:
    """Returns the tokenizer of `policy` or `verifier`: one vocabulary, the role's own template."""
    words = f"{WORDS} {critique.WORDS}"
    return build_tokenizer(role, words, [tag for tag in TAGS if tag not in THINK])
