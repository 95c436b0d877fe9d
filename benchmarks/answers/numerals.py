r"""Exact numbers as people and models write them.

Most answers are numbers: they are read here, exactly and in microseconds. What is left over
(`2\sqrt{3}`) takes algebra.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from benchmarks.answers.typography import normalise

LONGEST_NUMBER = 400
"""Characters; no number of a benchmark is longer, and `int` refuses more than 4300 digits."""
PLACES = 6
"""Decimals, and significant digits, from which on a decimal may stand for a number it rounds."""
PADDING = "000"
"""Digits at the end of a decimal that was padded, not rounded: `0.500000` is one half."""

INTEGER = r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+|[0-9]+"
DECIMAL = re.compile(
    rf"(?P<whole>{INTEGER})?(?:\.(?P<decimals>[0-9]*)(?:\\overline\{{(?P<period>[0-9]+)\}})?)?"
    r"(?:(?:[eE]|(?: ?\\times ?| ?\\cdot ?|\*)10\^)"
    r"(?P<brace>\{)?(?P<exponent>[+-]?[0-9]{1,3})(?(brace)\}))?"
)
FRACTION = (
    r"(?:\\frac(?:\{(?P<over>[+-]?[0-9]+)\}|(?P<over_digit>[0-9]))"
    r"(?:\{(?P<under>[+-]?[0-9]+)\}|(?P<under_digit>[0-9])))"
)
RATIO = re.compile(rf"(?P<over>{INTEGER})/(?P<under>{INTEGER})")
FRAC = re.compile(FRACTION)
MIXED = re.compile(rf"(?P<whole>[0-9]+)(?: (?P<plain>[0-9]+/[0-9]+)| ?{FRACTION})")
SIGNED = re.compile(r"(?P<sign>[+-]?)(?:(?P<group>\((?P<inner>[^()]+)\))|(?P<body>.+))")


@dataclass(frozen=True, slots=True)
class Number:
    """An exactly read number.

    `ulp` is the unit of the last place of a decimal with at least six decimals and six significant
    digits, which may stand for a number that it rounds; None for every other number.
    """

    value: Fraction
    ulp: Fraction | None = None


def rounds(a: Fraction, a_ulp: Fraction | None, b: Fraction, b_ulp: Fraction | None) -> bool:
    """Whether one of two values correctly rounds the other: `0.333333` rounds 1/3, `0.333` not."""
    ulp = max(a_ulp or Fraction(0), b_ulp or Fraction(0))
    return bool(ulp) and abs(a - b) * 2 <= ulp


@lru_cache(maxsize=8192)
def read_number(text: str) -> Number | None:
    r"""The number that an answer is, None when it is anything else.

    Read are integers, decimals, repeating decimals (`0.\overline{6}`), `a/b`, `\frac{a}{b}`, mixed
    numbers (`4 2/3`), thousands (`1,234`, `1 234`) and powers of ten (`1.5e3`,
    `1.5\times10^{3}`). A space or a comma elsewhere between digits makes it no number.
    """
    if len(text) > LONGEST_NUMBER:
        return None
    parts = SIGNED.fullmatch(normalise(text))
    if parts is None:
        return None
    body = parts["inner"] if parts["group"] else parts["body"]
    read = _read_ratio(body) or _read_mixed(body) or _read_decimal(body)
    if read is None:
        return None
    return Number(-read.value, read.ulp) if parts["sign"] == "-" else read


def _read_ratio(text: str) -> Number | None:
    if match := RATIO.fullmatch(text):
        over, under = match["over"], match["under"]
    elif match := FRAC.fullmatch(text):
        over, under = _parts(match)
    else:
        return None
    denominator = _integer(under)
    return Number(Fraction(_integer(over), denominator)) if denominator else None


def _read_mixed(text: str) -> Number | None:
    match = MIXED.fullmatch(text)
    if match is None:
        return None
    over, under = match["plain"].split("/") if match["plain"] else _parts(match)
    if not 0 < _integer(over) < _integer(under):
        return None  # a product, or no number at all
    return Number(_integer(match["whole"]) + Fraction(_integer(over), _integer(under)))


def _read_decimal(text: str) -> Number | None:
    match = DECIMAL.fullmatch(text)
    if match is None or not (match["whole"] or match["decimals"] or match["period"]):
        return None
    decimals, period = match["decimals"] or "", match["period"]
    digits = re.sub("[, ]", "", match["whole"] or "") + decimals
    places = len(decimals) - int(match["exponent"] or 0)
    unit = Fraction(10) ** -places
    value = int(digits or "0") * unit
    if period:
        return Number(value + int(period) * unit / (10 ** len(period) - 1))
    long = places >= PLACES and len(digits.lstrip("0")) >= PLACES
    long = long and not digits.endswith(PADDING)
    return Number(value, unit if long else None)


def _parts(match: re.Match[str]) -> tuple[str, str]:
    return match["over"] or match["over_digit"], match["under"] or match["under_digit"]


def _integer(text: str) -> int:
    return int(re.sub("[, ]", "", text))
