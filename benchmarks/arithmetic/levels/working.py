"""An operation worked out in true single-digit equations, as one does it on paper.

Sums, differences and products go from the last digit to the first and carry; a division goes from
the first to the last with remainders. Each equation is easier than the operation itself: that is
what makes a longer critique a better one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest

from benchmarks.arithmetic.problems import Operation


def work_out(operation: Operation, value: int) -> str:
    """Returns the equations that give `operation.apply(value)`, for example `7 + 5 + 0 = 12`.

    `value` is 0 or more, a difference is not negative, and a division may leave a remainder.
    """
    return ", ".join(WORKINGS[operation.symbol](value, operation.operand))


def digits(number: int) -> list[int]:
    """Returns the decimal digits of a number that is not negative, the last digit first."""
    return [int(digit) for digit in reversed(str(number))]


def _sum(value: int, operand: int) -> Iterator[str]:
    """Digit + digit + carry = two digits, the first of which is the next carry."""
    carry = 0
    for upper, lower in zip_longest(digits(value), digits(operand), fillvalue=0):
        total = upper + lower + carry
        yield f"{upper} + {lower} + {carry} = {total}"
        carry = total // 10


def _difference(value: int, operand: int) -> Iterator[str]:
    """Digit - digit - borrow = digit, `- 10` where ten are borrowed from the next."""
    borrow = 0
    for upper, lower in zip_longest(digits(value), digits(operand), fillvalue=0):
        rest = upper - lower - borrow
        taken = " - 10" if rest < 0 else ""
        yield f"{upper} - {lower} - {borrow} = {rest % 10}{taken}"
        borrow = int(rest < 0)


def _product(value: int, operand: int) -> Iterator[str]:
    """The products with each digit of the operand; where there are two, their sum."""
    partial = []
    for place, factor in enumerate(digits(operand)):
        carry = 0
        for digit in digits(value):
            total = digit * factor + carry
            yield f"{digit} * {factor} + {carry} = {total}"
            carry = total // 10
        partial.append(value * factor * 10**place)
    total = partial[0]
    for each in partial[1:]:
        yield f"{total} + {each}"
        yield from _sum(total, each)
        total += each


def _division(value: int, operand: int) -> Iterator[str]:
    """Remainder and next digit = divisor * digit of the quotient + remainder."""
    rest = 0
    for digit in reversed(digits(value)):
        part = rest * 10 + digit
        yield f"{part} = {operand} * {part // operand} + {part % operand}"
        rest = part % operand


WORKINGS: Mapping[str, Callable[[int, int], Iterator[str]]] = {
    "+": _sum,
    "-": _difference,
    "*": _product,
    "/": _division,
}
