"""What was paid for and is in no result: the ledger has it, as tokens that came to nothing.

That is all of a problem that failed, and of a search that went on without a reply that failed: once
that is had, what followed is asked anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, replace

from search.core import Spending, Spent
from treewright.journal.journal import Journal
from treewright.ledger import Account, Ledger, account, summed


def lost(journal: Journal, booked: Mapping[str, Spending], failed: Collection[str]) -> Spending:
    """What replies on these problems cost beyond what is booked.

    Args:
        journal: of the run, which may hold other problems too.
        booked: by problem id what its search spent, of all that may have lost a reply
            (`Journal.failed`) and have a result.
        failed: the ids of problems without a result.

    Raises:
        JournalError: a record cannot be read any more.
    """
    paid = journal.spent_on({*failed, *booked})
    known = sum(booked.values(), Spending())
    return Spending(_beyond(paid.policy, known.policy), _beyond(paid.verifier, known.verifier))


def with_lost(ledger: Ledger, spent: Spending) -> Ledger:
    """The ledger with what was lost."""
    return Ledger(
        summed([ledger.policy, _failed(spent.policy)]),
        summed([ledger.verifier, _failed(spent.verifier)]),
    )


def _beyond(paid: Spent, booked: Spent) -> Spent:
    return Spent(*(one - other for one, other in zip(astuple(paid), astuple(booked), strict=True)))


def _failed(spent: Spent) -> Account:
    """An account on which all that was generated came to nothing."""
    whole = account([({"": spent}, ())])
    return replace(whole, failed=whole.generated, pruned=0)
