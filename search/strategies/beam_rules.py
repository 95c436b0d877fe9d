"""The rules in which beam searches differ, as pure functions, and a check of their sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from search.checks import check_count
from search.strategies.beam_level import Child

Finish = Literal["compete", "bank"]
Slots = Literal["fixed", "shrink"]
Refill = Literal["cyclic", "even", "none"]
Final = Literal["best", "first", "all"]
FirstLevel = Literal["paths", "children"]
LastLevel = Literal["step", "end"]
RULES: dict[str, Any] = {
    "first_level": FirstLevel,
    "finish": Finish,
    "slots": Slots,
    "refill": Refill,
    "final": Final,
    "last_level": LastLevel,
}
"""The fields that choose a rule, each with the Literal of its values."""


def cyclic(paths: int, children: int, open_paths: int) -> list[int]:
    """`paths` in all: copies of the open paths in rank order, again and again."""
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
"""From N, M and how many paths are open, 1 to N/M, to each one's number of children, best first."""


def originals(children: Sequence[Child], known: Sequence[Child] = ()) -> list[Child]:
    """For each child the earliest with its text, of `known` or of the children up to it.

    Texts are compared whole, from the first step on, with runs of white space as one space. A
    finished path and one that goes on are never the same.
    """
    earliest: dict[tuple[bool, str], Child] = {}
    for child in known:
        earliest.setdefault(_said(child), child)
    return [earliest.setdefault(_said(child), child) for child in children]


def _said(child: Child) -> tuple[bool, str]:
    return child.path.finished, " ".join(child.path.text.split())


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
