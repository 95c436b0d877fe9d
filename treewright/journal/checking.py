"""What a record may hold. A CRC says that a line is as it was written, not who wrote it.

Each check returns its value, or raises ValueError with a few words that say what is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

LARGEST_COUNT = 2**53
"""Tokens and calls of one reply; above it a number is not the same in every JSON reader."""
LARGEST_ID = 2**31
LARGEST = sys.float_info.max
MOST_SECONDS = 1e12
"""A thousand GPUs for thirty years."""
LONGEST_SHOWN = 40


def fields(value: Any, *names: str, optional: Collection[str] = ()) -> dict[str, Any]:
    """An object with these keys and no others, but perhaps the optional ones."""
    if isinstance(value, dict) and value.keys() == _set(names):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"{shown(value)} is not an object with {', '.join(names)}")
    if odds := (value.keys() - set(optional)) ^ set(names):
        odd = sorted(odds)[0]
        lacks = "lacks" if odd in names else "has the unknown key"
        raise ValueError(f"an object {lacks} {shown(odd)}")
    return value


_set = lru_cache(frozenset[str])


def items(value: Any, what: str) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise ValueError(f"{what} is {shown(value)}, not a list")
    return value


def text(value: Any, what: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise ValueError(f"{what} is {shown(value)}, not a text")
    return value


def truth(value: Any, what: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{what} is {shown(value)}, not true or false")
    return value


def count(value: Any, what: str, most: int = LARGEST_COUNT) -> int:
    """A whole number from 0 up."""
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{what} is {shown(value)}, not a whole number from 0 to {most}")
    return value


def number(value: Any, what: str) -> float:
    """A finite number, which a float can hold."""
    if type(value) not in (int, float) or not -LARGEST <= value <= LARGEST:
        raise ValueError(f"{what} is {shown(value)}, not a finite number")
    return float(value)


def seconds(value: Any, what: str) -> float:
    """A time, of all GPUs of a cluster together at most."""
    if type(value) not in (int, float) or not 0 <= value <= MOST_SECONDS:
        raise ValueError(f"{what} is {shown(value)}, not a number from 0 to {MOST_SECONDS:g}")
    return float(value)


def probability(value: Any, what: str) -> float:
    """A number from 0 to 1."""
    if type(value) not in (int, float) or not 0.0 <= value <= 1.0:
        raise ValueError(f"{what} is {shown(value)}, not a number from 0 to 1")
    return value  # type: ignore[no-any-return]  # an int stays one, as it was written


def choice(value: Any, what: str, known: Any) -> Any:
    """What a mapping has under this text."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{what} is {shown(value)}, not one of {', '.join(known)}")
    return known[value]


def ids(value: Any, what: str, most: int = LARGEST_ID) -> Sequence[int]:
    """A list of whole numbers from 0 up. Fast: most of a journal is such lists."""
    listed = items(value, what)
    if listed and (set(map(type, listed)) != {int} or min(listed) < 0 or max(listed) > most):
        odd = next(each for each in listed if type(each) is not int or not 0 <= each <= most)
        raise ValueError(f"{what} holds {shown(odd)}, not a whole number from 0 to {most}")
    return listed


def shown(value: Any) -> str:
    """The beginning of a value."""
    try:
        told = repr(value)
    except ValueError:  # a number of thousands of digits
        return "a number of thousands of digits"
    return told if len(told) <= LONGEST_SHOWN else f"{told[: LONGEST_SHOWN - 1]}…"
