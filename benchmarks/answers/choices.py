r"""The option that an answer to a multiple-choice question names: `(B)`, `**B**`, `B. 12 m/s`."""

from __future__ import annotations

import re

from benchmarks.answers.typography import normalise, words_of

LETTERS = "A-J"
NAMED = re.compile(
    rf"(?:(?:the )?(?:correct )?(?:option|choice|answer)(?: is)?:? *)?"
    rf"(?:(?P<bare>[{LETTERS}])(?:[.):](?P<text> .*|$)|$)"
    rf"|[(\[{{](?P<wrapped>[{LETTERS}])[)\]}}][.:]?(?P<rest>.*))",
    re.IGNORECASE | re.DOTALL,
)
ANOTHER = re.compile(
    rf"(?:\s*(?:and|or|[,;/&])\s*)+[(\[{{]?[{LETTERS}](?![\w'])"  # `(A), (B)`, `B. and C.`
    rf"|\s*[(\[][{LETTERS}][)\]]"  # `(A)(B)`
)
"""How a second option follows the first; its letter is a capital: `(B) and a half` names one."""
REFERENCE = re.compile(rf"[(\[]?(?P<letter>[{LETTERS}])[)\]]?\.?")


def option_named(text: str, *, any_case: bool = True) -> str | None:
    """The letter, A to J, of the option that an answer names; None where it names none.

    A letter, in balanced brackets or not, may be followed by the text of its option. `A and B`,
    `(A) or (B)` and `AB` name none. Without `any_case` a small letter is none.
    """
    bare = words_of(normalise(text)).strip("*_ ")
    named = NAMED.fullmatch(bare)
    if named is None or ANOTHER.match(named["text"] or named["rest"] or ""):
        return None
    letter = named["bare"] or named["wrapped"]
    return letter.upper() if any_case or letter.isupper() else None


def is_option(reference: str) -> bool:
    """Whether a reference is the letter of an option: the question is one of choice."""
    return REFERENCE.fullmatch(words_of(normalise(reference)).strip()) is not None
