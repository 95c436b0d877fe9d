r"""An expression's canonical form: what it is worth at fixed points.

Two expressions are equal, but for chance, when they have the same values at a few random points
(Schwartz 1980, Zippel 1979, for polynomials). So each gets its key alone, by exact arithmetic where
it is rational and else to 25 significant digits: tiny values are compared as large ones are.

Used by `benchmarks.grading_worker`, which loads it by its path. SymPy and the parser are those that
Math-Verify brings.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

PRECISION = 60
"""Digits of every evaluation."""
DIGITS = 25
"""Digits that are compared."""
POINTS = 2
LONGEST_KEY = 200

Canonical = dict[str, Any]
"""`kind` (`number`, `constant`, `formula`, `equation`) and `key`; `value` (decimal digits) of a
number or constant; `solved`: by variable, the key of what it equals."""


def load_reader() -> Callable[[str], Canonical | None]:
    """The function from LaTeX to its canonical form; None for what cannot be read."""
    from latex2sympy2_extended.latex2sympy2 import (
        ConversionConfig,
        NormalizationConfig,
        latex2sympy,
        normalize_latex,
    )
    from math_verify.grader import should_treat_as_complex

    plain = NormalizationConfig(
        basic_latex=True,
        units=False,
        malformed_operators=True,
        nits=True,
        boxed="none",
        equations=False,
    )
    cased = ConversionConfig(lowercase_symbols=False)

    def parse(text: str) -> Any:
        real = not should_treat_as_complex(text)
        latex = normalize_latex(text, plain)
        return latex2sympy(latex, is_real=real, normalization_config=None, conversion_config=cased)

    def read(text: str) -> Canonical | None:
        sides = text.split("=")
        if len(sides) == 2 and all(side.strip() for side in sides):
            return equation(parse(sides[0]), parse(sides[1]))
        return expression(parse(text))

    return read


def expression(parsed: Any) -> Canonical | None:
    """The canonical form of a SymPy expression, None where it is none or has no value."""
    import sympy

    if not isinstance(parsed, sympy.Expr):
        return None
    value = rational(parsed).doit()  # the parser evaluates nothing
    if not value.free_symbols:
        return constant(value)
    if value.is_Symbol and str(value).isalpha():
        return {"kind": "formula", "key": f"the letter {value}"}  # as it is read without algebra
    at = [evaluated(value, point) for point in points(value)]
    if None in at:
        return None
    if len(set(at)) == 1 and at[0] is not None:
        return constant(sympy.simplify(value))
    return {"kind": "formula", "key": shortened(at)}


def equation(left: Any, right: Any) -> Canonical | None:
    """The canonical form of `left = right`: the ratio of its values at two points."""
    import sympy

    if not (isinstance(left, sympy.Expr) and isinstance(right, sympy.Expr)):
        return None
    difference = sympy.together(rational(left) - rational(right)).as_numer_denom()[0]
    if not difference.free_symbols:
        return None
    solved = {}
    for symbol in sorted(difference.free_symbols, key=str):
        slope = sympy.diff(difference, symbol)
        if not slope.has(symbol) and slope != 0:
            found = expression(-difference.subs(symbol, 0) / slope)
            if found is not None:
                solved[str(symbol)] = found
    first, *others = (number_at(difference, point) for point in points(difference))
    if first is None or not first or any(other is None for other in others):
        return None
    ratios = [digits(other / first) for other in others]
    names = sorted(map(str, difference.free_symbols))
    return {"kind": "equation", "key": shortened([*names, *ratios]), "solved": solved}


def rational(parsed: Any) -> Any:
    """The expression with its decimals as exact fractions, and with i as the imaginary unit."""
    import sympy

    exact = {each: sympy.Rational(str(each)) for each in parsed.atoms(sympy.Float)}
    exact |= {each: sympy.I for each in parsed.free_symbols if str(each) == "i"}
    return parsed.xreplace(exact) if exact else parsed


def constant(value: Any) -> Canonical | None:
    """The canonical form of an expression without variables."""
    import sympy

    if value.is_Rational:
        return number(int(value.p), int(value.q))
    at = sympy.N(value, PRECISION)
    if not at.is_number or at.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        return None
    if at.is_real:
        exact = Fraction(str(at))
        near = exact.limit_denominator(10**9)
        if abs(exact - near) * 10 ** (2 * DIGITS) <= abs(near):
            return number(near.numerator, near.denominator)
    told = {"kind": "constant", "key": shortened([digits(at)])}
    return {**told, "value": str(sympy.N(at, 2 * DIGITS))} if at.is_real else told


def number(over: int, under: int) -> Canonical:
    """The canonical form of a rational number."""
    return {"kind": "number", "over": f"{over:x}", "under": f"{under:x}"}


def points(value: Any) -> list[dict[Any, Any]]:
    r"""Values for all variables: positive ones, and one where all are negative.

    At the last an expression need not be real (`\sqrt{x}`), but where it is, it tells `|x|` from
    `x`.
    """
    positive = [{s: chosen(str(s), number) for s in value.free_symbols} for number in range(POINTS)]
    return [*positive, {symbol: -at for symbol, at in positive[0].items()}]


def chosen(name: str, number: int) -> Any:
    """The value of a variable at a point: a fraction from 1 to 3 that only chance would meet."""
    import sympy

    seed = hashlib.sha256(f"{name} {number}".encode()).digest()
    return 1 + sympy.Rational(random.Random(seed).randrange(1, 2 * 10**7), 10**7)


def number_at(value: Any, point: dict[Any, Any]) -> Any:
    """The value at a point, to `PRECISION` digits; None where it has none."""
    import sympy

    at = sympy.N(value.subs(point), PRECISION)
    if not at.is_number or at.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        return None
    return at


def evaluated(value: Any, point: dict[Any, Any]) -> str | None:
    """The value at a point as text; `·` where it is not real at negative values."""
    at = number_at(value, point)
    negative = any(each < 0 for each in point.values())
    if negative and (at is None or not at.is_real):
        return "·"
    return None if at is None else digits(at)


def digits(at: Any) -> str:
    """A number by its leading digits."""
    import sympy

    real, imaginary = sympy.N(at, PRECISION).as_real_imag()
    return " ".join(
        "0"
        if abs(part) < sympy.Float(10) ** (-2 * DIGITS) * (1 + abs(at)) and part != at
        else f"{sympy.N(part, DIGITS)}"
        for part in (real, imaginary)
    )


def shortened(parts: list[Any]) -> str:
    """One key of several parts, of bounded length."""
    key = "|".join(map(str, parts))
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()
