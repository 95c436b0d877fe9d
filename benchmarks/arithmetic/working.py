"""A claimed result checked in single-digit equations, column by column from the right.

Sums and products are worked out with their carries; a difference is checked by adding back, a
quotient by multiplying back. After each column stands the digit that it should give, and the first
that differs ends the check: each equation is easier than the operation itself, which is what makes
a longer critique a better one.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.arithmetic.problems import Operation

PLACES = ("ones", "tens", "hundreds", "thousands", "myriads")
"""The columns from the right; all further ones are called as the last."""
MOST_DIGITS = 6
"""A longer claim is not worked out."""
INVERSE = {"-": "+", "/": "*"}


def columns(operation: Operation, value: int, claimed: int) -> Iterator[tuple[str, str, str]]:
    """Yields (equations, sum, digit that it should end with) of each column up to a wrong one.

    Args:
        operation: with a factor or divisor of at most two digits.
        value: 0 or more.
        claimed: the result to check, 0 or more.
    """
    symbol = INVERSE.get(operation.symbol, operation.symbol)
    first, target = (value, claimed) if symbol == operation.symbol else (claimed, value)
    work = _sum(first, operation.operand) if symbol == "+" else _product(first, operation.operand)
    length = max(len(str(target)), len(str(first)), len(str(operation.operand)))
    for place, (equations, total, carried) in enumerate(work):
        expected = digit(target, place)
        name = PLACES[min(place, len(PLACES) - 1)]
        yield f" {name} {equations} =", f" {total}", f" {expected}"
        if total % 10 != expected or (place + 1 >= length and not carried):
            return


def by_place(number: int) -> str:
    """Returns a number as its digits from the right, each behind the name of its column.

    Read once from the claim, they are then found by their names, wherever a step stands.
    """
    digits = enumerate(reversed(str(number)))
    return ",".join(f" {PLACES[min(place, len(PLACES) - 1)]} {each}" for place, each in digits)


def digit(number: int, place: int) -> int:
    """Returns a decimal digit, place 0 being the ones; 0 beyond the number's length."""
    power: int = 10**place
    return number // power % 10


def _sum(first: int, second: int) -> Iterator[tuple[str, int, bool]]:
    """Yields without end: digit + digit + carry, their sum, whether a carry is left."""
    carry = place = 0
    while True:
        upper, lower = digit(first, place), digit(second, place)
        total = upper + lower + carry
        yield f"{upper} + {lower} + {carry}", total, total > 9
        carry, place = total // 10, place + 1


def _product(first: int, factor: int) -> Iterator[tuple[str, int, bool]]:
    """Yields without end: digit * factor + carry, the product, whether a carry is left.

    A factor of two digits gives two products in a column, each with its own carry, and their sum.
    """
    tens, ones = divmod(factor, 10)
    carries, place = [0, 0, 0], 0
    while True:
        low = digit(first, place) * ones + carries[0]
        equation = f"{digit(first, place)} * {ones} + {carries[0]}"
        if not tens:
            yield equation, low, low > 9
            carries[0], place = low // 10, place + 1
            continue
        above = digit(first, place - 1) if place else 0
        high = above * tens + carries[1]
        equation += f" = {low}, {above} * {tens} + {carries[1]} = {high}"
        total = low % 10 + high % 10 + carries[2]
        equation += f", {low % 10} + {high % 10} + {carries[2]}"
        carries, place = [low // 10, high // 10, total // 10], place + 1
        more = digit(first, place - 1) if place else 0
        yield equation, total, bool(any(carries) or more * tens)
