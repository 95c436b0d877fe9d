"""How a verifier is shown the steps of a path: as they were written, or without tags.

ThinkPRM was trained on plain steps. The literal tags of a structured response would be new to it,
and it cannot judge the bare number of an option.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from search.structured_protocol import OPTION, TAG

Steps: TypeAlias = Literal["as_written", "untagged"]
"""`as_written`: byte for byte. `untagged`: without the tags of a structured response, whose output
becomes a sentence that says which option is the answer."""

STEPS: tuple[str, ...] = get_args(Steps)

OUTPUT = re.compile(r"<output>((?:(?!<output>).)*?)(?:</output>|\Z)", re.DOTALL)
OPTIONS = re.compile(r"^Provided options: (\[.*\])\s*\Z", re.MULTILINE)


def step_texts(shown: Steps, question: str, steps: Sequence[str], base: int) -> list[str]:
    """The steps as they are shown; `question` and `base` as for `untagged`."""
    return list(steps) if shown == "as_written" else untagged(question, steps, base)


def untagged(question: str, steps: Sequence[str], base: int) -> list[str]:
    """The steps without tags, one text each; one that has nothing but tags is empty.

    Args:
        question: may end with a line `Provided options: […]`, a Python list of texts.
        steps: as the policy wrote them.
        base: the number of the first option.
    """
    options = read_options(question)
    return [_plain(step, options, base) for step in steps]


def read_options(question: str) -> list[str]:
    """The options in a question's last line; none where it has no such line."""
    found = OPTIONS.search(question)
    if found is None:
        return []
    try:
        listed = ast.literal_eval(found[1])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return [str(option) for option in listed]


def _plain(step: str, options: Sequence[str], base: int) -> str:
    said = OUTPUT.sub(
        lambda output: f"<output>{_sentence(output[1].strip(), options, base)}</output>", step
    )
    return " ".join(part for piece in TAG.split(said) if (part := piece.strip()))


def _sentence(output: str, options: Sequence[str], base: int) -> str:
    if not OPTION.fullmatch(output):
        return f"Therefore the answer is {output}." if output else ""
    index = int(output) - base
    text = f": {options[index]}" if 0 <= index < len(options) else ""
    return f"Therefore the answer is option {output}{text}."
