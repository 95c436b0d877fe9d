"""What one flow of a search has asked for.

A flow pays for a call once, and the verification of a path may go on from that of a path which
begins as it does. What that is depends on the flow's own earlier questions alone, never on who was
first: flows side by side know of what was asked before they began.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from search.core import Judgement, Prefix
from search.keys import beginnings
from search.ports import Earlier

Charged: TypeAlias = set[str]
"""Keys that a flow has paid for: what it asks again costs it nothing."""
Heard: TypeAlias = tuple[Prefix, Earlier | None, Judgement]
"""A path that was judged, what its verification could go on from, and its judgement."""


@dataclass
class FlowHistory:
    """What a flow was told. `goes_on`: whether a verification may go on from an earlier one."""

    goes_on: bool = False
    charged: Charged = field(default_factory=set)
    drawn: dict[str, int] = field(default_factory=dict)
    """By what a judgement is about, how many chains were written for it where some were added."""
    _ending: dict[str, Earlier | None] = field(default_factory=dict)
    """By the steps of a path that was judged, what its verification could go on from."""
    _begun: dict[str, Earlier] = field(default_factory=dict)
    """By any first steps, the judged path that has no others, else the first that begins so and has
    verdicts."""
    _heard: list[Heard] = field(default_factory=list)

    def earlier(self, path: Prefix) -> Earlier | None:
        """What the verification of `path` may go on from.

        That is the judgement of the path that has most first steps in common with it, if it has
        verdicts. A path that says what was judged already has what that one had.
        """
        if not self.goes_on:
            return None
        marks = beginnings(path) or [""]
        if marks[-1] in self._ending:
            return self._ending[marks[-1]]
        nearest = next((self._begun[mark] for mark in reversed(marks) if mark in self._begun), None)
        return nearest if nearest and nearest.judgement.verdicts else None

    def hear(self, paths: Sequence[Prefix], judgements: Sequence[Judgement]) -> None:
        """Take in the answer to one question: nothing in it could go on from the rest of it."""
        if self.goes_on:
            earlier = list(map(self.earlier, paths))
            for heard in zip(paths, earlier, judgements, strict=True):
                self._take(heard)

    def fork(self) -> Self:
        """That of a flow side by side with others: what it hears, this one does not yet."""
        known = dict(self.drawn), dict(self._ending), dict(self._begun)
        return type(self)(self.goes_on, set(self.charged), *known)

    def join(self, forked: Iterable[Self]) -> None:
        """Take in what those heard, in their order."""
        for each in forked:
            self.charged.update(each.charged)
            for name, drawn in each.drawn.items():
                self.drawn[name] = max(drawn, self.drawn.get(name, 0))
            for heard in each._heard:
                self._take(heard)

    def _take(self, heard: Heard) -> None:
        path, earlier, judgement = heard
        self._heard.append(heard)
        *marks, end = beginnings(path) or [""]
        for mark in marks if judgement.verdicts else ():
            self._begun.setdefault(mark, Earlier(path, judgement))
        if end not in self._ending:
            self._ending[end] = earlier
            self._begun[end] = Earlier(path, judgement)
