r"""Whose verdict is it? A critique names its step, and other steps beside it.

"Step 3: this uses Step 2. The step is `\boxed{correct}`" judges step 3. So a label is looked for by
how clearly it labels: beside the verdict itself, at the start of a line, before a colon, anywhere;
of several of one kind the last counts.
"""

from __future__ import annotations

import re

# Quantifiers are bounded: a verifier in a loop can write a line of a million asterisks.
NUMBER = r"\bstep[ \t]{1,3}(\d{1,6})\b"
BESIDE = re.compile(
    NUMBER + r"[ *:\"'($-]{0,8}(?:(?:is|was)\b[ *:]{0,4}(?:\w{1,20}[ ]{1,2})?)?[ *($]{0,4}$",
    re.IGNORECASE,
)
"""`Step 3 is`, `**Step 3:**` right before the box."""
HEADING = re.compile(
    r"^[ \t>#*-]{0,8}(?:\d{1,3}[.)][ \t*]{0,4})?"
    + NUMBER
    + r"(?:[ \t*_]{0,4}[:.)\]–—-]|[ \t]?[*_]|[ \t]{0,3}$)",
    re.IGNORECASE | re.MULTILINE,
)
"""`Step 3:`, `## Step 3.`, `**Step 3**`, `1. Step 1:` at the start of a line."""
COLON = re.compile(NUMBER + r"[ \t*_]{0,4}:", re.IGNORECASE)
MENTION = re.compile(NUMBER, re.IGNORECASE)


def label_of(critique: str) -> int | None:
    r"""The number of the step that the verdict after `critique` judges, None where none is named.

    Args:
        critique: the text from the previous verdict up to this one's `\boxed`.
    """
    for pattern in (BESIDE, HEADING, COLON, MENTION):
        numbers = pattern.findall(critique)
        if numbers:
            # Integers, not text: "9" > "10" made ThinkPRM's own search stop at step 10.
            return int(numbers[-1])
    return None
