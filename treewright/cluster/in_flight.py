"""How many problems are searched at once, and how many calls a replica has: none shall be idle."""

from __future__ import annotations

import math

from engines.traits import Part, Traits, traits_of
from search.questions import Declared, Strategy
from treewright.cluster.config import ClusterConfig

SPARE = 2.0
"""So many times what the engines compute is in flight: searches wait at their slowest paths, and at
times most of what is in flight is on one side."""
UNKNOWN = 16
"""Problems per replica, of the side with more of them, where nobody knows what an engine takes."""
LEAST = 2
"""While one is graded, another is searched."""
LEAST_CALLS = 256
"""At a replica. What small engines do not compute yet costs nothing there, and is where it begins
the moment there is room."""
NEXT = 8
"""One call more for each so many, so that an engine never waits for the next."""


def in_flight(config: ClusterConfig, policy: Part, scorer: Part, strategy: Strategy) -> int:
    """How many problems are searched at once: what the config says, or as many as fill all engines.

    Those have room for `max_num_seqs` requests on each replica, of the policy and, if it is asked,
    of the scorer; a search has as many in flight as its strategy says. A side that does not say how
    much it takes, an API for one, is not counted.
    """
    if config.problems_in_flight is not None:
        return config.problems_in_flight
    sides = [(policy, config.policy_replicas)]
    if strategy.judges:
        sides.append((scorer, config.scorer_replicas))
    known = [slots * replicas for part, replicas in sides if (slots := slots_of(traits_of(part)))]
    if not known:
        return UNKNOWN * max(replicas for _, replicas in sides)
    return max(LEAST, math.ceil(SPARE * sum(known) / at_once(strategy)))


def at_once(strategy: Strategy) -> int:
    """How many calls one search has in flight: as it says, or as many as it has candidates."""
    said = Declared.of(strategy).at_once
    return max(1, min(strategy.candidates, strategy.draws) if said is None else said)


def slots_of(traits: Traits) -> int | None:
    """How many calls one replica computes side by side; None where nobody knows.

    Each call of a part made of several goes to all of their engines: the smallest counts.
    """
    engines = [each.engine.slots for _, each in traits.engines() if each.engine]
    known = [slots for slots in engines if slots is not None]
    return (min(known) if len(known) == len(engines) else None) if engines else traits.slots


def calls_at_once(config: ClusterConfig, room: int | None) -> int:
    """How many calls one replica has at once, where it computes `room` side by side.

    Where replicas take turns it has hardly more than it computes: what waits in one that is awake
    could not be asked of another that wakes, and would have to be ended before it sleeps.
    """
    said = config.calls_in_flight
    if room is None:
        return LEAST_CALLS if said is None else said
    full = room + max(1, room // NEXT)
    if config.elastic:
        return full if said is None else min(said, full)
    return max(LEAST_CALLS, full) if said is None else said
