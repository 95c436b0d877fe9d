"""What an answer says, read without looking at any other answer.

Two answers are the same when their readings are equal: an equivalence, whatever else was answered.
Whether an answer is right is `accepts(reference, answer)`: it depends on nothing but the answer's
reading, so the same answers are all right or all wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import gcd

from benchmarks.answers.numerals import rounds


class Kind(StrEnum):
    """What an answer is."""

    NUMBER = "number"
    """An exact number: `key` is its value."""
    PERCENT = "percent"
    """`key` is the number before the sign."""
    BASED = "based"
    """Digits in a base: `digits_base`."""
    TIME = "time"
    """An hour with its minutes."""
    RATIO = "ratio"
    """`2:3`, reduced: `key` is its terms."""
    OPTION = "option"
    """The letter of an option."""
    WORDS = "words"
    """Words or a label, letter case aside."""
    CONSTANT = "constant"
    """A number that is not rational, by its leading digits."""
    FORMULA = "formula"
    """An expression with variables, by its values at fixed points."""
    EQUATION = "equation"
    """An equation of variables, by the ratio of its values at fixed points."""
    MEMBERS = "members"
    """Several answers: a list, a pair, an interval, a set, a matrix."""
    VERBATIM = "verbatim"
    """What means nothing but its own text: `17 @ 18`, `B>C>A`, `14 R 2`."""
    TEXT = "text"
    """What was not understood; algebra may still tell whether it equals the reference."""


LIST, SET = "list", "set"
TUPLE = "()"
UNORDERED = frozenset({LIST, SET, "union", "choice"})
"""Shapes of members whose order means nothing."""


@dataclass(frozen=True)
class ParsedAnswer:
    """An answer. Two with the same `kind` and `key` are the same answer.

    `value` and `ulp`: of a number or a constant, for answers that round it. `members` and `shape`:
    of `MEMBERS`. `also`: other readings under which it accepts an answer when it is a reference.
    """

    kind: Kind
    key: str
    value: Fraction | None = None
    ulp: Fraction | None = None
    members: tuple[ParsedAnswer, ...] = ()
    shape: str = ""
    also: tuple[ParsedAnswer, ...] = ()

    @property
    def same(self) -> tuple[Kind, str]:
        """Equal for readings that are the same answer."""
        return self.kind, self.key

    @property
    def understood(self) -> bool:
        """Whether it is known to differ from every other reading."""
        if self.kind is Kind.MEMBERS:
            return all(member.understood for member in self.members)
        return self.kind is not Kind.TEXT


def number(value: Fraction, ulp: Fraction | None = None) -> ParsedAnswer:
    """The reading of a number; a long decimal is not the same as what it rounds.

    What it rounds, a fraction of the same value does not: the key tells them apart, so that the
    answers of one group are all right or all wrong.
    """
    rounded = f"~{ulp.denominator:x}" if ulp else ""
    return ParsedAnswer(
        Kind.NUMBER, f"{value.numerator:x}/{value.denominator:x}{rounded}", value, ulp
    )


def percentage(value: Fraction) -> ParsedAnswer:
    """The reading of a percentage: `50%` is neither 50 nor 1/2, as long as nobody asks."""
    return ParsedAnswer(Kind.PERCENT, f"{value.numerator:x}/{value.denominator:x}", value)


def ratio(terms: Sequence[int]) -> ParsedAnswer:
    """The reading of a ratio; one of two terms is worth their quotient."""
    common = gcd(*terms) or 1
    reduced = [term // common for term in terms]
    value = Fraction(reduced[0], reduced[1]) if len(terms) == 2 and reduced[1] else None
    return ParsedAnswer(Kind.RATIO, ":".join(map(str, reduced)), value)


def several(shape: str, members: Sequence[ParsedAnswer]) -> ParsedAnswer:
    """The reading of several answers; one alone in a list is just that one."""
    if shape == LIST and len(members) == 1:
        return members[0]
    keys = [f"{member.kind}:{member.key}" for member in members]
    if shape in UNORDERED:
        keys = sorted(set(keys)) if shape == SET else sorted(keys)
    name = LIST if shape == SET else shape  # `1, 2` says what `\{1, 2\}` does
    return ParsedAnswer(
        Kind.MEMBERS, f"{name}[{'; '.join(keys)}]", members=tuple(members), shape=name
    )


def accepts(reference: ParsedAnswer, answer: ParsedAnswer) -> bool:
    """Whether the answer is right, by the reference.

    A percentage is right where the reference is one of the same number of per cent, or the same
    number, or a hundredth of it: of `50%`, `50` and `0.5` the latter two never are the same answer.
    """
    if reference.same == answer.same:
        return True
    if any(accepts(other, answer) for other in reference.also):
        return True
    if {reference.kind, answer.kind} == {Kind.NUMBER, Kind.PERCENT}:
        return _per_cent(reference, answer)
    if reference.kind is Kind.BASED or answer.kind is Kind.BASED:
        return _based(reference, answer)
    if reference.kind is answer.kind is Kind.MEMBERS:
        return _members(reference, answer)
    if reference.kind is answer.kind is Kind.TIME:
        one, other = reference.key.partition(" "), answer.key.partition(" ")
        return one[0] == other[0] and not (one[2] and other[2])  # `11:30` says less than `11:30 am`
    if reference.value is not None and answer.value is not None:
        if {Kind.RATIO, Kind.TIME} & {reference.kind, answer.kind}:
            return reference.value == answer.value
        if Kind.PERCENT in (reference.kind, answer.kind):
            return False
        return rounds(reference.value, reference.ulp, answer.value, answer.ulp)
    return False


def _per_cent(reference: ParsedAnswer, answer: ParsedAnswer) -> bool:
    percent, plain = (reference, answer) if reference.kind is Kind.PERCENT else (answer, reference)
    assert percent.value is not None
    return plain.value in (percent.value, percent.value / 100)


def _based(reference: ParsedAnswer, answer: ParsedAnswer) -> bool:
    """`1011_2` is also met by its bare digits, and a plain number by digits of its value."""
    if reference.kind is Kind.BASED:
        digits = reference.key.partition("_")[0]
        return answer.kind is Kind.NUMBER and digits == str(answer.value)
    digits, _, base = answer.key.partition("_")
    return reference.kind is Kind.NUMBER and reference.value == int(digits, int(base))


def _members(reference: ParsedAnswer, answer: ParsedAnswer) -> bool:
    """Member by member; in any order where the reference's order means nothing."""
    if len(reference.members) != len(answer.members):
        return False
    if reference.shape == answer.shape == LIST or (reference.shape, answer.shape) == (LIST, TUPLE):
        return _in_any_order(reference.members, answer.members)
    if reference.shape != answer.shape and not _columns(reference.shape, answer.shape):
        return False
    return all(map(accepts, reference.members, answer.members))


def _columns(one: str, other: str) -> bool:
    """Whether one is a row or a column and the other a pair of the same."""
    return {one, other} <= {TUPLE, "row", "column"}


def _in_any_order(references: Sequence[ParsedAnswer], answers: Sequence[ParsedAnswer]) -> bool:
    """Whether each answer can be given a reference of its own that accepts it."""
    left = list(references)
    for answer in answers:
        found = next((each for each in left if accepts(each, answer)), None)
        if found is None:
            return False
        left.remove(found)
    return True
