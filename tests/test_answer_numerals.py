"""Typography and numbers of answers: what is dropped, what is read, exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.answers.choices import is_option, option_named
from benchmarks.answers.numerals import read_number, rounds
from benchmarks.answers.typography import normalise, squeezed
from benchmarks.answers.units import without_unit

SAME_SIGNS = [
    ("1/2", "1⁄2"),
    (r"\frac{1}{2}", "½"),
    (r"4\frac{1}{2}", "4½"),
    (r"2\sqrt{3}", "2√3"),
    (r"2\sqrt{x+1}", "2√(x+1)"),
    (r"2*\sqrt{3}", "2*sqrt(3)"),
    ("2^{2}", "2²"),
    ("x_{1}", "x₁"),
    ("-3", "−3"),
    ("-3", "–3"),
    ("5", "５"),
    ("10", "1\u200b0"),
    ("10 000", "10\u00a0000"),
    (r"36^\circ", "36°"),
    (r"36^\circ", "36º"),
    (r"\frac{1}{2}", r"\dfrac{1}{2}"),
    (r"\left( 1, 2 \right)", "(1, 2)"),
    ("10,080", r"10,\!080"),
    ("1, 200", r"1,\ 200"),
    ("5", r"\boxed{5}."),
    ("5", "**5**"),
    ("5", r"$\boxed{\mathbf{5}}$"),
    (r"\emptyset", "∅"),
    (r"\emptyset", r"\varnothing"),
    ("Evelyn", r"\text{Evelyn}"),
    ("A", r"\bf A"),
    (r"\ln 2", r"\mathrm{ln}\, 2"),
    (r"\log_{10}2", r"\lg 2"),
    ("1-e", r"1-\mathrm{e}"),
]
OTHER_SIGNS = [("x", "X"), ("4 2", "42"), ("5", "-5"), ("no", "on")]
NUMBERS = {
    "025": Fraction(25),
    "1,234": Fraction(1234),
    "1 234": Fraction(1234),
    ".5": Fraction(1, 2),
    "4 2/3": Fraction(14, 3),
    r"4\frac{2}{3}": Fraction(14, 3),
    r"-\frac{3}{4}": Fraction(-3, 4),
    "-(3/4)": Fraction(-3, 4),
    r"0.\overline{6}": Fraction(2, 3),
    r"0.1\overline{6}": Fraction(1, 6),
    r"1.5\times10^{3}": Fraction(1500),
    "1.5e-3": Fraction(3, 2000),
    "6×10^5": Fraction(600000),
}
NO_NUMBERS = [
    "12 5",
    "4 2",
    "1,5",
    "1, 200",
    "1,2,3",
    "1/0",
    "4 5/3",
    "1e",
    "",
    ".",
    "7" * 5000,
    "x",
]
VALUES = [
    ("18 eggs", "18"),
    ("18 cm^2", "18"),
    (r"18\text{ apples per day}", "18"),
    ("$18 per day", "18"),
    ("USD 50", "50"),
    ("50 €", "50"),
    (r"36^\circ", "36"),
    (r"\approx 601", "601"),
    (r"104\pmod{1000}", "104"),
    (r"113 \text{ (mod 1000)}", "113"),
    (r"12\pi \text{ cm}^2", r"12\pi"),
    ("18kg", "18"),
    (r"1.5\times 10^{-8}\,\mathrm{J}", r"1.5\times 10^{-8}"),
]
KEPT = ["18 x", "18x", "18 or 19", "18 R 2", "6 to 7", "3+4", "x", r"\sin 30^\circ", "14:00"]


OPTION_B = ["B", "(B)", "[B]", "B)", "B.", "B: 12 m/s", "(B) 12 m/s", r"\text{(B)}", "**B**"]
OPTION_B += [r"\mathbf{B}", "Option B", "The answer is B", "b", r"\textbf{(B) }12"]


@pytest.mark.parametrize(("left", "right"), SAME_SIGNS)
def test_typography_means_nothing(left: str, right: str) -> None:
    assert squeezed(left) == squeezed(right)


@pytest.mark.parametrize(("left", "right"), OTHER_SIGNS)
def test_signs_that_mean_something_stay(left: str, right: str) -> None:
    assert squeezed(left) != squeezed(right)


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_read_exactly_however_it_is_written(text: str) -> None:
    read = read_number(text)
    assert read is not None
    assert read.value == NUMBERS[text]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_not_read_as_one(text: str) -> None:
    assert read_number(text) is None


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_unit_is_no_part_of_the_value(text: str, value: str) -> None:
    assert without_unit(normalise(text)).text == value


@pytest.mark.parametrize("text", KEPT)
def test_what_changes_the_value_is_no_unit(text: str) -> None:
    assert without_unit(normalise(text)).text == normalise(text)


def test_a_magnitude_multiplies_and_a_per_cent_sign_is_told() -> None:
    bare = without_unit(normalise(r"\$1.8\text{ million dollars}"))
    assert (bare.text, bare.scale, bare.percent) == ("1.8", Fraction(10**6), False)
    bare = without_unit(normalise(r"0.5\% \text{ per year}"))
    assert (bare.text, bare.scale, bare.percent) == ("0.5", Fraction(1), True)


@pytest.mark.parametrize("text", OPTION_B)
def test_an_option_is_named_in_any_balanced_dress(text: str) -> None:
    assert option_named(text) == "B"


@pytest.mark.parametrize(
    "text",
    [
        *("A and B", "AB", "A, B", "12 m/s", "Because", "", "K", "B or C"),
        *("(A) or (B)", "(A), (B)", "(A)(B)", "A. or B.", "B. and C.", "A) and B)"),
    ],
)
def test_what_names_no_option_names_none(text: str) -> None:
    assert option_named(text) is None


@pytest.mark.parametrize("text", ["(B) and a half", "(B) 3, 4", "B. cats or Dogs", "B. 12 C"])
def test_the_text_of_an_option_is_no_second_option(text: str) -> None:
    assert option_named(text) == "B"


def test_a_letter_is_a_reference_to_an_option_and_a_variable_is_none() -> None:
    assert [is_option(text) for text in ("A", "(C)", r"\text{D}", "x", "k", "K", "AB", "5")] == (
        [True] * 3 + [False] * 5
    )


fractions = st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**6)


@given(fractions)
def test_a_fraction_is_read_as_it_is(value: Fraction) -> None:
    spelled = rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    for text in (str(value), spelled):
        read = read_number(text)
        assert read is not None
        assert read.value == value


@given(st.integers(-(10**12), 10**12), st.integers(0, 5))
def test_a_decimal_is_read_exactly(digits: int, places: int) -> None:
    whole, rest = divmod(abs(digits), 10**places)
    text = f"{'-' if digits < 0 else ''}{whole:,}.{rest:0{places}d}" if places else str(digits)
    read = read_number(text)
    assert read is not None
    assert read.value == Fraction(digits, 10**places)


def test_a_long_decimal_may_round_and_a_short_one_may_not() -> None:
    third = Fraction(1, 3)
    for text, close in [("0.333333", True), ("0.333", False), ("0.333334", False)]:
        read = read_number(text)
        assert read is not None
        assert rounds(third, None, read.value, read.ulp) is close


@given(st.text(max_size=60) | st.text("0123456789.,/%${}\\frac+-eE^ ()[]", max_size=60))
def test_any_text_has_a_normal_form_and_is_read_or_refused_without_an_error(text: str) -> None:
    normal = normalise(text)
    assert isinstance(squeezed(text), str)
    read_number(text)
    assert len(without_unit(normal).text) <= len(normal)
