"""What the tokens of a run cost where somebody sends a bill for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from engines.token_price import TokenPrice
from engines.traits import Traits, traits_of
from search.core import Spent
from search.driver import Searched
from treewright.config.config import Config
from treewright.ledger import Account, Ledger, by_size, known

Bill: TypeAlias = float | None
"""In the currency of the prices; None where a count or a price is unknown."""


@dataclass(frozen=True)
class Tariff:
    """The prices of the sides that have one; None: of several that are counted together."""

    sides: Mapping[str, TokenPrice | None] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config) -> Tariff:
        """What a config says of it."""
        parts = {"policy": traits_of(config.policy), "verifier": traits_of(config.scorer)}
        return cls(
            {
                side: None if shared(part) else price
                for side, part in parts.items()
                if (price := priced(part))
            }
        )

    def bills(self, ledger: Ledger) -> dict[str, Bill]:
        """What each side that has a price cost in all."""
        accounts = {"policy": ledger.policy, "verifier": ledger.verifier}
        return {side: self._account(side, accounts[side]) for side in self.sides}

    def by_size(self, search: Searched) -> tuple[tuple[Bill, Bill], ...]:
        """What the first n candidates and their judgements cost, by n, as `ledger.prices` has it.

        A side without a price costs nothing.
        """
        return by_size(
            search,
            lambda spent: self.cost("policy", spent),
            lambda spent: self.cost("verifier", spent),
        )

    def cost(self, side: str, spent: Spent) -> Bill:
        """Of one reply; of one that a cache had nobody knows it any more."""
        if side not in self.sides:
            return 0.0
        if not known(spent) or spent.recalled:
            return None
        cached = None if spent.untold else spent.cached
        return self._of(side, spent.prompt, cached, spent.generated)

    def _account(self, side: str, account: Account) -> Bill:
        return self._of(side, account.prompt, account.cached, account.generated)

    def _of(self, side: str, prompt: int | None, cached: int | None, generated: int | None) -> Bill:
        price = self.sides[side]
        return None if price is None else price.of(prompt, cached, generated)


def priced(part: Traits) -> TokenPrice | None:
    """The price of its tokens, or of those of the first in it that has one; None without any."""
    billed = (each.engine.billed for _, each in part.engines() if each.engine)
    return next((price for price in billed if price), None)


def shared(part: Traits) -> bool:
    """Whether several within it have tokens, which are counted together and cost differently."""
    return (
        sum(each.most_tokens != 0 or each.engine is not None for each in part.within.values()) > 1
    )
