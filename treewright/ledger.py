"""What a run spent, policy and verifier apart, from the replies themselves.

A call with a prompt of no token is one that nobody counted: that of a completion which came from
elsewhere, or of an API that says nothing of its tokens. What it cost is unknown (None), and so is
every sum that it is part of. So is what was cached where a server does not tell (`Spent.untold`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TypeAlias, TypeVar

from search.core import Candidate, Spent, place_id, total
from search.driver import Searched
from search.wording import amount, counted

N = TypeVar("N", int, float)
Price: TypeAlias = tuple[int | None, int | None]
"""Tokens of policy and verifier, prompt not cached plus generated; None: unknown.

What a cache over runs had is priced as when it was made: no arm is cheaper for another run's sake.
"""


@dataclass(frozen=True, slots=True)
class Account:
    """Exact token counts of one side.

    `cached` is part of `prompt`. Parts of `generated`: `failed` came to nothing, `pruned` lies on
    paths that no candidate continues, `duplicate` on candidates that say what an earlier one of the
    same problem said. What a cache over runs had is in none of these: `recalled` replies, and the
    tokens `saved` by that. None: unknown.
    """

    calls: int
    prompt: int | None
    cached: int | None
    generated: int | None
    failed: int | None
    pruned: int | None
    duplicate: int | None
    recalled: int = field(default=0, kw_only=True)
    saved: int | None = field(default=0, kw_only=True)

    @property
    def whole(self) -> int | None:
        """All that was read and written."""
        return sum_known((self.prompt, self.generated))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Both sides' accounts.

    That of a run has also what was spent on problems that failed (`treewright.running.wasted`), and
    not yet what was spent on those that are still to be searched.
    """

    policy: Account
    verifier: Account

    @classmethod
    def of(cls, searches: Sequence[Searched]) -> Ledger:
        """The sum over searches."""
        return cls(
            account([(search.costs.policy, search.result.candidates) for search in searches]),
            account([(search.costs.verifier, search.result.candidates) for search in searches]),
        )

    @classmethod
    def sum(cls, ledgers: Sequence[Ledger]) -> Ledger:
        """Part by part; what is unknown in one is unknown in the sum."""
        return cls(
            summed([each.policy for each in ledgers]), summed([each.verifier for each in ledgers])
        )


def account(searches: Sequence[tuple[Mapping[str, Spent], Sequence[Candidate]]]) -> Account:
    """Sum one side's spendings. Each search is its costs by path id, and its candidates."""
    every = [each for costs, _ in searches for each in costs.values()]
    spent = total(every)
    pruned = duplicate = 0
    for costs, candidates in searches:
        kept = {place_id(place) for candidate in candidates for place in candidate.path.line}
        copies = duplicates(candidates)
        pruned += sum(each.generated for path, each in costs.items() if path not in kept)
        duplicate += sum(each.generated for path, each in costs.items() if path in copies)
    prompt = spent.prompt if all(map(known, every)) else None
    cached = None if prompt is None or spent.untold else spent.cached
    told = all(known(each) or each.generated for each in every)
    made = [spent.generated, spent.failed, pruned, duplicate] if told else [None] * 4
    return Account(spent.calls, prompt, cached, *made, recalled=spent.recalled, saved=spent.saved)


def summed(accounts: Sequence[Account]) -> Account:
    """Part by part; what is unknown in one is unknown in the sum."""
    names = [part.name for part in fields(Account)]
    sums = {name: sum_known(getattr(each, name) for each in accounts) for name in names}
    calls, recalled = sums.pop("calls") or 0, sums.pop("recalled") or 0
    return Account(calls=calls, recalled=recalled, **sums)


REPLIES = {"policy": "draw", "verifier": "judgement"}
"""What a reply of each side is called."""


def from_a_cache(side: str, recalled: int, saved: int | None) -> str:
    """What a cache over runs had, in words: `12 judgements from the cache, 3,456 tokens saved`."""
    return f"{counted(recalled, REPLIES[side])} from the cache, {amount(saved)} tokens saved"


def sum_known(parts: Iterable[N | None]) -> N | None:
    """The sum, None where a part is unknown."""
    found: N = 0
    for part in parts:
        if part is None:
            return None
        found += part
    return found


def known(spent: Spent) -> bool:
    """Whether what a reply cost is known; where no model was asked it is nothing."""
    return spent.prompt > 0 or spent.calls == 0


def duplicates(candidates: Sequence[Candidate]) -> set[str]:
    """The ids of candidates that say what an earlier candidate says: its tokens.

    Of those that have none, because a service gave texts alone, the text.
    """
    seen: set[tuple[int, ...] | str] = set()
    copies = set()
    for candidate in candidates:
        said = candidate.path.token_ids or candidate.path.text
        if said in seen:
            copies.add(candidate.path.id)
        seen.add(said)
    return copies


def prices(search: Searched) -> tuple[Price, ...]:
    """What the first n candidates and their judgements cost, by n from 0 to all.

    Where candidates share work with pruned paths, every n costs the whole search.
    """
    return by_size(search, cost, cost)


def by_size(
    search: Searched, policy: Callable[[Spent], N | None], verifier: Callable[[Spent], N | None]
) -> tuple[tuple[N | None, N | None], ...]:
    """The same of what a reply of each side is worth."""
    costs, candidates = search.costs, search.result.candidates
    if is_flat(search):
        drawn = _running(costs.policy, candidates, policy)
        return tuple(zip(drawn, _running(costs.verifier, candidates, verifier), strict=True))
    whole = sum_known(map(policy, costs.policy.values()))
    judged = sum_known(map(verifier, costs.verifier.values()))
    return ((whole, judged),) * (len(candidates) + 1)


def held_to(price: Price, tokens: int) -> Price:
    """Of what went beyond a hard budget the part within, shared out as the two sides spent."""
    total = sum_known(price)
    if total is None or total <= tokens:
        return price
    policy = round(tokens * (price[0] or 0) / total)
    return policy, tokens - policy


def is_flat(search: Searched) -> bool:
    """Whether all that was drawn is in candidates, so that a part of them costs less than all."""
    everyone = {candidate.path.id for candidate in search.result.candidates}
    return everyone.issuperset(search.costs.policy)


def cost(spent: Spent) -> int | None:
    """Tokens that it takes to have a reply (`Spent.cost`); None where unknown."""
    return spent.cost if known(spent) and not spent.untold else None


def _running(
    costs: Mapping[str, Spent],
    candidates: Sequence[Candidate],
    value: Callable[[Spent], N | None],
) -> Iterator[N | None]:
    """The sum over no candidate, the first one, the first two and so on; a path is paid once."""
    left = dict(costs)
    paid: N | None = 0
    yield paid
    for candidate in candidates:
        spent = left.pop(candidate.path.id, Spent())
        paid = sum_known((paid, value(spent)))
        yield paid
