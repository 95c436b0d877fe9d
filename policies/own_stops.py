"""A policy's own stop strings: where one is complete its solution ends, as at an end of turn."""

from __future__ import annotations

from collections.abc import Sequence

from policies.segmentation import Segmenter
from search.checks import fault


def check_stops(field: str, stops: Sequence[str]) -> None:
    """Raise ValueError for an empty string, which would end everything."""
    if not all(stops):
        raise fault(field, list(stops), "strings that are not empty")


class OwnStops:
    """Looks for the strings along the whole text of a path, over the steps that it is cut into.

    The token that completes a string is kept whole, and is the last of the solution. Where it ends
    a step as well the solution has ended. Of several strings the one that is complete first counts.
    """

    def __init__(self, strings: Sequence[str], segmenter: Segmenter) -> None:
        self._strings = tuple(dict.fromkeys(strings))
        self._segmenter = segmenter
        self._longest = max(map(len, strings), default=0)

    def told(self, said: str) -> tuple[str, ...]:
        """Where an engine must stop after this text: at a string, or at the rest of one begun."""
        rests = (
            string[begun:]
            for string in self._strings
            for begun in range(1, len(string))
            if said.endswith(string[:begun])
        )
        return tuple(dict.fromkeys((*self._strings, *rests)))

    def end(self, said: str, ids: Sequence[int]) -> int | None:
        """How many of the tokens after a text go to the end of the first string; None: none is."""
        if not self._strings:
            return None
        before = said[len(said) - min(len(said), self._longest - 1) :]
        text = before + self._segmenter.text(ids)
        ends = [end for string in self._strings if (end := self._found(string, text, before))]
        return self._segmenter.through(ids, min(ends) - len(before)) if ends else None

    def _found(self, string: str, text: str, before: str) -> int | None:
        """Where a string ends that is not complete before."""
        start = text.find(string, max(0, len(before) - len(string) + 1))
        return None if start < 0 else start + len(string)
