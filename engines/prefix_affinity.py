"""Which of several servers knows the beginning of a prompt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

BLOCK = 32
"""Tokens in a block; what a server keeps it keeps in blocks of this order."""
REMEMBERED = 1 << 16
"""Blocks that are remembered of one server: those of the prompts that it was asked last."""


class Known:
    """The prompts that one server was asked, in blocks; the oldest are forgotten."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[int, None] = OrderedDict()

    def length(self, blocks: Sequence[int]) -> int:
        """How many of the first blocks of a prompt it was asked before."""
        for count, block in enumerate(blocks):
            if block not in self._blocks:
                return count
        return len(blocks)

    def add(self, blocks: Sequence[int]) -> None:
        """It is asked a prompt of these blocks."""
        for block in blocks:
            self._blocks[block] = None
            self._blocks.move_to_end(block)
        while len(self._blocks) > REMEMBERED:
            self._blocks.popitem(last=False)

    def clear(self) -> None:
        """It has forgotten everything."""
        self._blocks.clear()


def blocks(prompt: Sequence[int], cache: str) -> list[int]:
    """One number for each whole block of a prompt, that tells all up to its end."""
    return list(_chained(prompt, hash(cache)))


def _chained(prompt: Sequence[int], before: int) -> Iterator[int]:
    for end in range(BLOCK, len(prompt) + 1, BLOCK):
        before = hash((before, *prompt[end - BLOCK : end]))
        yield before
