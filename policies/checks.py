"""Checks that a configuration makes of its own fields.

Each raises ValueError in one line: the field, its value, what is allowed and, where it helps, a
hint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches


def fault(field: str, value: object, allowed: str, hint: str = "") -> ValueError:
    """The error to raise for a field; a long value is shortened."""
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return ValueError(f"{field}: {shown} is not {allowed}" + (f"; {hint}" if hint else ""))


def check_count(field: str, value: int, least: int = 1, hint: str = "") -> None:
    """A whole number from `least` up."""
    if value < least:
        raise fault(field, value, f"a whole number from {least} up", hint)


def check_number(
    field: str, value: float, low: float = 0.0, high: float = math.inf, hint: str = ""
) -> None:
    """A finite number in [low, high]."""
    if not (math.isfinite(value) and low <= value <= high):
        upper = "up" if math.isinf(high) else f"to {high:g}"
        raise fault(field, value, f"a finite number from {low:g} {upper}", hint)


def check_choice(field: str, value: str, choices: Sequence[str]) -> None:
    """One of `choices`; a near miss is pointed out."""
    if value not in choices:
        near = get_close_matches(value, choices, 1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        raise fault(field, value, f"one of {', '.join(choices)}", hint)
