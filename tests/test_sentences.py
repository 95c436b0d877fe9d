"""What stands under the fields of a dataclass, as the reference of configs tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, make_dataclass
from enum import Enum
from typing import Literal

import pytest

from treewright.config.config import Config
from treewright.config.keys import Key, keys
from treewright.config.kinds import SECTIONS, settings_class
from treewright.config.load import KEYS
from treewright.config.reference import parts, top
from treewright.config.sentences import sentences, summary


class Way(Enum):
    """Where to go."""

    UP = "up"


@dataclass(frozen=True)
class Inner:
    """Something inside. More of it."""

    depth: int = 1


@dataclass(frozen=True)
class Base:
    """A base."""

    shared: int = 0
    """What a base says."""
    told: int = 0
    """The base's words."""


@dataclass(frozen=True)
class Example(Base):
    """Not about fields.

    `silent`: what a class says of a field is not the field's own sentence.
    """

    plain: int = 0
    """What it is. It goes on
    over two lines."""
    pattern: str = "x"
    r"""A raw one: `\\d+`."""
    silent: int = 0
    a: int | None = None
    # A comment between a field and its sentence.
    """Of a."""
    b: float = 0.5
    aside: str = "x"
    side: Literal["left", "right"] = "left"
    way: Way = Way.UP
    inner: Inner = Inner(depth=2)
    many: tuple[Inner, ...] = ()
    told: int = 1
    """Its own words."""
    told_by_a_value: str = "not a docstring"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("plain", "What it is. It goes on over two lines."),
        ("pattern", r"A raw one: `\\d+`."),
        ("a", "Of a."),
        ("shared", "What a base says."),
        ("told", "Its own words."),
        ("silent", ""),
        ("told_by_a_value", ""),
    ],
)
def test_the_meaning_of_a_key_is_what_stands_under_its_field(name: str, sentence: str) -> None:
    assert keys(Example)[name].meaning == sentence


def test_a_class_within_a_function_is_read_too() -> None:
    @dataclass(frozen=True)
    class Local:
        n: int = 0
        """Of n."""

    assert sentences(Local) == {"n": "Of n."}


def test_a_class_without_a_source_says_nothing() -> None:
    assert sentences(make_dataclass("Made", [("n", int)])) == {}
    assert sentences(int) == {}


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


# --- Every key that a config can say --------------------------------------------------------------


def documented() -> Iterator[type]:
    """All dataclasses that make keys."""
    yield Config
    yield from (key.part for key in top().values() if key.part is not None)
    yield from parts()
    yield from (settings_class(name, kind) for name in SECTIONS for kind in SECTIONS[name])


KINDS = list(dict.fromkeys(documented()))


def keys_of(kind: type) -> list[Key]:
    """Those that a file can say."""
    return [key for name, key in keys(kind).items() if kind is not Config or name in KEYS]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_key_has_a_sentence_of_its_own(kind: type) -> None:
    told = {key.name: key.meaning for key in keys_of(kind)}
    silent = [name for name, sentence in told.items() if len(sentence.split()) < 2]
    assert not silent, f"say under these fields what they do: {silent}"
    shared = [sentence for sentence, times in Counter(told.values()).items() if times > 1]
    assert not shared, "two keys cannot mean the same"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_sentence_is_one_in_the_words_of_a_config(kind: type) -> None:
    for key in keys_of(kind):
        assert key.meaning.endswith("."), f"{key.name}: a sentence ends with a full stop"
        assert "None" not in key.meaning.split(), f"{key.name}: a config says `null`"
        assert key.meaning not in (kind.__doc__ or ""), f"{key.name}: said of the class already"


def test_the_reference_meets_every_mapping() -> None:
    """Two levels deep, and the items of lists."""
    names = {part.__name__: places for part, places in parts().items()}
    assert names["VllmConfig"] == ["policy.engine", "scorer.engine"]
    assert names["FewShot"] == ["policy.few_shots"]
    assert names["Widening"] == ["strategy.widen"]
