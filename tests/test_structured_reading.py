"""Lessons on reading of the structured verifier: many differences, and what is given."""

from __future__ import annotations

import re
from itertools import pairwise
from random import Random

import pytest

from benchmarks.arithmetic.problems import draw_problem
from benchmarks.arithmetic.structured.reading import reading_lesson


@pytest.mark.parametrize("kind", ["read", "quote", "copy"])
def test_a_lesson_on_reading_goes_on_after_many_differences(kind: str) -> None:
    rng, marks = Random(5), ""
    for _ in range(20):
        problem = draw_problem(rng, 1)
        lesson = reading_lesson(rng, problem, kind)
        text = "".join(piece for piece, _ in lesson.pieces)
        lead, *sections = text.split("\n\nStep ")
        assert (problem.question in lesson.prompt) == (kind == "read")
        assert (", A " in lead) == (kind == "read")  # the plan
        marks += "".join(mark for mark, weight in lesson.pieces if mark in ".;" and weight)
        for index, section in enumerate(sections):
            wrong = ";" in section or "boxed{incorrect}" in section
            assert wrong == ("boxed{incorrect}" in section)
            assert section.count("asked") == 1
            shown = lesson.prompt.partition(f"Step {index + 1}: ")[2].partition("\n")[0]
            quoted = section if shown else section.partition(". ")[2]
            # How the options were held against the result is not quoted.
            shown = re.sub(r"(?<=')\.( [A-D] '\d+' \d [^.]*\.)+", ".", shown)
            for each in re.split(r"\. |(?<='), ", shown.removesuffix(".")):
                assert (each.rpartition("= ")[2] if index == 1 else each) in quoted
    assert 0.1 < marks.count(";") / len(marks) < 0.6


def test_what_cannot_be_told_from_the_prompt_is_given() -> None:
    for kind, learned in (("copy", False), ("read", True)):
        lesson = reading_lesson(Random(6), draw_problem(Random(6), 3), kind)
        text = "".join(text for text, weight in lesson.pieces if weight)
        assert bool(re.search(r"asked \d|[A-Z] [-+*/]", text)) == learned


def test_a_lesson_on_reading_goes_on_unweighted_where_a_critique_would_end() -> None:
    rng, ended = Random(7), 0
    for _ in range(40):
        pieces = reading_lesson(rng, draw_problem(rng, 2), "read").pieces
        for (text, weight), (then, after) in pairwise(pieces):
            if text == ";" and weight:
                assert after == 0 or then.startswith(" The step")
                ended += 1
        text = "".join(text for text, _ in pieces)
        for section in text.split("\n\nStep 2:")[1:]:
            section = section.partition(" The step")[0]
            checks = [
                part.partition(".")[0].split()
                for part in re.split(r": ones(?= \d+ [+*])", section)[1:]
            ]
            agree = ";" not in section and all(check[-2][-1] == check[-1] for check in checks)
            assert (f"{section} The step is \\boxed{{correct}}" in text) == agree
    assert ended > 40
