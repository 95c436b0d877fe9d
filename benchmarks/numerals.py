r"""Answers as normalised text and as exact numbers.

Most answers are numbers: they are compared here, exactly and in microseconds. What is left over
(`2\sqrt{3}` and `\sqrt{12}`) takes algebra.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

LONGEST_NUMBER = 400
"""Characters; no number of a benchmark is longer, and `int` refuses more than 4300 digits."""

MATH_DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
REWRITES = (
    (re.compile(r"\\(?:left|right)(?![A-Za-z])"), ""),
    (re.compile(r"\\!|(?<=[0-9])\\[,;:](?=[0-9])"), ""),
    (re.compile(r"(?:\\[,;: ]|~|\s)+"), " "),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\([%$])"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile("−"), "-"),
    (re.compile(r" ?([^\w\\ ]) ?"), r"\1"),
)
WRAPPED = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\{([^{}\\]*)\}")

INTEGER = r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+"
DECIMAL = re.compile(
    rf"(?P<whole>{INTEGER})?(?:\.(?P<decimals>[0-9]*))?"
    r"(?:(?:[eE]|(?: ?\\times ?| ?\\cdot ?|×|\*)10\^)"
    r"(?P<brace>\{)?(?P<exponent>[+-]?[0-9]{1,3})(?(brace)\}))?"
)
RATIO = re.compile(rf"(?P<over>{INTEGER})/(?P<under>{INTEGER})")
FRAC = re.compile(
    r"\\frac(?:\{(?P<over>[+-]?[0-9]+)\}|(?P<over_digit>[0-9]))"
    r"(?:\{(?P<under>[+-]?[0-9]+)\}|(?P<under_digit>[0-9]))"
)
SIGNED = re.compile(r"(?P<sign>[+-]?)[$€£¥]?(?P<body>[^%]+)(?P<percent>%?)")


@dataclass(frozen=True, slots=True)
class Number:
    """An exactly read number. `readings` are its values: of `50%` both 50 and 1/2.

    `ulp` is the unit of the last place of a decimal with at least six decimals and six significant
    digits, which may stand for a number that it rounds; None for every other number.
    """

    readings: tuple[Fraction, ...]
    ulp: Fraction | None = None

    def equals(self, other: Number) -> bool:
        """Whether any reading of the one is, or correctly rounds, a reading of the other.

        `0.333333` equals `1/3`, as in Math-Verify; `0.333` does not.
        """
        if self.ulp is None and other.ulp is None:
            return not set(self.readings).isdisjoint(other.readings)
        ulp = max(self.ulp or Fraction(0), other.ulp or Fraction(0))
        return any(abs(a - b) * 2 <= ulp for a in self.readings for b in other.readings)


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    r"""The answer without its typography: two texts with the same normal form mean the same.

    Math delimiters, `\left` and `\right`, thin spaces, a final full stop, and `\text{…}` around the
    whole answer are dropped; `\dfrac` is `\frac`. Letter case is kept: `x` is not `X`.
    """
    text = text.strip().removesuffix(".")
    for opening, closing in MATH_DELIMITERS:
        inner = text[len(opening) : -len(closing)]
        if text == opening + inner + closing and closing not in inner.replace(r"\$", ""):
            text = inner
            break
    for pattern, replacement in REWRITES:
        text = pattern.sub(replacement, text)
    if whole := WRAPPED.fullmatch(text.strip()):
        text = whole[1]
    return text.strip().removesuffix(".")


@lru_cache(maxsize=8192)
def read_number(text: str) -> Number | None:
    r"""The number that an answer is, None when it is anything else.

    Read are integers, decimals, `a/b`, `\frac{a}{b}`, thousands separators (`1,234`), powers of ten
    (`1.5e3`, `1.5 \times 10^{3}`), a currency sign and a per cent sign. Other units are not read.
    """
    parts = SIGNED.fullmatch(normalise(text)) if len(text) <= LONGEST_NUMBER else None
    if parts is None:
        return None
    read = _read_ratio(parts["body"]) or _read_decimal(parts["body"])
    if read is None:
        return None
    value, ulp = read
    value = -value if parts["sign"] == "-" else value
    return Number((value, value / 100)) if parts["percent"] else Number((value,), ulp)


def quickly_equal(left: str, right: str) -> bool | None:
    """Whether two answers are equal; None where that takes algebra."""
    if normalise(left) == normalise(right):
        return True
    a, b = read_number(left), read_number(right)
    return None if a is None or b is None else a.equals(b)


def _read_ratio(text: str) -> tuple[Fraction, None] | None:
    if match := RATIO.fullmatch(text):
        over, under = match["over"], match["under"]
    elif match := FRAC.fullmatch(text):
        over = match["over"] or match["over_digit"]
        under = match["under"] or match["under_digit"]
    else:
        return None
    denominator = _integer(under)
    return (Fraction(_integer(over), denominator), None) if denominator else None


def _read_decimal(text: str) -> tuple[Fraction, Fraction | None] | None:
    match = DECIMAL.fullmatch(text)
    if match is None or not (match["whole"] or match["decimals"]):
        return None
    decimals = match["decimals"] or ""
    digits = (match["whole"] or "").replace(",", "") + decimals
    places = len(decimals) - int(match["exponent"] or 0)
    unit = Fraction(10) ** -places
    long = places >= 6 and len(digits.lstrip("0")) >= 6
    return int(digits) * unit, unit if long else None


def _integer(text: str) -> int:
    return int(text.replace(",", ""))
