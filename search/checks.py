"""Checks that a strategy makes of its own fields.

Each raises ValueError with the field, the value and what is allowed.
"""

from __future__ import annotations


def at_least_one(name: str, value: int) -> None:
    """A count of things that must exist."""
    if value < 1:
        raise ValueError(f"{name}: {value} must be 1 or more")
