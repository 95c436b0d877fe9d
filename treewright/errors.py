"""Faults that a person can mend: each is one line that says where, what and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from search.fault import Fault
from treewright.terminal import line

LONGEST_VALUE = 60
"""Characters of an offending value, and of a key, that are shown."""
LONGEST_PROBLEM = 300


class ConfigError(Fault):
    """A config, an override or a command line that cannot be run. Exit code 2.

    `where` is a file (with its line) or `command line`; `key` is dotted; `value` is what was found
    there, None where showing it would not help. It pickles.
    """

    exit_code = 2

    def __init__(
        self, where: str, key: str, value: object = None, problem: str = "", hint: str = ""
    ) -> None:
        Exception.__init__(self, where, key, value, problem, hint)
        self.where = where
        self.key = key
        self.value = value
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        value = "" if self.value is None else quote(self.value)
        key, problem = shorten(self.key, LONGEST_VALUE), shorten(self.problem, LONGEST_PROBLEM)
        where = shorten(self.where, LONGEST_PROBLEM)
        head = ": ".join(part for part in (where, key, value, problem) if part)
        return line(f"{head}; {self.hint}" if self.hint else head)


def quote(value: object) -> str:
    """The value as it is shown in an error, in quotes only where it is empty or padded."""
    text = value if isinstance(value, str) else repr(value)
    return shorten(text if text and text == text.strip() else repr(text), LONGEST_VALUE)


def shorten(text: str, longest: int) -> str:
    """The beginning of a text that is too long to be shown."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def suggest(word: str, choices: Iterable[str]) -> str:
    """The hint for a misspelt word: the nearest choice if one is near, then all of them."""
    names = list(choices)
    near = get_close_matches(word, names, n=1) or get_close_matches(word.lower(), names, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    return f"{guess}choose from {', '.join(names)}" if names else "there is nothing to choose from"
