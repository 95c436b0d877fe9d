"""The response format of the structured-reasoning policy, and what breaks it.

A response is `<think>` with the sections planning, monitoring and evaluation, then `<output>`. The
rules are those of the system prompt of the model card `alibidaran/Qwen_COG_Thinker_Merged`; its
rules 2, 4 and 6 (full sentences, explicit steps, values of the problem) cannot be decided and are
not checked. Reading is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from search.checks import check_count, fault
from search.thought import END_OF_THINK, THINK

PLANNING, MONITORING, EVALUATION, OUTPUT = "planning", "monitoring", "evaluation", "output"
TAGS = (
    THINK,
    *("<planning>", "</planning>"),
    *("<monitoring>", "</monitoring>"),
    *("<evaluation>", "</evaluation>"),
    END_OF_THINK,
    *("<output>", "</output>"),
)
"""All tags of a response, each once, in order."""
STEP_ENDS = ("</planning>", "</monitoring>", END_OF_THINK)
"""The tags after which a step of a search ends; the output is the last step."""
PHRASES = (
    "analyze the problem",
    "determine the strategy",
    "verify the solution",
    "check correctness",
)
"""What the system prompt forbids."""

TAG = re.compile(r"</?(?:think|planning|monitoring|evaluation|output)>")
OPTION = re.compile(r"[0-9]{1,2}")
BULLETS = ("-", "*", "+", "•", "–")
FILLERS = ("", "...", "…", "todo", "tbd", "n/a")

CountTokens: TypeAlias = Callable[[str], int]


class Reason(StrEnum):
    """Why a response is rejected."""

    TRUNCATED = "truncated"
    """It was cut before the model ended its turn."""
    MISSING_TAG = "missing_tag"
    DUPLICATE_TAG = "duplicate_tag"
    """Also when a tag is merely quoted in a section."""
    TAG_ORDER = "tag_order"
    LEADING_TEXT = "leading_text"
    TRAILING_TEXT = "trailing_text"
    TEXT_BETWEEN_TAGS = "text_between_tags"
    EMPTY_SECTION = "empty_section"
    """It has neither a letter nor a digit."""
    SHORT_SECTION = "short_section"
    """It has fewer tokens than it must."""
    PLACEHOLDER_PHRASE = "placeholder_phrase"
    BULLET_PLACEHOLDER = "bullet_placeholder"
    """A line with a bullet and nothing, dots or bracketed words behind it."""
    OUTPUT_NOT_OPTION = "output_not_option"
    """The output is not the number of an option and nothing else."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that is broken, and where: a tag, a section, or a section and the phrase in it."""

    reason: Reason
    where: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What stands between a section's tags: `text` is the characters from `start` to `end`."""

    name: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Response:
    """A response that was read.

    `sections` are empty where the tags are broken. `violations` come in the order of `Reason`
    within the tags, then section by section.
    """

    sections: tuple[Section, ...]
    violations: tuple[Violation, ...]

    @property
    def valid(self) -> bool:
        """Whether no rule is broken."""
        return not self.violations

    @property
    def reason(self) -> Reason | None:
        """The first reason to reject it: what a histogram counts. None for a valid response."""
        return self.violations[0].reason if self.violations else None


@dataclass(frozen=True)
class ResponseFormat:
    """The `format:` keys of the policy: the rules beyond the tags.

    Tokens are the policy's, and a section's tags are not counted.
    """

    min_planning_tokens: int = 40
    """Tokens that the section `planning` has at least; 0 sets no minimum, as below."""
    min_monitoring_tokens: int = 80
    """Tokens that the section `monitoring` has at least."""
    min_evaluation_tokens: int = 40
    """Tokens that the section `evaluation` has at least."""
    banned_phrases: list[str] = field(default_factory=lambda: list(PHRASES))
    """Phrases that no section may hold, found in any case and spacing, as whole words; the output
    may. `[]` bans none."""

    def __post_init__(self) -> None:
        for name, least in self.min_tokens.items():
            check_count(f"min_{name}_tokens", least, 0, "0 sets no minimum")
        for phrase in self.banned_phrases:
            if not phrase.strip():
                raise fault("banned_phrases", phrase, "a phrase", "[] bans none")

    @property
    def min_tokens(self) -> dict[str, int]:
        """The minimum by section; the output has none."""
        return {
            PLANNING: self.min_planning_tokens,
            MONITORING: self.min_monitoring_tokens,
            EVALUATION: self.min_evaluation_tokens,
        }


def read_response(
    text: str,
    rules: ResponseFormat,
    count_tokens: CountTokens | None = None,
    *,
    finished: bool = True,
) -> Response:
    """Read a whole response.

    Args:
        text: all that was generated, without the end-of-turn token.
        rules: the rules beyond the tags.
        count_tokens: the policy's tokens in a text; None checks no minimum.
        finished: whether the model ended its turn.
    """
    marks = list(TAG.finditer(text))
    cut = () if finished else (Violation(Reason.TRUNCATED),)
    broken = (*cut, *_missing(marks), *_repeated(marks), *_misplaced(marks))
    return Response((), broken) if broken else _content(text, marks, rules, count_tokens)


def read_opening(
    text: str, rules: ResponseFormat, count_tokens: CountTokens | None = None
) -> Response:
    """Read the beginning of a response, up to a step's end: valid if it can go on to be valid."""
    marks = list(TAG.finditer(text))
    broken = tuple(_repeated(marks)) or tuple(_astray(marks))
    return Response((), broken) if broken else _content(text, marks, rules, count_tokens)


def _missing(marks: Sequence[re.Match[str]]) -> Iterator[Violation]:
    found = {mark[0] for mark in marks}
    return (Violation(Reason.MISSING_TAG, tag) for tag in TAGS if tag not in found)


def _repeated(marks: Sequence[re.Match[str]]) -> Iterator[Violation]:
    counts = Counter(mark[0] for mark in marks)
    return (Violation(Reason.DUPLICATE_TAG, tag) for tag in TAGS if counts[tag] > 1)


def _misplaced(marks: Sequence[re.Match[str]]) -> Iterator[Violation]:
    """The first tag that stands before one that it must follow; a repeated tag has no place."""
    counts = Counter(mark[0] for mark in marks)
    once = [mark[0] for mark in marks if counts[mark[0]] == 1]
    late = (tag for tag, following in pairwise(once) if TAGS.index(tag) > TAGS.index(following))
    return (Violation(Reason.TAG_ORDER, tag) for tag in list(late)[:1])


def _astray(marks: Sequence[re.Match[str]]) -> Iterator[Violation]:
    """The first tag that is not the next one; none is repeated."""
    pairs = zip(marks, TAGS[: len(marks)], strict=True)
    wrong = [mark[0] for mark, tag in pairs if mark[0] != tag]
    return (Violation(Reason.TAG_ORDER, tag) for tag in wrong[:1])


def _content(
    text: str,
    marks: Sequence[re.Match[str]],
    rules: ResponseFormat,
    count_tokens: CountTokens | None,
) -> Response:
    """The sections that are closed, and the text inside and around them; the tags are in order."""
    sections = tuple(
        Section(tag[0][1:-1], text[tag.end() : end.start()], tag.end(), end.start())
        for tag, end in pairwise(marks)
        if _is_closing(end[0])
    )
    found = [*_stray(text, marks)]
    for section in sections:
        found += _faults(section, rules, count_tokens)
    return Response(sections, tuple(found))


def _is_closing(tag: str) -> bool:
    return tag.startswith("</") and tag != END_OF_THINK


def _stray(text: str, marks: Sequence[re.Match[str]]) -> Iterator[Violation]:
    """Text where only white space may stand.

    At the end a section may still be said, and the next tag may have begun: a token such as `><`
    ends one tag and begins another.
    """
    last = 0
    for mark in marks:
        if not _is_closing(mark[0]) and text[last : mark.start()].strip():
            yield Violation(Reason.TEXT_BETWEEN_TAGS if last else Reason.LEADING_TEXT, mark[0])
        last = mark.end()
    rest, tag = text[last:].strip(), marks[-1][0] if marks else ""
    if tag == TAGS[-1]:
        if rest:
            yield Violation(Reason.TRAILING_TEXT, tag)
    elif not tag or tag == TAGS[0] or tag.startswith("</"):
        following = TAGS[TAGS.index(tag) + 1] if tag else TAGS[0]
        if not following.startswith(rest):
            yield Violation(Reason.TEXT_BETWEEN_TAGS if tag else Reason.LEADING_TEXT, following)


def _faults(
    section: Section, rules: ResponseFormat, count_tokens: CountTokens | None
) -> Iterator[Violation]:
    name, text = section.name, section.text.strip()
    if not any(character.isalnum() for character in text):
        yield Violation(Reason.EMPTY_SECTION, name)
    elif name == OUTPUT:
        if not OPTION.fullmatch(text):
            yield Violation(Reason.OUTPUT_NOT_OPTION, name)
    else:
        if count_tokens and count_tokens(text) < rules.min_tokens[name]:
            yield Violation(Reason.SHORT_SECTION, name)
        if phrase := _banned(text, tuple(rules.banned_phrases)):
            yield Violation(Reason.PLACEHOLDER_PHRASE, f"{name}: {phrase}")
        if any(_is_placeholder(line.strip()) for line in text.splitlines()):
            yield Violation(Reason.BULLET_PLACEHOLDER, name)


def _banned(text: str, phrases: tuple[str, ...]) -> str:
    """The first phrase in the text that is banned, or nothing."""
    found = _phrases(phrases).search(_plain(text)) if phrases else None
    return found[0] if found else ""


@lru_cache(maxsize=16)
def _phrases(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Fixed texts, and so linear."""
    return re.compile(rf"\b(?:{'|'.join(re.escape(_plain(phrase)) for phrase in phrases)})\b")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _is_placeholder(line: str) -> bool:
    if not line.startswith(BULLETS):
        return False
    rest = line[1:].strip().casefold()
    bracketed = rest[:1] == "[" and rest[-1:] == "]" and any(map(str.isalpha, rest))
    return rest in FILLERS or bracketed
