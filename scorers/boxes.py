r"""Boxed verdict words in a text: `\boxed{correct}` and all the ways in which models write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Quantifiers are bounded: a verifier in a loop can write a box of a million asterisks.
BOX = re.compile(
    r"""\\boxed\s?\{
    (?: [\s*_`"'$~({]                                                   # **, quotes, spaces
      | \\[,;:!\ ]                                                      # LaTeX's thin spaces
      | \\(?:text)?colou?r(?:box)?\s?(?:\[\w{1,10}\])?\{[^{}\n]{0,20}\} # \color{red}
      | \\[a-z]{1,12}                                                   # \text, \mathbf
    ){0,12}
    (?P<word>(?:in)?correct)
    (?P<tail>[\s*_`"'$~.,;!)✓✔✗✘✅❌]{0,8})(?=\}|\n|\Z)""",
    re.VERBOSE | re.IGNORECASE,
)
r"""A box that holds one of the two words and nothing else; `\boxed{correct/incorrect}` is none. At
the end of a text it may still be open."""

END = re.compile(r"[}*$)\].,;]{0,8}")
"""What still belongs to a verdict: braces, emphasis, a full stop."""


@dataclass(frozen=True, slots=True)
class Box:
    """A boxed word: the box is `text[start:end]`, the word ends at `word_end`."""

    start: int
    word_start: int
    word_end: int
    end: int
    incorrect: bool


def boxes(text: str) -> Iterator[Box]:
    """All boxed verdict words, in order."""
    for found in BOX.finditer(text):
        word_start, word_end = found.span("word")
        closing = END.match(text, found.end())
        end = closing.end() if closing else found.end()
        yield Box(found.start(), word_start, word_end, end, word_end - word_start > len("correct"))
