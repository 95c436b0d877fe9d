"""OpenAI's endpoints take four stop strings; vLLM's take no more at these paths."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, takewhile

MOST = 4


def few(stops: Sequence[str]) -> list[str]:
    """At most four strings, of which each of these stops ends with one.

    Those with the longest common ending become that ending. So a generation may pause where none of
    `stops` is whole: who asks for it looks for a boundary anyway, and goes past a pause that is
    none. Raises ValueError for more than four without common endings.
    """
    left = list(dict.fromkeys(stops))
    while len(left) > MOST:
        one, other = max(combinations(left, 2), key=lambda pair: len(ending(*pair)))
        shared = ending(one, other)
        if not shared:
            raise ValueError(f"{len(left)} stop strings have no common endings, {MOST} are taken")
        left = [shared, *(stop for stop in left if not stop.endswith(shared))]
    return left


def ending(one: str, other: str) -> str:
    """The longest text that both end with."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one[::-1], other[::-1], strict=False))
    return "".join(character for character, _ in same)[::-1]
