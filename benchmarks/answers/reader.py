r"""From the text of an answer to its reading.

What takes no algebra is read by `plain`; here an answer falls apart into those it consists of. A
formula is left to algebra, which is asked for its canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from benchmarks.answers.inequalities import RELATION, interval
from benchmarks.answers.plain import plain
from benchmarks.answers.reading import (
    LIST,
    SET,
    TUPLE,
    Kind,
    ParsedAnswer,
    number,
    several,
)
from benchmarks.answers.splitting import bracketed, listed, split
from benchmarks.answers.typography import tight, words_of
from benchmarks.answers.units import TRIGONOMETRIC, without_unit

Algebra: TypeAlias = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""From an expression or an equation to its canonical form; None where it cannot be read."""

VARIABLE = r"\\?[A-Za-z]+(?:_\{?[A-Za-z0-9]+\}?)?'?"
NAME = re.compile(
    rf"{VARIABLE}|[A-Za-z](?:_\{{?\w+\}}?)?\([A-Za-z](?:, ?[A-Za-z])*\)"
    r"|[fghpqFGHPQE](?:_\{?\w+\}?)?'*\([^()]*\)"
    rf"|\({VARIABLE}(?:[,;] ?{VARIABLE})+\)"
    r"|m? ?\\(?:angle|triangle) ?[A-Z]{1,3}|\|[A-Z]{2}\||\[[A-Z]{3,6}\]"
    r"|[A-Za-z]{2,}(?: [A-Za-z]+)+"
)
"""What an answer may be called: `x`, `x_1`, `f(2)`, `(x,y)`, `\angle ABC`, `Total cost`."""
MULTIPLE = re.compile(r"-?[0-9.]+ ?\\?[A-Za-z]+")
ELEMENT = re.compile(r"[A-Za-z](?:_\{?\w+\}?)? ?\\in ?(?![A-Za-z])")
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

    async def read(self, text: str) -> ParsedAnswer:
        """The reading of a normalised answer."""
        text = _unbracketed(text)
        whole = plain(text)
        if whole is not None:
            return whole
        for part in (self._equal, self._related, self._broken):
            found = await part(text)
            if found is not None:
                return found
        return await self._formula(text)

    async def _equal(self, text: str) -> ParsedAnswer | None:
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

    async def _with_equation(self, found: ParsedAnswer, text: str) -> ParsedAnswer:
        if found.kind is not Kind.FORMULA:
            return found
        equation = await self._equation(text)
        return ParsedAnswer(found.kind, found.key, also=(equation,))

    async def _equation(self, text: str) -> ParsedAnswer:
        canonical = await self.algebra(text)
        if canonical is None or canonical["kind"] != "equation":
            return ParsedAnswer(Kind.TEXT, tight(text))
        solved = tuple(map(_of_algebra, canonical["solved"].values())) if self.reference else ()
        return ParsedAnswer(Kind.EQUATION, canonical["key"], also=solved)

    async def _related(self, text: str) -> ParsedAnswer | None:
        r"""`x\in(1,2)` and `1<x<2` are the interval; a relation of anything else is its text."""
        if element := ELEMENT.match(text):
            return await self.read(text[element.end() :].strip())
        if len(parts := split(text, OR)) > 1 and all(map(RELATION.search, parts)):
            return several("union", [await self.read(part) for part in parts])
        parts = split(text, RELATION)
        if len(parts) < 2:
            return None
        signs = [m[0] for m in RELATION.finditer(text)]
        ends = interval(parts, signs)
        if ends is None:
            return _verbatim(text)
        left, right, shape = ends
        members = [await self.read(left), await self.read(right)]
        return several(shape, members)

    async def _broken(self, text: str) -> ParsedAnswer | None:
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

    async def _list(self, parts: Sequence[str]) -> ParsedAnswer:
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

    async def _enclosed(self, opening: str, inside: str, closing: str) -> ParsedAnswer | None:
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

    async def _matrix(self, inside: str) -> ParsedAnswer | None:
        rows = [row.split("&") for row in inside.strip().removesuffix("\\\\").split("\\\\")]
        if len({len(row) for row in rows}) != 1 or r"\begin" in inside:
            return None
        shape = "column" if len(rows[0]) == 1 else "row" if len(rows) == 1 else f"{len(rows)} rows"
        entries = [entry.strip() for row in rows for entry in row]
        return several(shape, [await self.read(entry) for entry in entries])

    async def _formula(self, text: str) -> ParsedAnswer:
        bare = without_unit(text)
        if bare.text != text and bare.text and bare.scale == 1 and not bare.percent:
            return await self.read(bare.text)
        if LETTER.fullmatch(text):
            return ParsedAnswer(Kind.FORMULA, f"the letter {text.removeprefix(chr(92))}")
        if MEANINGLESS.search(text) and r"\begin" not in text:
            return _verbatim(text)
        if TRIGONOMETRIC.search(text):
            text = DEGREES.sub(r"(\\frac{\g<whole>\g<bare>\\pi}{180})", text)
        canonical = await self.algebra(text)
        return ParsedAnswer(Kind.TEXT, tight(text)) if canonical is None else _of_algebra(canonical)


def _unbracketed(text: str) -> str:
    """A single value without the brackets around it, however many."""
    while (enclosed := bracketed(text)) and enclosed[0] + enclosed[2] in ("()", "{}"):
        inside = enclosed[1]
        if not inside or len(listed(inside)) != 1:
            break
        text = inside
    return text


def _is_told(called: str, left: ParsedAnswer, right: ParsedAnswer) -> bool:
    """Whether `a+b=5` tells a value: its left side is no number, nor a multiple to be divided."""
    told = right.kind in (Kind.NUMBER, Kind.CONSTANT, Kind.PERCENT)
    return told and left.kind in (Kind.FORMULA, Kind.TEXT) and not MULTIPLE.fullmatch(called)


def _of_algebra(canonical: Mapping[str, Any]) -> ParsedAnswer:
    """The reading of a canonical form."""
    kind = canonical["kind"]
    if kind == "number":
        return number(Fraction(int(canonical["over"], 16), int(canonical["under"], 16)))
    if kind == "constant":
        value = canonical.get("value")
        return ParsedAnswer(Kind.CONSTANT, canonical["key"], Fraction(value) if value else None)
    return ParsedAnswer(Kind.FORMULA, canonical["key"])


def _verbatim(text: str) -> ParsedAnswer:
    return ParsedAnswer(Kind.VERBATIM, tight(words_of(text)))
