r"""Inequalities in one variable, which say an interval: `1<x\le 2` is `(1,2]`."""

from __future__ import annotations

import re
from collections.abc import Sequence

RELATION = re.compile(r"\\le(?![A-Za-z])|\\ge(?![A-Za-z])|<|>")
VARIABLE = re.compile(r"\\?[A-Za-z]+(?:_\{?[A-Za-z0-9]+\}?)?'?")
MIRRORED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}


def interval(parts: Sequence[str], signs: Sequence[str]) -> tuple[str, str, str] | None:
    """The ends and the brackets of an inequality in one variable, None for any other."""
    low = [sign in ("<", r"\le") for sign in signs]
    if len(signs) == 2 and low[0] == low[1] and VARIABLE.fullmatch(parts[1]):
        ends = (parts[0], signs[0], signs[1], parts[2])
        left, first, second, right = ends if low[0] else ends[::-1]
        return left, right, _brackets(first, second)
    if len(signs) == 1 and VARIABLE.fullmatch(parts[0]) and parts[1]:
        if low[0]:
            return r"-\infty", parts[1], _brackets("<", signs[0])
        return parts[1], r"\infty", _brackets(signs[0], "<")
    if len(signs) == 1 and VARIABLE.fullmatch(parts[1]) and parts[0]:
        return interval(parts[::-1], [MIRRORED[signs[0]]])
    return None


def _brackets(first: str, second: str) -> str:
    opening = "(" if first in "<>" else "["
    return opening + (")" if second in "<>" else "]")
