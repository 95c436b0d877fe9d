"""What a docstring says of fields, as the reference of configs reads it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import pytest

from treewright.config.docstrings import describe, summary
from treewright.config.keys import in_yaml_words, keys
from treewright.config.reference import parts


class Way(Enum):
    """Where to go."""

    UP = "up"


@dataclass(frozen=True)
class Inner:
    """Something inside. More of it."""

    depth: int = 1


@dataclass(frozen=True)
class Base:
    """A base.

    `shared`: what a base says. `told`: the base's words.
    """

    shared: int = 0
    told: int = 0


@dataclass(frozen=True)
class Example(Base):
    """`first` begins the summary, which describes nothing.

    Prose that stays. `plain`: what it is. It goes on (Doe et al. 2020). `a`, `b`: of both.
    `aside` (`x` only): with a condition. `code` None is like `f(x). Y`, and `z; y`.

    - `item`: of a list; `other`: after a semicolon.
    - No field.

    `left`: go left. `right`: go right. `min_…_tokens`: the least.

    Prose again, with `a.silent` and `lonely + 1`.

    `told`: its own words.
    """

    first: int = 0
    plain: int = 0
    a: int | None = None
    b: float = 0.5
    aside: str = "x"
    code: int = 0
    item: int = 0
    other: int = 0
    side: Literal["left", "right"] = "left"
    min_one_tokens: int = 0
    min_two_tokens: int = 0
    lonely: int = 0
    silent: int = 0
    way: Way = Way.UP
    inner: Inner = Inner(depth=2)
    many: tuple[Inner, ...] = ()


SAID = describe(Example)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain", "What it is. It goes on (Doe et al. 2020)."),
        ("a", "Of both."),
        ("b", "Of both."),
        ("aside", "`x` only: with a condition."),
        ("code", "`code` None is like `f(x). Y`, and `z; y`."),
        ("item", "Of a list"),
        ("other", "After a semicolon."),
        ("side", "`left`: go left. `right`: go right."),
        ("min_one_tokens", "The least."),
        ("min_two_tokens", "The least."),
        ("shared", "What a base says."),
        ("told", "Its own words."),
    ],
)
def test_a_sentence_that_begins_with_a_field_describes_it(name: str, text: str) -> None:
    assert SAID.fields[name] == text


def test_no_other_field_is_described() -> None:
    assert set(SAID.fields) == {f.name for f in dataclasses.fields(Example)} - {
        *("first", "lonely", "silent", "way", "inner", "many")
    }


def test_a_mention_counts_where_nothing_describes() -> None:
    assert SAID.mentions["lonely"] == "Prose again, with `a.silent` and `lonely + 1`."
    assert SAID.mentions["first"].startswith("`first` begins")


def test_a_name_behind_a_dot_is_another_name() -> None:
    assert "silent" not in SAID.mentions


def test_what_describes_no_field_is_left_in_its_order() -> None:
    assert SAID.about == (
        "`first` begins the summary, which describes nothing.",
        "Prose that stays.",
        "- No field.",
        "Prose again, with `a.silent` and `lonely + 1`.",
    )


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two.", "One"),
        ("By Doe et al. (2020). Two.", "By Doe et al. (2020)"),
        ("Over\n    two lines.\n\n    More.", "Over two lines"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_summary_is_the_first_sentence(text: str | None, first: str) -> None:
    assert summary(text) == first


def test_a_key_without_words_has_those_of_its_type() -> None:
    assert keys(Example)["way"].meaning == "Where to go."
    assert keys(Example)["inner"].meaning == "Something inside."


def test_a_key_of_which_nobody_speaks_has_no_meaning() -> None:
    assert keys(Example)["silent"].meaning == ""


def test_none_is_null_but_not_in_code() -> None:
    assert in_yaml_words("None, not `None`; null too") == "`null`, not `None`; `null` too"


@pytest.mark.parametrize(
    ("name", "values", "default"),
    [
        ("a", "whole number or `null`", "null"),
        ("b", "number", "0.5"),
        ("aside", "text", "x"),
        ("side", "`left`, `right`", "left"),
        ("way", "`up`", "up"),
        ("inner", "mapping", '{"depth": 2}'),
        ("many", "list of mappings", "[]"),
    ],
)
def test_a_key_tells_its_values_and_its_default(name: str, values: str, default: str) -> None:
    key = keys(Example)[name]
    assert (key.values, key.default_text) == (values, default)


def test_the_reference_meets_every_mapping() -> None:
    """Two levels deep, and the items of lists."""
    names = {part.__name__: places for part, places in parts().items()}
    assert names["VllmConfig"] == ["policy.engine", "scorer.engine"]
    assert names["FewShot"] == ["policy.few_shots"]
    assert names["Widening"] == ["strategy.widen"]
