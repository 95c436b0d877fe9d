"""Answers that take no algebra: numbers, digits in a base, times, ratios, words."""

from __future__ import annotations

import re
from fractions import Fraction

from benchmarks.answers.numerals import LONGEST_NUMBER, read_number
from benchmarks.answers.reading import Kind, ParsedAnswer, number, percentage, ratio
from benchmarks.answers.splitting import listed
from benchmarks.answers.typography import words_of
from benchmarks.answers.units import without_unit

BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
BASES |= {"ten": 10, "eleven": 11, "twelve": 12, "sixteen": 16}
BASED = re.compile(
    r"\(?(?P<digits>[0-9A-Fa-f]+)\)?_(?:\{ ?)?(?:\\text\{ ?)?(?P<base>[0-9]{1,2}|[a-z]+)(?: ?\})*"
)
TIME = re.compile(r"(?P<hour>[0-9]{1,2}):(?P<minutes>[0-9]{2})(?: ?(?P<half>[ap])\.? ?m\.?)?")
RATIO = re.compile(r"[0-9]+(?::[0-9]+)+")
WORDS = re.compile(r"[A-Za-z][A-Za-z'\- .!?0-9&/()]*")
PRODUCT = re.compile(r"[b-df-hj-np-tv-z]{2,3}|[abcdxyz]{2,3}")
"""Small letters without the vowels of words: a product of variables."""
INFINITY = re.compile(r"(?P<sign>[+-]?)(?:\\infty|inf|infinity)")


def plain(text: str) -> ParsedAnswer | None:
    """A number, digits in a base, a time, a letter, words: what takes no algebra."""
    bare = without_unit(text)
    value = read_number(bare.text) if len(text) <= LONGEST_NUMBER else None
    if value is not None:
        if bare.percent:
            return percentage(value.value * bare.scale)
        return number(value.value * bare.scale, value.ulp)
    said = words_of(text)
    based = _based(text)
    if based is not None:
        return based
    if time := TIME.fullmatch(said.lower()):
        half = f" {time['half']}" if time["half"] else ""
        hour, minutes = int(time["hour"]), int(time["minutes"])
        maybe = not half and time["minutes"][0] != "0"  # a ratio, as `3:10`
        worth = Fraction(hour, minutes) if maybe else None
        return ParsedAnswer(Kind.TIME, f"{hour}:{time['minutes']}{half}", worth)
    if RATIO.fullmatch(said):
        return ratio([int(term) for term in said.split(":")])
    if infinite := INFINITY.fullmatch(said):
        return ParsedAnswer(Kind.WORDS, f"{infinite['sign'].replace('+', '')}infinity")
    return _words(text, said)


def _based(text: str) -> ParsedAnswer | None:
    """Digits with a subscript that can be their base."""
    match = BASED.fullmatch(text)
    if match is None:
        return None
    digits, said = match["digits"], match["base"]
    base = int(said) if said.isdigit() else BASES.get(said, 0)
    written = digits.isdigit() or (len(digits) > 1 and digits.upper() == digits)
    if not written or not 2 <= base <= 36:
        return None
    try:
        int(digits, base)
    except ValueError:
        return None
    return ParsedAnswer(Kind.BASED, f"{digits.lower()}_{base}")


def _words(text: str, said: str) -> ParsedAnswer | None:
    """Words, a label, a name: not a product of variables, and no letter alone."""
    if not WORDS.fullmatch(said) or len(listed(text)) > 1:
        return None
    tokens = re.findall(r"[A-Za-z]+", said)
    if max(map(len, tokens)) < 2:
        capitals = len(tokens) > 1 and said.isupper() and not re.search(r"[0-9()/.\-]", said)
        return ParsedAnswer(Kind.WORDS, said.casefold()) if capitals else None
    told = text != said
    if not told and (PRODUCT.fullmatch(said) or re.search(r"[A-Za-z]\(|\)[A-Za-z(]|[0-9/]", said)):
        spaced = re.search(r"[A-Za-z]{2,} |[ ][A-Za-z]{2,}", said)
        if not spaced:
            return None
    key = re.sub(r"[\s.!?]+", " ", said.casefold()).strip()
    return ParsedAnswer(Kind.WORDS, key)
