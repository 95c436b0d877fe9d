"""The guard that ends a generation which repeats itself."""

from __future__ import annotations

from dataclasses import dataclass

from search.checks import check_count


@dataclass(frozen=True)
class LoopGuard:
    """Ends a solution whose last words, up to `ngram` tokens, were said `repeats` times in a row.

    Its stop reason is `LOOP`: it is not finished. `ngram` 0 turns the guard off.
    """

    ngram: int = 40
    repeats: int = 4

    def __post_init__(self) -> None:
        check_count("ngram", self.ngram, least=0, hint="0 turns the guard off")
        check_count("repeats", self.repeats, least=2)
