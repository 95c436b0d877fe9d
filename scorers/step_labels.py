r"""What a critique says of whose verdict follows: clues, which `scorers.step_alignment` weighs up.

A critique names its step, and other steps beside it. "Step 3: this uses Step 2. The step is
`\boxed{correct}`" judges step 3. So names are told apart by how clearly they label: beside the
verdict itself, at the start of a line, before a colon, anywhere; of several of one kind the last
counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

ONES = "one two three four five six seven eight nine ten eleven twelve"
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
WORDS = {word: number for words in (ONES, ORDINALS) for number, word in enumerate(words.split(), 1)}
LAST = -1
"""`the last step`, whichever number that has."""

# Quantifiers are bounded: a verifier in a loop can write a line of a million asterisks.
NUMBER = rf"\bstep[ \t]{{1,3}}(?:#|no\. ?|number )?(\d{{1,6}}|{ONES.replace(' ', '|')})\b"
BACK = "".join(rf"(?<!\b{word} )" for word in ("from", "by", "with", "using", "see", "since"))
"""`From step 3: …` looks back, whatever stands behind it."""
ORDINAL = rf"\b({ORDINALS.replace(' ', '|')}|\d{{1,6}}(?:st|nd|rd|th)|last|final)[ \t]{{1,3}}step\b"
OPEN = r"[ *\"'($-]{0,8}"
IS = r"(?:is|was)\b[ *:]{0,4}(?:\w{1,20}[ ]{1,2})?[ *($]{0,4}$"
COLON_OR_IS = rf"{OPEN}:?{OPEN}{IS}|{OPEN}:[ *:\"'($-]{{0,8}}$"
SUBJECT = re.compile(rf"(?:{NUMBER}|{ORDINAL}){OPEN}:?{OPEN}{IS}", re.IGNORECASE)
"""`Step 3 is`, `the third step is` right before the box."""
BESIDE = re.compile(rf"{BACK}{NUMBER}(?:{COLON_OR_IS})", re.IGNORECASE)
"""`Step 3 is`, `**Step 3:**` right before the box."""
BESIDE_ORDINAL = re.compile(rf"{ORDINAL}(?:{COLON_OR_IS})", re.IGNORECASE)
HEADING = re.compile(
    r"^[ \t>#*_(\[-]{0,8}(?:\\[a-z]{1,12}\*?\{)?(?:\d{1,3}[.)][ \t*]{0,4})?"
    + NUMBER
    + r"(?: ?/ ?\d{1,3}| of \d{1,3})?(?: ?\([^()\n]{1,60}\))?"
    + r"(?:[ \t*_]{0,4}[:.)\]–—-]|[ \t]?[*_]|(?:[ \t]\w{1,20}){0,2}[ \t*_]{0,3}(?::|$))",
    re.IGNORECASE | re.MULTILINE,
)
"""`Step 3:`, `## Step 3.`, `**Step 3**`, `[Step 3]`, `1. Step 1:`, `Step 3 of 5 (solving):` at the
start of a line."""
COLON = re.compile(BACK + NUMBER + r"[ \t*_]{0,4}:", re.IGNORECASE)
OPENING = re.compile(
    r"(?:^|[.!?])[ \t>#*-]{0,8}(?:(?:so|now|then|next|also|in|for|as for)\b,?[ ])?"
    r"(?:(?:the|their)[ ])?" + ORDINAL,
    re.IGNORECASE | re.MULTILINE,
)
"""`The second step …` at the start of a sentence."""
MENTION = re.compile(NUMBER, re.IGNORECASE)
ANY_ORDINAL = re.compile(ORDINAL, re.IGNORECASE)
LISTED = re.compile(r"^[ \t>#*_-]{0,8}(\d{1,3})[.)](?=[ \t*_])", re.MULTILINE)
"""`4.` at the start of a line."""
AFTER = re.compile(
    r"[ \t]{0,3}(?:[(\[][ \t*]{0,3}|(?:for|on)[ ]|(?:<-|[-–—←])[ \t]{0,2})"
    + NUMBER
    + r"(?=[ \t*]{0,3}(?:[)\],;.]|$))",
    re.IGNORECASE | re.MULTILINE,
)
"""`(Step 3)`, `for step 3`, `- Step 3` right after the box."""


class Clarity(IntEnum):
    """How clearly a name labels; the least is the clearest."""

    BESIDE = 0
    HEADING = 1
    COLON = 2
    OPENING = 3
    MENTION = 4


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a step: its number as it was written, or `LAST`.

    An `ordinal` counts from 1, whatever a chain's numbers count from.
    """

    number: int
    clarity: Clarity
    ordinal: bool = False

    @property
    def clear(self) -> bool:
        """Whether it says whose verdict follows, more than that a step is spoken of."""
        return self.clarity < Clarity.MENTION


@dataclass(frozen=True, slots=True)
class Clues:
    """What is written around one verdict.

    `before`: the clearest name in its critique; `after`: the one right after its box; `listed`: the
    list numbers at the starts of lines of its critique; `named`: all steps that it names.
    """

    before: Label | None
    after: int | None = None
    listed: frozenset[int] = frozenset()
    named: frozenset[int] = frozenset()


PATTERNS = (
    (BESIDE, Clarity.BESIDE, False),
    (BESIDE_ORDINAL, Clarity.BESIDE, True),
    (HEADING, Clarity.HEADING, False),
    (COLON, Clarity.COLON, False),
    (OPENING, Clarity.OPENING, True),
    (MENTION, Clarity.MENTION, False),
)


def clues(critique: str, after: str = "") -> Clues:
    r"""The clues of the verdict between two texts.

    Args:
        critique: the text from the previous verdict up to this one's `\boxed`.
        after: the text right after its box.
    """
    behind = AFTER.match(after)
    listed = frozenset(map(int, LISTED.findall(critique)))
    names = MENTION.findall(critique) + ANY_ORDINAL.findall(critique)
    named = frozenset(map(number_of, names))
    return Clues(label_of(critique), number_of(behind[1]) if behind else None, listed, named)


def label_of(critique: str) -> Label | None:
    r"""The clearest name of a step in a critique, None where none is named.

    A critique with the heading of one step is on that step, but where another is the subject of its
    verdict: "Step 3: as in step 2: `\boxed{correct}`".
    """
    heads = set(map(number_of, HEADING.findall(critique)))
    if len(heads) == 1 and not SUBJECT.search(critique):
        return Label(heads.pop(), Clarity.HEADING)
    for pattern, clarity, ordinal in PATTERNS:
        names = pattern.findall(critique)
        if names:
            return Label(number_of(names[-1]), clarity, ordinal)
    return None


def number_of(name: str) -> int:
    """`3`, `third`, `3rd`, `three`; `LAST` for `last` and `final`."""
    # Integers, not text: "9" > "10" made ThinkPRM's own search stop at step 10.
    word = name.lower()
    digits = word.rstrip("stndrh")
    return int(digits) if digits.isdigit() else WORDS.get(word, LAST)
