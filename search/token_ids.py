"""Token ids as they are kept: four bytes each, and a tuple whenever they are looked at."""

from __future__ import annotations

from array import array
from typing import Any, Final

CODE: Final = "I"
"""Of `array`: whole numbers from 0 to 2^32 - 1."""
SIZE = array(CODE).itemsize


class Ids(bytes):
    """Token ids side by side: less than half the memory of an `array` where they are few."""

    __slots__ = ()


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
        return tuple(array(CODE, kept)) if type(kept) is Ids else kept

    def __set__(self, owner: Any, ids: Any) -> None:
        self.slot.__set__(owner, packed(ids))

    def count(self, owner: Any) -> int | None:
        """How many ids an object has; None where what is kept need not be token ids."""
        kept = self.slot.__get__(owner)
        return len(kept) // SIZE if type(kept) is Ids else None


def packed(ids: Any) -> Any:
    """The ids in four bytes each, where they are some."""
    if type(ids) is not tuple or not ids or set(map(type, ids)) != {int}:
        return ids
    try:
        return Ids(array(CODE, ids))
    except OverflowError:  # below 0, or more than any vocabulary has
        return ids
