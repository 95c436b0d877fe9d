"""Checks that a configuration makes of its own fields.

Each raises ValueError in one line: the field, its value, what is allowed and, where it helps, a
hint.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, Field
from difflib import get_close_matches
from typing import Any, get_args

UNSAID = {"unsaid": True}
"""Metadata of a field that came later: at its default it says nothing, and no fingerprint has it.
"""
UNCOUNTED = {"uncounted": True}
"""Metadata of a field that changes no output: no fingerprint has it, whatever it says."""
CACHES = ("off", "run", "shared")
"""Where a part's replies may be kept for other calls; else in a folder, said by its path."""


def is_unsaid(field: Field[Any], value: object) -> bool:
    """Whether a field that came later (`UNSAID`) is at its default."""
    made = field.default if field.default_factory is MISSING else field.default_factory()
    return bool(field.metadata.get("unsaid")) and value == made


def fault(field: str, value: object, allowed: str, hint: str = "") -> ValueError:
    """The error to raise for a field; a long value is shortened."""
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return ValueError(f"{field}: {shown} must be {allowed}" + (f"; {hint}" if hint else ""))


def check_count(field: str, value: int, least: int = 1, hint: str = "") -> None:
    """A whole number from `least` up."""
    if not value >= least:
        raise fault(field, value, f"{least} or more", hint or f"nearest {least}")


def check_number(
    field: str, value: float, low: float = 0.0, high: float = math.inf, hint: str = ""
) -> None:
    """A finite number in [low, high]."""
    if low <= value <= high and math.isfinite(value):
        return
    bounds = f"{low:g} or more" if math.isinf(high) else f"from {low:g} to {high:g}"
    if not math.isfinite(value):
        raise fault(field, value, f"a finite number, {bounds}", hint)
    nearest = high if value > high else low
    raise fault(field, value, bounds, hint or f"nearest {nearest:g}")


def check_above_zero(field: str, value: float) -> None:
    """A finite number above 0, such as a temperature."""
    if not 0.0 < value < math.inf:
        raise fault(field, value, "a finite number above 0", "0.01 say")


def check_choice(field: str, value: str, choices: Any) -> None:
    """One of `choices`, a Literal or a sequence of texts; a near miss is pointed out."""
    allowed = get_args(choices) or choices
    if value not in allowed:
        near = get_close_matches(str(value), allowed, 1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        raise fault(field, value, f"one of {', '.join(allowed)}", hint)


def check_cache(field: str, value: str) -> None:
    """One of `CACHES`, or a path, which begins with `~` or has a `/`."""
    if value not in CACHES and not value.startswith("~") and "/" not in value:
        near = get_close_matches(value, CACHES, 1, 0.8)
        hint = f"did you mean {near[0]!r}?" if near else "write ./NAME for a folder here"
        raise fault(field, value, f"{', '.join(CACHES)} or the path of a folder", hint)
