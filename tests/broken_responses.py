"""Responses that break the format in one way only, made of one that keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from search.structured_protocol import BULLETS, FILLERS, PHRASES, TAGS, Reason, ResponseFormat

SECTIONS = ("planning", "monitoring", "evaluation")


@dataclass(frozen=True)
class Mutant:
    text: str
    reason: Reason
    where: str | None = None


def mutants(text: str, rules: ResponseFormat) -> Iterator[Mutant]:
    """Over 300 of them; `text` is valid by the rules, which set a minimum for each section."""
    yield from broken_tags(text)
    yield from stray_text(text)
    yield from bad_sections(text, rules)
    yield from bad_outputs(text)


def broken_tags(text: str) -> Iterator[Mutant]:
    for tag in TAGS:
        yield Mutant(text.replace(tag, ""), Reason.MISSING_TAG, tag)
        yield Mutant(text.replace(tag, tag.upper()), Reason.MISSING_TAG, tag)
        yield Mutant(text.replace(tag, f"{tag[:-1]} >"), Reason.MISSING_TAG, tag)
        yield Mutant(text.replace(tag, tag * 2), Reason.DUPLICATE_TAG, tag)
        for section in SECTIONS:
            quoted = inside(text, section, f" as {tag} says ")
            yield Mutant(quoted, Reason.DUPLICATE_TAG, tag)
    for one, two in pairwise(TAGS):
        yield Mutant(swapped(text, one, two), Reason.TAG_ORDER)
    for one, two in (("planning", "monitoring"), ("planning", "evaluation")):
        exchanged = swapped(swapped(text, f"<{one}>", f"<{two}>"), f"</{one}>", f"</{two}>")
        yield Mutant(exchanged, Reason.TAG_ORDER)


def stray_text(text: str) -> Iterator[Mutant]:
    for said in ("Sure!", "\ufeff", "**"):
        yield Mutant(said + text, Reason.LEADING_TEXT)
        yield Mutant(text + said, Reason.TRAILING_TEXT)
        for tag in ("<planning>", "<monitoring>", "<evaluation>", "</think>", "<output>"):
            yield Mutant(text.replace(tag, said + tag), Reason.TEXT_BETWEEN_TAGS, tag)


def bad_sections(text: str, rules: ResponseFormat) -> Iterator[Mutant]:
    for section in SECTIONS:
        for empty in ("", " \n", "...", "\n- \n- \n", "***"):
            yield Mutant(filled(text, section, empty), Reason.EMPTY_SECTION, section)
        for count in (1, rules.min_tokens[section] - 1):
            short = filled(text, section, "6 " * count)
            yield Mutant(short, Reason.SHORT_SECTION, section)
        for phrase in PHRASES:
            for said in (phrase, phrase.upper(), phrase.replace(" ", " \n ")):
                where = f"{section}: {phrase}"
                mutant = inside(text, section, f" We {said}. ")
                yield Mutant(mutant, Reason.PLACEHOLDER_PHRASE, where)
        for bullet in BULLETS:
            for filler in (*FILLERS, "[the first step]"):
                mutant = inside(text, section, f"\n{bullet} {filler}\n")
                yield Mutant(mutant, Reason.BULLET_PLACEHOLDER, section)


def bad_outputs(text: str) -> Iterator[Mutant]:
    for said in ("B", "2.", "(2)", "option 2", "2 3", "1.5", "-1", "100", r"\boxed{2}", "٢", "²"):
        yield Mutant(filled(text, "output", said), Reason.OUTPUT_NOT_OPTION, "output")
    for said in ("", "\n", "?", "..."):
        yield Mutant(filled(text, "output", said), Reason.EMPTY_SECTION, "output")


def inside(text: str, section: str, said: str) -> str:
    """The section with something more at its end."""
    return text.replace(f"</{section}>", f"{said}</{section}>")


def filled(text: str, section: str, said: str) -> str:
    """The section with something else in it."""
    before, rest = text.split(f"<{section}>")
    _, after = rest.split(f"</{section}>")
    return f"{before}<{section}>{said}</{section}>{after}"


def swapped(text: str, one: str, two: str) -> str:
    return text.replace(one, "\0").replace(two, one).replace("\0", two)
