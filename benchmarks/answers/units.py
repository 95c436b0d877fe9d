r"""What stands around a value and is no part of it: units, currencies, `about`, `(mod 1000)`.

A unit is dropped, not converted: `18 cm` is `18`, as every benchmark grades. What changes the value
is no unit: `18 million` is 18,000,000, and `18 R 2`, `18 or 19`, `18 x` are not 18.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from benchmarks.answers.typography import words_of

BEFORE = re.compile(
    r"(?:\\approx|\\equiv|\\sim|(?:about|approximately|around|exactly|a total of)(?![a-z])"
    r"|USD|EUR|GBP|Rs\.?|[$€£¥₹])\s*",
    re.IGNORECASE,
)
MODULO = re.compile(
    r"\s*(?:\\pmod ?(?:\{[^{}]*\}|[0-9]+)"
    r"|\(? ?(?:\\text\{ ?\(?)?\\?b?mod(?:ulo)? ?[0-9]+ ?\)?\}?\)?)\s*$"
)
CURRENCY = re.compile(r"\s*(?:[$€£¥₹]|USD|EUR|GBP)\s*$")
DEGREES = re.compile(r"\^\\circ ?(?:[CF])?\s*$")
TRIGONOMETRIC = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])")
"""Of an angle the sign of degrees is no unit."""
PERCENT = re.compile(r"\s*(?:%|\\%|per ?cent(?:age)?(?: points?)?)\s*$", re.IGNORECASE)
POWER = r"(?:\^ ?\{?-?[1-4]\}?)?"
UPRIGHT = rf"\\(?:text(?:bf|it|rm)?|mathrm)\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}{POWER}"
PLAIN = (
    rf"(?:\\mu ?)?[A-Za-z./\-]+{POWER}(?: ?\\cdot ?[A-Za-z]+\^\{{-[1-4]\}})?"
    rf"|\\frac\{{(?:[ck]?m|mi|ft|k?J|kg)\}}\{{(?:s|hr?|min|mol|kg|K|c?m){POWER}\}}"
)
TAILS = (
    re.compile(
        r"(?P<value>.*[0-9A-Za-z)}\]!%])(?: |(?=\\))"
        rf"(?P<unit>{UPRIGHT}(?: ?(?:/|\\cdot)? ?(?:{UPRIGHT}|[A-Za-z]+{POWER}))?)"
    ),
    re.compile(
        rf"(?P<value>.*[0-9A-Za-z)}}\]!%])(?<!\\mu)(?<!\\cdot)(?: |(?=\\(?:text|mathrm|frac)))"
        rf"(?P<unit>{PLAIN})"
    ),
)
"""A unit in `\\text{…}`, which may hold spaces, or a bare one."""
FACTORS = re.compile(r"[0-9)}](?: (?!N m$|J s$|[AW] h$|V s$)[A-Za-z](?:\^\{?[0-9]\}?)?){2,}")
"""`3 m g` is a product, `3 N m` has a unit."""
ATTACHED = re.compile(
    r"(?P<value>.*[0-9])(?:[cmk]?m|[mk]?g|ml|hrs?|mins?|secs?|ms|ft|yd|mi|mph|kmh|lbs?|oz|k?W|kWh|Hz"
    rf"|mol|[kMGT]B|deg(?:rees)?|rad|[ap]m){POWER}",
)
"""Units that are written without a space, but for those that look like a variable."""
SIZES = {
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
}
NO_UNIT = re.compile(
    r"or|and|to|by|from|plus|minus|times|over|is|are|not|if|when|where|remainder|with|than|between"
    r"|mod|modulo|sin|cos|tan|ln|log",
    re.IGNORECASE,
)
"""Words that join, compare or compute."""
LETTER = re.compile("[msghLlJNWVAKCFHTMa]")
"""Units of one letter, and an article; any other letter is a variable."""
VALUE = re.compile(r"[0-9]|\\(?:pi|sqrt|frac)(?![A-Za-z])")
"""What a value has that can have a unit."""
POWERS = re.compile("squared|cubed")
"""Of a unit no change of the value, of a number one: `18 feet squared`, `18 squared`."""
MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Bare:
    """A value without what stood around it; `scale` multiplies it (1,000 of `18 thousand`)."""

    text: str
    percent: bool = False
    scale: Fraction = Fraction(1)


def without_unit(text: str) -> Bare:
    """The value of a normalised answer, and what its unit says of it. Linear in the length."""
    text = MODULO.sub("", BEFORE.sub("", text, count=1) if BEFORE.match(text) else text)
    percent, scale = False, Fraction(1)
    for _ in range(MOST_WORDS):  # `5 million dollars per year`
        bare = CURRENCY.sub("", text).strip()
        bare = bare if TRIGONOMETRIC.search(bare) else DEGREES.sub("", bare).strip()
        if PERCENT.search(bare) and not percent:
            bare, percent = PERCENT.sub("", bare).strip(), True
        if attached := ATTACHED.fullmatch(bare):
            bare = attached["value"]
        elif found := _without_tail(bare):
            bare, scale = found[0], scale * found[1]
        if bare == text or not bare:
            break
        text = bare
    return Bare(text, percent, scale)


def _without_tail(text: str) -> tuple[str, Fraction] | None:
    """The value before a unit, and what the unit multiplies it by; None where no unit ends it."""
    if (factors := FACTORS.search(text)) and factors.end() == len(text):
        return None
    for pattern in TAILS:
        tail = pattern.fullmatch(text)
        told = _unit(tail["value"], tail["unit"]) if tail else None
        if tail and told:
            return tail["value"].strip(), told
    return None


def _unit(value: str, text: str) -> Fraction | None:
    """By what a unit multiplies its value, mostly 1; None for what is no unit."""
    if (
        not VALUE.search(value)
        or value.count("{") != value.count("}")
        or (POWERS.fullmatch(text) and value[-1].isdigit())
    ):
        return None
    words = re.sub(
        r"\\(?:cdot|mu|frac|mathrm|text)(?![A-Za-z])|[\^{}()\-0-9/.*]", " ", words_of(text)
    ).split()
    if not words or any(NO_UNIT.fullmatch(word) for word in words):
        return None
    if any(not word.isalpha() or (len(word) == 1 and not LETTER.match(word)) for word in words):
        return None
    scale = Fraction(1)
    for word in words:
        scale *= SIZES.get(word.lower(), 1)
    return scale
