"""The rules in which beam searches differ, as pure functions, and a check of their sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Literal

from search.checks import check_count
from search.core import Place
from search.strategies.beam_level import Continuation

Finish = Literal["compete", "bank"]
Slots = Literal["fixed", "shrink"]
Refill = Literal["cyclic", "even", "none"]
Dedup = Literal["none", "open", "all"]
Final = Literal["best", "first", "all"]
FirstLevel = Literal["paths", "children"]
LastLevel = Literal["step", "end"]
RULES: dict[str, Any] = {
    "first_level": FirstLevel,
    "finish": Finish,
    "slots": Slots,
    "refill": Refill,
    "dedup": Dedup,
    "final": Final,
    "last_level": LastLevel,
}
"""The fields that choose a rule, each with the Literal of its values."""


def cyclic(paths: int, children: int, open_paths: int) -> list[int]:
    """`paths` in all: copies of the open paths in the order drawn, again and again."""
    each, more = divmod(paths, open_paths)
    return [each + (index < more) for index in range(open_paths)]


def even(paths: int, children: int, open_paths: int) -> list[int]:
    """The same number for each open path, the largest whose sum is at most `paths`."""
    return [paths // open_paths] * open_paths


def none(paths: int, children: int, open_paths: int) -> list[int]:
    """`children` for each open path, whatever the sum."""
    return [children] * open_paths


REFILLS: dict[str, Callable[[int, int, int], list[int]]] = {
    "cyclic": cyclic,
    "even": even,
    "none": none,
}
"""From N, M and how many paths are open, 1 to N/M, to each one's number of children, in order."""


def by_turns(level: Sequence[Continuation], counts: Sequence[int]) -> list[Continuation]:
    """The first children of all parents, then the second ones: the order of cyclic copies.

    `level` stands parent by parent, `counts[i]` children of the i-th.
    """
    turns = [turn for count in counts for turn in range(count)]
    return [child for _, child in sorted(zip(turns, level, strict=True), key=itemgetter(0))]


def repeats(
    level: Sequence[Continuation], known: Sequence[Continuation], dedup: Dedup
) -> dict[Place, Continuation]:
    """By the place of each child that repeats a text, the earliest with that text.

    Texts are compared whole, from the first step on, letter by letter. A finished path and one that
    goes on are never the same. `known` are finished paths of earlier levels; `open` looks at no
    finished ones.
    """
    earliest: dict[tuple[bool, str], Continuation] = {}
    found: dict[Place, Continuation] = {}
    for child in [*known, *level]:
        if dedup == "all" or (dedup == "open" and not child.path.finished):
            first = earliest.setdefault((child.path.finished, child.path.text), child)
            if first is not child:
                found[child.path.place] = first
    return found


def check_widths(paths: int, children: int, needs_whole: str = "") -> None:
    """Raise ValueError unless `paths` / `children` keeps a path or more.

    `needs_whole` names what needs `paths` to be a multiple of `children`, if anything does.
    """
    check_count("paths", paths, 1)
    check_count("children", children, 1)
    if children > paths:
        raise ValueError(
            f"children: {children} must be at most paths ({paths}), "
            f"or paths / children keeps none; nearest {paths}"
        )
    over = paths % children
    if needs_whole and over:
        nearest = paths - over if 2 * over <= children else paths - over + children
        raise ValueError(
            f"paths: {paths} must be a multiple of children ({children}) with {needs_whole}; "
            f"nearest {nearest}"
        )
