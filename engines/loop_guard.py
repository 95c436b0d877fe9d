"""When a text says the same over and over, and the guard that ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from search.checks import check_count


@dataclass(frozen=True)
class LoopGuard:
    """Ends a solution that repeats itself. Its stop reason is `LOOP`: it is not finished."""

    ngram: int = 40
    """Tokens of the phrases whose repetition counts, from half of it to all of it; 0 turns the
    guard off."""
    repeats: int = 4
    """How often in a row the last phrase must have been said, 2 or more."""

    def __post_init__(self) -> None:
        check_count("ngram", self.ngram, least=0, hint="0 turns the guard off")
        check_count("repeats", self.repeats, least=2)


def is_loop(ids: Sequence[int], ngram: int, repeats: int) -> bool:
    """Whether the tail of `ids` is one pattern said `repeats` times in a row.

    The pattern has from half of `ngram` (rounded up) to `ngram` tokens; `ngram` 0 finds none.
    """
    if not ngram:
        return False
    for length in range((ngram + 1) // 2, ngram + 1):
        tail = ids[-length * repeats :]
        chunks = [tuple(tail[start : start + length]) for start in range(0, len(tail), length)]
        if len(chunks) == repeats and all(a == b for a, b in pairwise(chunks)):
            return True
    return False


def loop_across(ids: Sequence[int], start: int, ngram: int, repeats: int) -> int | None:
    """The least length above `start` at which `ids` ends in a loop that began before `start`.

    None where there is none. An engine that was asked to go on from `start` sees only what it wrote
    itself.
    """
    reach = ngram * repeats
    for end in range(start + 1, min(len(ids), start + reach) + 1):
        if is_loop(ids[max(0, end - reach) : end], ngram, repeats):
            return end
    return None
