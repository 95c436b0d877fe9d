r"""Where an answer falls apart: at commas, words and signs that stand in no bracket."""

from __future__ import annotations

import re

OPENING = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\langle": r"\rangle"}
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
SEPARATOR = re.compile(
    r"[,;]|\\(?:text|mathrm|textrm)\{[,; ]*(?:and|or)[ ,;]*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])"
)
THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
JOINED = re.compile(r"^(?:\\text\{ ?(?:and|or) ?\}|(?:and|or)(?![A-Za-z]))\s*")


def depths(text: str) -> list[int]:
    """How many brackets are open before each character; of a half-open interval any will do."""
    depth, found = 0, []
    for token in TOKEN.finditer(text):
        word = token[0]
        closes = word in ")]}" or word in (r"\}", r"\rangle")
        depth -= closes
        found += [max(depth, 0)] * len(word)
        depth += word in OPENING
    return found


def split(text: str, pattern: re.Pattern[str]) -> list[str]:
    """The parts between the matches that stand in no bracket."""
    depth, parts, start = depths(text), [], 0
    for match in pattern.finditer(text):
        if depth[match.start()] == 0:
            parts.append(text[start : match.start()])
            start = match.end()
    return [part.strip() for part in [*parts, text[start:]]]


def listed(text: str) -> list[str]:
    """The members of a list, or the text alone.

    A comma between a digit and three digits is no separator beside one that has a space after it.
    """
    guarded = THOUSANDS.sub("\0", text) if re.search(r"[,;] ", text) else text
    parts = split(guarded, SEPARATOR)
    parts = [JOINED.sub("", part).replace("\0", ",") for part in parts]
    return [part for part in parts if part]


def bracketed(text: str) -> tuple[str, str, str] | None:
    """The brackets around a whole text, and its inside: opening, inside, closing."""
    for opening in (r"\langle", r"\{", "(", "[", "{"):
        if text.startswith(opening):
            break
    else:
        return None
    closings = (")", "]") if opening in ("(", "[") else (OPENING[opening],)
    closing = next((each for each in closings if text.endswith(each)), None)
    if closing is None:
        return None
    depth = depths(text)
    inside = depth[len(opening) : len(text) - len(closing)]
    if any(level == 0 for level in inside):
        return None  # `(1,2),(3,4)`
    return opening, text[len(opening) : len(text) - len(closing)].strip(), closing
