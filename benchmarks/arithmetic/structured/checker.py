"""The exact judge of structured responses: labels each section, and says what it should claim.

A section is judged as the verifier sees it, without tags and with the output as a sentence.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.arithmetic.problems import Operation
from benchmarks.arithmetic.structured.choices import ChoiceProblem
from benchmarks.arithmetic.structured.reasoning import (
    END,
    LETTERS,
    VERBS,
    Calculation,
    decided,
    lettered,
    solve,
)

NUMBER = r"(-?\d{1,9})"
START = re.compile(rf"Start from {NUMBER}\.")
PLANNED = re.compile(r"(Add|Subtract|Multiply by|Divide by) (\d{1,9})\.")
CALCULATED = re.compile(rf"{NUMBER} ([+*/-]) (\d{{1,9}}) = {NUMBER}\.")
RESULT = re.compile(rf"The result is {NUMBER}\.")
OPTION = rf"[{LETTERS}] '-?\d{{1,9}}'"
READ = re.compile(rf"Options: ({OPTION}(?:, {OPTION})*)\.")
DIGIT = rf"(?:\d|-|{END})"
BESIDE = rf"{DIGIT} {DIGIT}(?: no)?"
SOUGHT = re.compile(rf"{OPTION} {BESIDE}(?:, {BESIDE})*\.")
DECIDED = rf"([{LETTERS}], option \d{{1,2}})"
NAMED = re.compile(rf"(?:So it is|None is {NUMBER}\. The nearest is) {DECIDED}\.")
ANSWER = re.compile(rf"Therefore the answer is option (\d{{1,2}})(?:: {NUMBER})?\.")
SYMBOLS = {verb: symbol for symbol, verb in VERBS.items()}


@dataclass(frozen=True)
class SectionCheck:
    """What a section should say at one place, and what it says there."""

    expected: str
    said: str

    @property
    def right(self) -> bool:
        """Whether they are the same."""
        return self.expected == self.said

    @property
    def claimed(self) -> str:
        """What is said, from where it may differ: the last word where all before is the same."""
        same, _, word = self.said.rpartition(" ")
        return word if same == self.expected.rpartition(" ")[0] else self.said


def hold(choice: ChoiceProblem, index: int, text: str) -> list[SectionCheck]:
    """Returns step `index` (from 0) held against what it should say, up to the first difference.

    All steps before it are taken to be right. A text in another form claims nothing.
    """
    if index >= len(SECTIONS):
        return [SectionCheck(END, "none")]
    expect, read = SECTIONS[index]
    said = read(text)
    pairs = zip([*expect(choice), END], ["none"] if said is None else [*said, END], strict=False)
    held: list[SectionCheck] = []
    for expected, claim in pairs:
        held.append(SectionCheck(expected, claim))
        if not held[-1].right:
            break
    return held


def check(choice: ChoiceProblem, steps: Sequence[str]) -> list[bool | None]:
    """Labels each step as PRM800K does: True, False for the first error, None after it."""
    labels: list[bool | None] = []
    for index, text in enumerate(steps):
        right = all(each.right for each in hold(choice, index, text))
        labels.append(right)
        if not right:
            return labels + [None] * (len(steps) - index - 1)
    return labels


def _planned(choice: ChoiceProblem) -> list[str]:
    plan = (_operation(each) for each in choice.problem.operations)
    return [f"start {choice.problem.start}", *plan]


def _operation(operation: Operation) -> str:
    return f"{VERBS[operation.symbol].lower()} {operation.operand}"


def _calculated(choice: ChoiceProblem) -> list[str]:
    return [each.text for each in solve(choice).calculations]


def _evaluated(choice: ChoiceProblem) -> list[str]:
    right = solve(choice)
    read = (f"read {each}" for each in lettered(right.options))
    return [f"result {right.result}", *read, f"answer {decided(right.named)}"]


def _answered(choice: ChoiceProblem) -> list[str]:
    return [f"option {choice.answer} is {choice.problem.answer}"]


def _read_planned(text: str) -> list[str] | None:
    start = START.match(text)
    if start is None or not _is_run(PLANNED, text[start.end() :]):
        return None
    plan = (Operation(SYMBOLS[verb], int(operand)) for verb, operand in PLANNED.findall(text))
    return [f"start {start[1]}", *map(_operation, plan)]


def _read_calculated(text: str) -> list[str] | None:
    if not _is_run(CALCULATED, text):
        return None
    return [
        Calculation(int(value), Operation(symbol, int(operand)), int(result)).text
        for value, symbol, operand, result in CALCULATED.findall(text)
    ]


def _read_evaluated(text: str) -> list[str] | None:
    """How the options were held against the result claims nothing: what it led to is named."""
    result, named = RESULT.match(text), NAMED.search(text)
    if result is None or named is None or text[named.end() :].strip():
        return None
    between = text[result.end() : named.start()].strip()
    read = READ.match(between)
    if read is None or not _is_run(SOUGHT, between[read.end() :]):
        return None
    nearest = [] if named[1] is None else [f"none {named[1]}"]
    options = (f"read {each}" for each in read[1].split(", "))
    return [f"result {result[1]}", *options, *nearest, f"answer {named[2]}"]


def _read_answered(text: str) -> list[str] | None:
    answer = ANSWER.fullmatch(text)
    return None if answer is None else [f"option {answer[1]} is {answer[2]}"]


def _is_run(sentence: re.Pattern[str], text: str) -> bool:
    """Returns whether a text is nothing but such sentences."""
    return not sentence.sub("", text).strip()


SECTIONS: Sequence[
    tuple[Callable[[ChoiceProblem], list[str]], Callable[[str], list[str] | None]]
] = (
    (_planned, _read_planned),
    (_calculated, _read_calculated),
    (_evaluated, _read_evaluated),
    (_answered, _read_answered),
)
"""By step: what it should say, and what it says; None for a text in another form."""
