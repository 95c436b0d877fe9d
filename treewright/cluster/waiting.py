"""The calls of a pool that wait for a replica, and whose turn it is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from treewright.cluster.slot import Ticket

Searched: TypeAlias = tuple[str, str]
"""Whose search a call belongs to: the name of its run's prefix cache, and the problem's id."""
FAIR_EVERY = 4
"""Of so many calls that go out, one is that of the search whose turn it is."""


class Waiting:
    """Calls go in the order of asking; but every fourth is of the search whose turn it is.

    In the order of asking, searches that were begun first end first, and the other side has
    something to do early. By turns, one that begins late starves behind none, however many calls
    the others have: with `s` searches it waits for four times `s` calls at most.
    """

    def __init__(self) -> None:
        self._calls: OrderedDict[int, Ticket] = OrderedDict()
        self._searches: OrderedDict[Searched, OrderedDict[int, Ticket]] = OrderedDict()
        self._taken = 0

    def add(self, ticket: Ticket) -> None:
        """Let it wait for its turn."""
        self._calls[ticket.id] = ticket
        self._searches.setdefault(searched(ticket), OrderedDict())[ticket.id] = ticket

    def add_first(self, tickets: Sequence[Ticket]) -> None:
        """Let these, whose replica died, go before all others, in this order."""
        for ticket in reversed(tickets):
            self.add(ticket)
            self._calls.move_to_end(ticket.id, last=False)
            self._searches[searched(ticket)].move_to_end(ticket.id, last=False)

    def first(self) -> Ticket | None:
        """Who goes next; None where nobody waits. Calls that were answered are forgotten."""
        while self._calls:
            ticket = self._next()
            if not ticket.answer.done():
                return ticket
            self._remove(ticket)
        return None

    def take(self) -> Ticket:
        """Take out the one that goes next; its search has the last turn from now on."""
        ticket = self._next()
        self._remove(ticket)
        if (search := searched(ticket)) in self._searches:
            self._searches.move_to_end(search)
        self._taken += 1
        return ticket

    def clear(self) -> list[Ticket]:
        """Take out all."""
        tickets = list(self)
        self._calls.clear()
        self._searches.clear()
        return tickets

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Ticket]:
        return iter(self._calls.values())

    def _next(self) -> Ticket:
        by_turn = self._taken % FAIR_EVERY == FAIR_EVERY - 1
        calls = next(iter(self._searches.values())) if by_turn else self._calls
        return next(iter(calls.values()))

    def _remove(self, ticket: Ticket) -> None:
        del self._calls[ticket.id]
        calls = self._searches[searched(ticket)]
        del calls[ticket.id]
        if not calls:
            del self._searches[searched(ticket)]


def searched(ticket: Ticket) -> Searched:
    """Whose search this call belongs to."""
    return ticket.call.cache, ticket.call.path.problem.id
