r"""From the text of an answer to its reading.

Numbers, words, lists and what falls apart into them are read here; a formula is left to algebra,
which is asked for its canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from benchmarks.answers.numerals import LONGEST_NUMBER, read_number
from benchmarks.answers.reading import (
    LIST,
    SET,
    TUPLE,
    Kind,
    Reading,
    number,
    percentage,
    ratio,
    several,
)
from benchmarks.answers.splitting import bracketed, listed, split
from benchmarks.answers.typography import tight, words_of
from benchmarks.answers.units import TRIGONOMETRIC, without_unit

Algebra: TypeAlias = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""From an expression or an equation to its canonical form; None where it cannot be read."""

BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
BASES |= {"ten": 10, "eleven": 11, "twelve": 12, "sixteen": 16}
BASED = re.compile(
    r"\(?(?P<digits>[0-9A-Fa-f]+)\)?_(?:\{ ?)?(?:\\text\{ ?)?(?P<base>[0-9]{1,2}|[a-z]+)(?: ?\})*"
)
TIME = re.compile(r"(?P<hour>[0-9]{1,2}):(?P<minutes>[0-9]{2})(?: ?(?P<half>[ap])\.? ?m\.?)?")
RATIO = re.compile(r"[0-9]+(?::[0-9]+)+")
VARIABLE = r"\\?[A-Za-z]+(?:_\{?[A-Za-z0-9]+\}?)?'?"
NAME = re.compile(
    rf"{VARIABLE}|[A-Za-z](?:_\{{?\w+\}}?)?\([A-Za-z](?:, ?[A-Za-z])*\)"
    r"|[fghpqFGHPQE](?:_\{?\w+\}?)?'*\([^()]*\)"
    rf"|\({VARIABLE}(?:[,;] ?{VARIABLE})+\)"
    r"|m? ?\\(?:angle|triangle) ?[A-Z]{1,3}|\|[A-Z]{2}\||\[[A-Z]{3,6}\]"
    r"|[A-Za-z]{2,}(?: [A-Za-z]+)+"
)
"""What an answer may be called: `x`, `x_1`, `f(2)`, `(x,y)`, `\angle ABC`, `Total cost`."""
WORDS = re.compile(r"[A-Za-z][A-Za-z'\- .!?0-9&/()]*")
PRODUCT = re.compile(r"[b-df-hj-np-tv-z]{2,3}|[abcdxyz]{2,3}")
"""Small letters without the vowels of words: a product of variables."""
MULTIPLE = re.compile(r"-?[0-9.]+ ?\\?[A-Za-z]+")
ELEMENT = re.compile(r"[A-Za-z](?:_\{?\w+\}?)? ?\\in ?(?![A-Za-z])")
RELATION = re.compile(r"\\le(?![A-Za-z])|\\ge(?![A-Za-z])|<|>")
MIRRORED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}
EQUALS = re.compile(r"(?<![<>!:])=(?!=)|\\equiv(?![A-Za-z])")
UNION = re.compile(r"\\cup(?![A-Za-z])")
OR = re.compile(r"\\text\{ ?or ?\}|(?<![A-Za-z\\])or(?![A-Za-z])|\\(?:lor|vee)(?![A-Za-z])")
MATRIX = re.compile(r"[(\[]?\\begin\{([pbvBV]?matrix|array)\}(?:\{[clr|]*\})?(.*)\\end\{\1\}[)\]]?")
PLUS_MINUS = re.compile(r"\\pm(?![A-Za-z])")
DEGREES = re.compile(
    r"\((?P<whole>[0-9]+(?:\.[0-9]+)?)\^\\circ ?\)|(?P<bare>[0-9]+(?:\.[0-9]+)?)\^\\circ ?"
)
MEANINGLESS = re.compile(
    r"[@#?:;&%<>]|(?<![_^0-9])[0-9]+ [0-9]|\\(?:text|mathrm|textrm)\b"
    r"|\\(?:to|ldots|ne|le|ge|Rightarrow|mid|quad)(?![A-Za-z])"
    r"|(?<![\\A-Za-z])R(?= ?[0-9])|(?<![\\A-Za-z])[A-Za-z]{5,}"
    r"|(?:[-+*/^_]|\\(?:times|cdot|div|pm))[ )}\]]*$"
)
"""What no formula holds."""
LETTER = re.compile(r"(?![ei]$)[A-Za-z]|\\(?!pi$)[a-zA-Z]{2,8}")
"""A variable: e, i and π are numbers."""
INFINITY = re.compile(r"(?P<sign>[+-]?)(?:\\infty|inf|infinity)")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads answers.

    `ordered`: whether a bare list is a pair, as where the reference is one (`(3, 4)`); else its
    order means nothing. `valued`: whether `a+b=5` is what it equals, as where the reference is a
    number; else it is an equation. `reference`: whether it reads a reference, which may accept
    more.
    """

    algebra: Algebra
    ordered: bool = False
    valued: bool = False
    reference: bool = False

    async def read(self, text: str) -> Reading:
        """The reading of a normalised answer."""
        text = _unbracketed(text)
        whole = self._plain(text)
        if whole is not None:
            return whole
        for part in (self._equal, self._related, self._broken):
            found = await part(text)
            if found is not None:
                return found
        return await self._formula(text)

    def _plain(self, text: str) -> Reading | None:
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
            return Reading(Kind.TIME, f"{hour}:{time['minutes']}{half}", worth)
        if RATIO.fullmatch(said):
            return ratio([int(term) for term in said.split(":")])
        if infinite := INFINITY.fullmatch(said):
            return Reading(Kind.WORDS, f"{infinite['sign'].replace('+', '')}infinity")
        return _words(text, said)

    async def _equal(self, text: str) -> Reading | None:
        r"""`x=5` is 5, `104=8\cdot13` is 104, `2x+y=3` is an equation, `17=18` is nothing."""
        parts = split(text, EQUALS)
        if len(parts) < 2 or not all(parts) or len(listed(text)) > 1:
            return None
        names = 0
        while names < len(parts) - 1 and NAME.fullmatch(words_of(parts[names])):
            names += 1
        values = parts[names:]
        if len(values) == 1:
            found = await self.read(values[0])
            if self.reference and len(parts) == 2:
                return await self._with_equation(found, text)
            return found
        read = [await self.read(value) for value in values]
        if all(each.same == read[0].same for each in read):
            return read[0]
        if len(parts) == 2 and self.valued and _is_told(parts[0], *read):
            return read[1]
        if len(parts) == 2 and any(each.kind is Kind.FORMULA for each in read):
            return await self._equation(text)
        return _verbatim(text)

    async def _with_equation(self, found: Reading, text: str) -> Reading:
        if found.kind is not Kind.FORMULA:
            return found
        equation = await self._equation(text)
        return Reading(found.kind, found.key, also=(equation,))

    async def _equation(self, text: str) -> Reading:
        canonical = await self.algebra(text)
        if canonical is None or canonical["kind"] != "equation":
            return Reading(Kind.TEXT, tight(text))
        solved = tuple(map(_of_algebra, canonical["solved"].values())) if self.reference else ()
        return Reading(Kind.EQUATION, canonical["key"], also=solved)

    async def _related(self, text: str) -> Reading | None:
        r"""`x\in(1,2)` and `1<x<2` are the interval; a relation of anything else is its text."""
        if element := ELEMENT.match(text):
            return await self.read(text[element.end() :].strip())
        if len(parts := split(text, OR)) > 1 and all(map(RELATION.search, parts)):
            return several("union", [await self.read(part) for part in parts])
        parts = split(text, RELATION)
        if len(parts) < 2:
            return None
        signs = [m[0] for m in RELATION.finditer(text)]
        ends = _interval(parts, signs)
        if ends is None:
            return _verbatim(text)
        left, right, shape = ends
        members = [await self.read(left), await self.read(right)]
        return several(shape, members)

    async def _broken(self, text: str) -> Reading | None:
        """Lists, pairs, intervals, sets, unions, matrices, both signs."""
        if r"\ldots" in text:
            return _verbatim(text)
        if len(parts := split(text, UNION)) > 1 and all(parts):
            return several("union", [await self.read(part) for part in parts])
        if len(parts := listed(text)) > 1:
            return await self._list(parts)
        if enclosed := bracketed(text):
            return await self._enclosed(*enclosed)
        if matrix := MATRIX.fullmatch(text):
            return await self._matrix(matrix[2])
        if len(PLUS_MINUS.findall(text)) == 1:
            both = [PLUS_MINUS.sub(sign, text).strip() for sign in "+-"]
            return several(LIST, [await self.read(each) for each in both])
        return None

    async def _list(self, parts: Sequence[str]) -> Reading:
        sides = [split(part, EQUALS) for part in parts]
        named = all(len(side) == 2 and NAME.fullmatch(words_of(side[0])) for side in sides)
        if named and len({side[0] for side in sides}) == len(sides):
            ordered = [
                value for _, value in sorted((side[0].lstrip("\\"), side[1]) for side in sides)
            ]
            return several(TUPLE, [await self.read(value) for value in ordered])
        first = sides[0]
        if len(first) == 2 and NAME.fullmatch(words_of(first[0])):  # `n=2,3,4`
            parts = [first[1], *parts[1:]]
        members = [await self.read(part) for part in parts]
        return several(TUPLE if self.ordered else LIST, members)

    async def _enclosed(self, opening: str, inside: str, closing: str) -> Reading | None:
        parts = listed(inside)
        if len(parts) < 2:
            if opening == r"\{" and parts and not re.search(r"[|:]|\\mid", inside):
                return several(LIST, [await self.read(parts[0])])
            return None
        if opening in (r"\{", "{"):
            shape = SET
        else:
            shape = TUPLE if opening in ("(", r"\langle") and closing != "]" else opening + closing
        return several(shape, [await self.read(part) for part in parts])

    async def _matrix(self, inside: str) -> Reading | None:
        rows = [row.split("&") for row in inside.strip().removesuffix("\\\\").split("\\\\")]
        if len({len(row) for row in rows}) != 1 or r"\begin" in inside:
            return None
        shape = "column" if len(rows[0]) == 1 else "row" if len(rows) == 1 else f"{len(rows)} rows"
        entries = [entry.strip() for row in rows for entry in row]
        return several(shape, [await self.read(entry) for entry in entries])

    async def _formula(self, text: str) -> Reading:
        bare = without_unit(text)
        if bare.text != text and bare.text and bare.scale == 1 and not bare.percent:
            return await self.read(bare.text)
        if LETTER.fullmatch(text):
            return Reading(Kind.FORMULA, f"the letter {text.removeprefix(chr(92))}")
        if MEANINGLESS.search(text) and r"\begin" not in text:
            return _verbatim(text)
        if TRIGONOMETRIC.search(text):
            text = DEGREES.sub(r"(\\frac{\g<whole>\g<bare>\\pi}{180})", text)
        canonical = await self.algebra(text)
        return Reading(Kind.TEXT, tight(text)) if canonical is None else _of_algebra(canonical)


def _unbracketed(text: str) -> str:
    """A single value without the brackets around it, however many."""
    while (enclosed := bracketed(text)) and enclosed[0] + enclosed[2] in ("()", "{}"):
        inside = enclosed[1]
        if not inside or len(listed(inside)) != 1:
            break
        text = inside
    return text


def _is_told(called: str, left: Reading, right: Reading) -> bool:
    """Whether `a+b=5` tells a value: its left side is no number, nor a multiple to be divided."""
    told = right.kind in (Kind.NUMBER, Kind.CONSTANT, Kind.PERCENT)
    return told and left.kind in (Kind.FORMULA, Kind.TEXT) and not MULTIPLE.fullmatch(called)


def _of_algebra(canonical: Mapping[str, Any]) -> Reading:
    """The reading of a canonical form."""
    kind = canonical["kind"]
    if kind == "number":
        return number(Fraction(int(canonical["over"], 16), int(canonical["under"], 16)))
    if kind == "constant":
        value = canonical.get("value")
        return Reading(Kind.CONSTANT, canonical["key"], Fraction(value) if value else None)
    return Reading(Kind.FORMULA, canonical["key"])


def _verbatim(text: str) -> Reading:
    return Reading(Kind.VERBATIM, tight(words_of(text)))


def _based(text: str) -> Reading | None:
    """Digits with a subscript that can be their base."""
    match = BASED.fullmatch(text)
    if match is None:
        return None
    digits, said = match["digits"], match["base"]
    base = int(said) if said.isdigit() else BASES.get(said, 0)
    plain = digits.isdigit() or (len(digits) > 1 and digits.upper() == digits)
    if not plain or not 2 <= base <= 36:
        return None
    try:
        int(digits, base)
    except ValueError:
        return None
    return Reading(Kind.BASED, f"{digits.lower()}_{base}")


def _words(text: str, said: str) -> Reading | None:
    """Words, a label, a name: not a product of variables, and no letter alone."""
    if not WORDS.fullmatch(said) or len(listed(text)) > 1:
        return None
    tokens = re.findall(r"[A-Za-z]+", said)
    if max(map(len, tokens)) < 2:
        capitals = len(tokens) > 1 and said.isupper() and not re.search(r"[0-9()/.\-]", said)
        return Reading(Kind.WORDS, said.casefold()) if capitals else None
    told = text != said
    if not told and (PRODUCT.fullmatch(said) or re.search(r"[A-Za-z]\(|\)[A-Za-z(]|[0-9/]", said)):
        spaced = re.search(r"[A-Za-z]{2,} |[ ][A-Za-z]{2,}", said)
        if not spaced:
            return None
    key = re.sub(r"[\s.!?]+", " ", said.casefold()).strip()
    return Reading(Kind.WORDS, key)


def _interval(parts: Sequence[str], signs: Sequence[str]) -> tuple[str, str, str] | None:
    """The ends and the brackets of an inequality in one variable, None for any other."""
    low = [sign in ("<", r"\le") for sign in signs]
    if len(signs) == 2 and low[0] == low[1] and NAME.fullmatch(parts[1]):
        ends = (parts[0], signs[0], signs[1], parts[2])
        left, first, second, right = ends if low[0] else ends[::-1]
        return left, right, _brackets(first, second)
    if len(signs) == 1 and NAME.fullmatch(parts[0]) and parts[1]:
        if low[0]:
            return r"-\infty", parts[1], _brackets("<", signs[0])
        return parts[1], r"\infty", _brackets(signs[0], "<")
    if len(signs) == 1 and NAME.fullmatch(parts[1]) and parts[0]:
        return _interval(
            parts[::-1], [{"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}[signs[0]]]
        )
    return None


def _brackets(first: str, second: str) -> str:
    opening = "(" if first in "<>" else "["
    return opening + (")" if second in "<>" else "]")
