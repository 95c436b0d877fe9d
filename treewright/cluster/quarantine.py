"""Finding the call that kills replicas, among those that were in flight when one died.

All of them become suspects. They are tried again apart from other calls, in at most `GROUPS`
groups, one group at a time: with few suspects each is alone. A group that survives is innocent; one
that dies is divided again and its parts come next; a single call that dies has killed twice and is
the poison.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from treewright.cluster.slot import Slot, Ticket

GROUPS = 8
"""Eight trials clear 64 innocents, where one by one would take 64. A poison among them costs a
third replica; among eight or fewer it costs two."""


class Quarantine:
    """The suspects that wait, and the slot that is set apart to try them."""

    def __init__(self) -> None:
        self.ward: Slot | None = None
        """Set apart: it gets no other calls, and the next group as soon as it is empty."""
        self._groups: deque[list[Ticket]] = deque()
        self._on_trial = False
        self._convicted: set[str] = set()
        """Problems one of whose calls was found to kill."""

    def next_trial(self, slots: Sequence[Slot]) -> list[Ticket]:
        """The group to be sent to the ward now; empty when there is none, or the ward is busy.

        Args:
            slots: those that have a replica, one of which becomes the ward when there is none.
        """
        self._forget_answered()
        if self.ward is None and self._groups and slots:
            self.ward = min(slots, key=lambda slot: slot.load)
        if self.ward is None or self.ward.load:
            return []
        self._on_trial = bool(self._groups)
        if not self._groups:
            self.ward = None
            return []
        return self._groups.popleft()

    def tries(self, slot: Slot) -> bool:
        """Whether suspects are in flight at this slot, and nothing else."""
        return slot is self.ward and self._on_trial and slot.load > 0

    def died(self, slot: Slot, tickets: Sequence[Ticket], *, tried: bool) -> Ticket | None:
        """Take in what was in flight at a dead replica; returns the culprit if it is found."""
        if slot is self.ward:
            self.ward, self._on_trial = None, False
        if tried and len(tickets) == 1:
            return tickets[0]
        parts = divided(tickets)
        if tried:  # its other calls wait no longer than it takes to find the one
            self._groups.extendleft(reversed(parts))
        else:
            self._groups.extend(parts)
        return None

    def blames_replica(
        self, tickets: Sequence[Ticket], culprit: Ticket | None, *, tried: bool
    ) -> bool:
        """Whether a death counts against the replica: of what was in flight and who did it.

        A trial that ends so is not the replica's fault, nor is a problem that was convicted before:
        only the first conviction of each problem counts, so that a machine on which every call dies
        is given up.
        """
        if not tried:
            return not any(ticket.call.path.problem.id in self._convicted for ticket in tickets)
        problem = culprit.call.path.problem.id if culprit else None
        if problem is None or problem in self._convicted:
            return False
        self._convicted.add(problem)
        return True

    def release(self) -> list[Ticket]:
        """Take out all who wait."""
        waiting = [ticket for group in self._groups for ticket in group]
        self._groups.clear()
        return waiting

    def __len__(self) -> int:
        return sum(map(len, self._groups))

    def _forget_answered(self) -> None:
        """Nobody waits for a cancelled call."""
        kept = ([t for t in group if not t.answer.done()] for group in self._groups)
        self._groups = deque(group for group in kept if group)


def divided(suspects: Sequence[Ticket]) -> list[list[Ticket]]:
    """The suspects in at most `GROUPS` groups of one size."""
    size = -(-len(suspects) // GROUPS) or 1
    return [list(suspects[start : start + size]) for start in range(0, len(suspects), size)]
