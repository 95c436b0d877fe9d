r"""The final answer in the text of a solution.

The last `\boxed{…}` (or `\fbox{…}`) that holds something wins, whatever stands before or after it:
of `\boxed{1} no, wait: \boxed{2}` the answer is `2`. Where nothing is boxed, the last cue (`The
answer is …`, `Final answer: …`, `#### …`) that is followed by a value gives it. Every reader is
linear in the length of the text.

What stands before the last `</think>` is a thought, and no answer is read there.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Literal

from search.thought import END_OF_THINK

MAX_CHARS = 512
"""A longer answer is no answer: what fills a page is a runaway, and algebra on it takes hours."""

Fallback = Literal["none", "last_number"]
"""What is taken where nothing is boxed and no cue gives a value."""

BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])")
EMPTY_BOX = re.compile(r"[ \t]{0,8}\{\s{0,8}\}")
BARE_END = re.compile(r"[\s$]|\\[)\]]")
CUE = re.compile(
    r"\banswer\*{0,2}(?:\s{1,8}is\b|\s{0,8}:)[\s:*]{0,8}|(?P<hashes>####)[ \t*]{0,8}", re.IGNORECASE
)
SENTENCE_END = re.compile(r"\n|[.?!](?=\s|$)")
DISPLAYED = re.compile(r"\\\[.*?\\\]|\$\$.+?\$\$", re.DOTALL)
AFTERWORD = re.compile(r",\s+(?=[A-Za-z])")
VALUE = re.compile(r"[0-9\\^=]")
"""What a value that is no plain word holds."""
HASHED = re.compile(r"[-+−$€£({\[|*.]{0,4}\s?(?:[a-zA-Z]\s?=\s?-?)?(?:[0-9]|\\[a-zA-Z{(])")
"""How a value after `####` begins; anything else there is a Markdown heading."""
NUMBERED = re.compile(r"[0-9]{1,3}(?:[.):][ \t]+\S|(?:st|nd|rd|th)\b)")
"""How a numbered heading begins."""
TALK = re.compile(
    r"(?:not|now|in|as|also|then|that|this|there|the following|given|found|shown|obtained|therefore"
    r"|correct|incorrect|right|wrong|true that|clear|unclear|obvious|unknown|reasonable|below|above"
    r"|likely|probably|consistent|verified|confirmed|supposed|expected|supported|indeed)\b",
    re.IGNORECASE,
)
"""What a sentence says of an answer instead of saying it."""
MOST_CUES = 64
NUMBER = re.compile(r"(?<![\w.])-?(?:[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+)(?:/[0-9]+)?")
LEEWAY = 8
"""Characters read beyond the longest answer: braces and the spaces around it."""


def extract_answer(
    text: str, *, cues: bool = True, fallback: Fallback = "none", max_chars: int = MAX_CHARS
) -> str | None:
    r"""The final answer of a solution, or None: an abstention.

    One longer than `max_chars`, and a last box that was never closed (the text was cut inside it)
    are abstentions: an earlier answer is not taken instead. An empty box is talk about boxes.

    Args:
        text: the solution.
        cues: whether a cue counts where nothing is boxed.
        fallback: `last_number` takes the last number of the text where nothing is boxed and no cue
            gives a value, as search-and-learn and the parser of Qwen2.5-Math do.
        max_chars: the longest answer, in characters.
    """
    text = text.rpartition(END_OF_THINK)[2]
    if (box := _last_box(text)) is not None:
        answer = _content(text[box:][: max_chars + LEEWAY].lstrip())
    else:
        answer = _cued(text, max_chars) if cues else None
        if answer is None and fallback == "last_number":
            answer = _last_number(text)
    return answer.strip() or None if answer is not None and len(answer) <= max_chars else None


def _last_box(text: str) -> int | None:
    """Where the content of the last box that is not empty begins; of only empty ones, the last."""
    found: int | None = None
    for box in BOX.finditer(text):
        if found is None or not EMPTY_BOX.match(text, box.end()):
            found = box.end()
    return found


def _cued(text: str, max_chars: int) -> str | None:
    """What the last cue that gives a value gives."""
    for cue in reversed(deque(CUE.finditer(text), maxlen=MOST_CUES)):
        rest = text[cue.end() :][: max_chars + LEEWAY].lstrip(" \t" if cue["hashes"] else None)
        said = _sentence(rest)
        told = _heads_value(rest) if cue["hashes"] else _says_value(said)
        if told:
            return said
    return None


def _heads_value(rest: str) -> bool:
    """Whether what follows `####` is a value, and no heading (`#### Check`, `#### 2. Check`)."""
    return HASHED.match(rest) is not None and NUMBERED.match(rest) is None


def _says_value(said: str) -> bool:
    """Whether a sentence goes on with an answer: `the answer is correct` does not."""
    return bool(said) and (TALK.match(said) is None or VALUE.match(said) is not None)


def _sentence(rest: str) -> str:
    """The answer up to the end of its sentence, or to what is added to a number after a comma.

    A displayed formula ends where it is closed.
    """
    if displayed := DISPLAYED.match(rest):
        return displayed[0]
    end = SENTENCE_END.search(rest)
    said = (rest[: end.start()] if end else rest).strip(" *")
    head, comma, tail = _parted(said)
    return head.strip() if comma and VALUE.search(head) and not VALUE.search(tail) else said


def _parted(said: str) -> tuple[str, str, str]:
    comma = AFTERWORD.search(said)
    return (said[: comma.start()], ",", said[comma.end() :]) if comma else (said, "", "")


def _last_number(text: str) -> str | None:
    last = deque(NUMBER.finditer(text), maxlen=1)
    return last[0][0] if last else None


def _content(rest: str) -> str | None:
    r"""What a box holds, given the text after its command; None where it is not closed.

    A box without braces (`\boxed 5`) holds what follows up to a space or the end of the formula.
    """
    if not rest.startswith("{"):
        end = BARE_END.search(rest)
        return (rest[: end.start()] if end else rest).rstrip(".,;")
    depth, escaped = 0, False
    for index, character in enumerate(rest):
        if escaped:
            escaped = False  # the second half of \{, \} or \\
        elif character == "\\":
            escaped = True
        elif character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return rest[1:index]
    return None
