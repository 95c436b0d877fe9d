"""Faults that a person can mend: each is one line that says where, what and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from treewright.terminal import line

LONGEST_VALUE = 60
"""Characters of an offending value, and of a key, that are shown."""
LONGEST_PROBLEM = 300
FAULTS = {
    "treewright.errors.ConfigError": 2,
    "search.custom.PartError": 2,
    "search.custom.Untrusted": 2,
    "treewright.running.run_folder.RunFolderError": 2,
    "treewright.running.run_folder.RunWriteError": 1,
    "treewright.files.inside.UnsafeFile": 2,
    "benchmarks.datasets.files.DatasetError": 2,
    "treewright.cluster.replica.StartRefused": 2,
    "treewright.running.recorded.NotResumable": 4,
    "treewright.running.series.SeriesError": 2,
    "treewright.studies.measures.StudyError": 2,
    "search.ports.ReplayError": 4,
    "treewright.running.lock.LockError": 2,
    "treewright.cluster.cluster.ClusterError": 1,
    "treewright.journal.appender.JournalError": 1,
    "benchmarks.grading_pool.GradingError": 1,
    "policies.engine.EngineError": 1,
}
"""Exit codes of the faults whose message tells a person all. By name: importing all of them to
catch one would cost more than the verb."""


class ConfigError(Exception):
    """A config, an override or a command line that cannot be run. Exit code 2.

    `where` is a file (with its line) or `command line`; `key` is dotted; `value` is what was found
    there, None where showing it would not help. It pickles.
    """

    def __init__(
        self, where: str, key: str, value: object = None, problem: str = "", hint: str = ""
    ) -> None:
        super().__init__(where, key, value, problem, hint)
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


def exit_code(error: Exception) -> int | None:
    """The exit code of a fault that a person can mend, None for all others."""
    return FAULTS.get(f"{type(error).__module__}.{type(error).__qualname__}")
