"""Token ids as they are kept: four bytes each, and a tuple whenever they are looked at."""

from __future__ import annotations

from array import array
from typing import Any

CODE = "I"
"""Of `array`: whole numbers from 0 to 2^32 - 1."""


class Packed:
    """The slot of a frozen dataclass that keeps a tuple of token ids so.

    What is no tuple of such numbers, and so no token ids, is kept as it is: whoever checks the
    reply that holds it has to see it.
    """

    __slots__ = ("slot",)

    def __init__(self, slot: Any) -> None:
        self.slot = slot

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        if owner is None:
            return self
        kept = self.slot.__get__(owner)
        return tuple(kept) if type(kept) is array else kept

    def __set__(self, owner: Any, ids: Any) -> None:
        self.slot.__set__(owner, packed(ids))


def packed(ids: Any) -> Any:
    """The ids as an array, where they are some."""
    if type(ids) is not tuple or not ids or set(map(type, ids)) != {int}:
        return ids
    try:
        return array(CODE, ids)
    except OverflowError:  # below 0, or more than any vocabulary has
        return ids
