from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.numerals import normalise, quickly_equal, read_number

EQUAL = [
    ("1/2", "0.5"),
    ("1/2", r"\frac{1}{2}"),
    ("1/2", r"\dfrac12"),
    ("-1/2", r"\frac{-1}{2}"),
    ("1234", "1,234"),
    ("1234", "1{,}234"),
    ("1234", r"1\,234"),
    ("18", r"\$18"),
    ("18", r"$\$18$"),
    ("50", r"50\%"),
    ("0.5", "50%"),
    ("1500", r"1.5 \times 10^{3}"),
    ("0.0015", "1.5e-3"),
    ("25", "025"),
    ("5", "5."),
    ("5", r"\(5\)"),
    ("-3", "−3"),
    ("1/3", "0.333333"),
    ("Evelyn", r"\text{Evelyn}"),
    ("(1,2)", r"\left( 1, 2 \right)"),
    ("x + 1", "x+1"),
    ("1/0", "1 / 0"),
]
DIFFERENT = [
    ("1/3", "0.333"),
    ("2/3", "0.666666"),
    ("0.0000001", "0.0000002"),
    ("12", "1"),
    ("1234", "1,235"),
    ("5", "-5"),
    ("50", "500%"),
]
ALGEBRA = [
    (r"2\sqrt{3}", r"\sqrt{12}"),
    ("x", "X"),
    ("x=5", "5"),
    ("1 2", "12"),
    ("1,2", "1.2"),
    ("1/0", "5"),
    (r"x \in\, t", r"\int"),
    (r"\pi r", r"\pir"),
    ("7" * 5000, "7"),
]


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_spellings_of_the_same_answer_are_equal(left: str, right: str) -> None:
    assert quickly_equal(left, right) is True


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different_numbers_are_told_apart(left: str, right: str) -> None:
    assert quickly_equal(left, right) is False


@pytest.mark.parametrize(("left", "right"), ALGEBRA)
def test_what_takes_algebra_is_left_open(left: str, right: str) -> None:
    assert quickly_equal(left, right) is None


@given(st.text(), st.text())
def test_quick_equality_is_reflexive_and_symmetric_on_any_text(left: str, right: str) -> None:
    assert quickly_equal(left, left) is True
    assert quickly_equal(left, right) == quickly_equal(right, left)


numbers = st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**6)


@given(numbers, numbers)
def test_fractions_are_equal_exactly_when_their_values_are(left: Fraction, right: Fraction) -> None:
    spelled = rf"\frac{{{right.numerator}}}{{{right.denominator}}}"
    assert quickly_equal(str(left), spelled) is (left == right)


@given(st.integers(-(10**12), 10**12), st.integers(0, 5))
def test_a_decimal_is_read_exactly(digits: int, places: int) -> None:
    value = Fraction(digits, 10**places)
    whole, rest = divmod(abs(digits), 10**places)
    text = f"{'-' if digits < 0 else ''}{whole:,}.{rest:0{places}d}" if places else str(digits)
    read = read_number(text)
    assert read is not None
    assert read.readings == (value,)


@given(st.text("0123456789.,/%${}\\frac+-eE^ ", max_size=40))
def test_whatever_looks_like_a_number_is_read_or_refused_without_an_error(text: str) -> None:
    read_number(text)
    assert isinstance(normalise(text), str)
