"""Finding the call that kills replicas, among those that were in flight when some died.

One death makes no suspect: its calls are asked again at once. A call that was there at two deaths
which nothing else explains is a suspect. Suspects are tried again apart from other calls, in at
most `GROUPS` groups, on replicas that are free: with few suspects each is alone. Who is answered is
innocent; a group whose replica dies is divided again and its parts come next; a call that was alone
with the last of three that died is the poison. Where replicas die by themselves as well, more is
asked of the proof.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from treewright.cluster.slot import Slot, Ticket

GROUPS = 8
"""Eight trials clear 64 innocents, where one by one would take 64."""
SUSPECT = 2
"""How many deaths make a suspect."""
CONVICTED = 3
"""How many deaths convict, where the call was alone at the last."""
HUNG = 2
"""As many where the last one hung: what hangs is alone by then, and each time costs minutes."""
MOST_ALONE = 4
"""How often a call must have been alone at a death at most: once, and once more for each death in
this pool that no suspect had a part in. A machine that dies by itself hardly meets it so often."""
BELIEVED = 5
"""From as many deaths on that Ray explained, a call is a suspect all the same."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a death says of the calls that were in flight.

    `again`: to be asked again at once. `blamed`: whether the replica itself is to blame.
    """

    culprit: Ticket | None
    again: list[Ticket]
    blamed: bool


class Quarantine:
    """The suspects that wait, and the slots that are set apart to try them."""

    def __init__(self) -> None:
        self._wards: dict[Slot, bool] = {}
        """Set apart: they get no other calls. Whether a group is in flight there by now."""
        self._groups: deque[list[Ticket]] = deque()
        self._convicted: set[str] = set()
        """Problems one of whose calls was found to kill."""
        self._fresh = 0
        """Deaths at which no call was in flight that had been at one before."""

    def wards(self) -> set[Slot]:
        """The slots that take no other calls."""
        return set(self._wards)

    def trials(self, ready: Sequence[Slot]) -> list[tuple[Slot, list[Ticket]]]:
        """The groups to be sent now, each with its ward.

        Args:
            ready: the slots that have a replica. Half of them may be wards, and always one. Those
                that are free become wards first; where none is, the least loaded is set apart.
        """
        self._forget_answered()
        for ward, tries in list(self._wards.items()):
            if not ward.load or not (tries or self._groups):
                del self._wards[ward]
        most = max(1, len(ready) // 2)
        sent: list[tuple[Slot, list[Ticket]]] = []
        for slot in sorted(ready, key=lambda slot: slot.load):
            if len(self._wards) >= most or not self._groups:
                break
            if slot.load and self._wards:  # one is enough to wait for
                break
            if slot not in self._wards:
                self._wards[slot] = not slot.load
                if not slot.load:
                    sent.append((slot, self._groups.popleft()))
        return sent

    def died(
        self, slot: Slot, tickets: Sequence[Ticket], *, explained: bool, hung: bool
    ) -> Findings:
        """Take in what was in flight at a dead replica.

        Args:
            slot: where it was.
            tickets: what was in flight.
            explained: its death has a cause that no call has a part in.
            hung: it did not die, but did not move.
        """
        tried = self._wards.pop(slot, False) and bool(tickets)
        known = any(ticket.deaths or self._is_convicted(ticket) for ticket in tickets)
        self._fresh += not explained and not known
        for ticket in tickets:
            ticket.losses += 1
            ticket.deaths += not explained or ticket.losses >= BELIEVED
            ticket.alone += len(tickets) == 1
        if explained and not any(ticket.losses >= BELIEVED for ticket in tickets):
            if tried:
                self._groups.appendleft(list(tickets))
            return Findings(None, [] if tried else list(tickets), blamed=True)
        if len(tickets) == 1 and self._proven(tickets[0], hung=hung):
            return Findings(tickets[0], [], self._convict(tickets[0]))
        if tried:  # its other calls wait no longer than it takes to find the one
            self._groups.extendleft(reversed(divided(tickets)))
            return Findings(None, [], blamed=False)
        blamed = not any(map(self._is_convicted, tickets))
        self._groups.extend(divided([each for each in tickets if each.deaths >= SUSPECT]))
        return Findings(None, [each for each in tickets if each.deaths < SUSPECT], blamed)

    def release(self) -> list[Ticket]:
        """Take out all who wait."""
        waiting = [ticket for group in self._groups for ticket in group]
        self._groups.clear()
        return waiting

    def __len__(self) -> int:
        return sum(map(len, self._groups))

    def _is_convicted(self, ticket: Ticket) -> bool:
        return ticket.call.path.problem.id in self._convicted

    def _proven(self, suspect: Ticket, *, hung: bool) -> bool:
        """Whether a call that was alone at this death is the cause; its own first one is fresh."""
        if hung:
            return suspect.deaths >= HUNG
        alone = min(MOST_ALONE, max(1, self._fresh))
        return suspect.deaths >= CONVICTED and suspect.alone >= alone

    def _convict(self, culprit: Ticket) -> bool:
        """Whether the replica is blamed all the same.

        It is by the first conviction of each problem, so that a machine on which every call dies is
        given up, and one problem that kills with every call uses no replica up.
        """
        problem = culprit.call.path.problem.id
        new = problem not in self._convicted
        self._convicted.add(problem)
        return new

    def _forget_answered(self) -> None:
        """Nobody waits for a cancelled call."""
        kept = ([t for t in group if not t.answer.done()] for group in self._groups)
        self._groups = deque(group for group in kept if group)


def divided(suspects: Sequence[Ticket]) -> list[list[Ticket]]:
    """The suspects in at most `GROUPS` groups of one size."""
    size = -(-len(suspects) // GROUPS) or 1
    return [list(suspects[start : start + size]) for start in range(0, len(suspects), size)]
