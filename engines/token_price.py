"""What tokens cost where somebody sends a bill for them."""

from __future__ import annotations

from dataclasses import dataclass

from search.checks import check_number

MILLION = 1_000_000


@dataclass(frozen=True)
class TokenPrice:
    """What a million tokens cost, in the currency of the bill."""

    prompt: float = 0.0
    """Of those that are read."""
    cached: float | None = None
    """Of those of them that were cached; null: as the others."""
    generated: float = 0.0
    """Of those that are written."""

    def __post_init__(self) -> None:
        check_number("prompt", self.prompt)
        check_number("generated", self.generated)
        if self.cached is not None:
            check_number("cached", self.cached)

    def of(self, prompt: int | None, cached: int | None, generated: int | None) -> float | None:
        """What so many tokens cost, None where a count that matters is unknown."""
        if prompt is None or generated is None:
            return None
        if self.cached is None or self.cached == self.prompt:
            read = prompt * self.prompt
        elif cached is None:
            return None
        else:
            read = (prompt - cached) * self.prompt + cached * self.cached
        return (read + generated * self.generated) / MILLION
