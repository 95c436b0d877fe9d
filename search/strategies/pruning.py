"""Why each drawn path was given up that no candidate continues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.core import Candidate, Prefix, Pruned, Result, place_id
from search.limit import LimitReached


def finished_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that have an answer before those that have none, each in the order given."""
    return sorted(candidates, key=lambda candidate: not candidate.path.finished)


def result(
    candidates: Sequence[Candidate],
    given_up: Mapping[Prefix, str],
    limit: LimitReached | None = None,
) -> Result:
    """The result with `candidates`, finished first; `limit` is what ended the search, if any did.

    `given_up` holds the leaves that the search left behind and why, in that order. A path whose
    every continuation was given up is named too, after them: the searches that call this draw one
    step at a time, so each ancestor of a leaf was drawn. The root was not: it is left out of both.
    """
    drawn = [candidate for candidate in candidates if candidate.path.place]
    kept = {place for candidate in drawn for place in candidate.path.line}
    left = {path: why for path, why in given_up.items() if path.place and path.place not in kept}
    reasons = {path.place: why for path, why in left.items()}
    for place in [above for path in left for above in path.line[1:]]:
        if place not in kept:
            reasons.setdefault(place, "all its continuations were given up")
    return Result(
        tuple(finished_first(drawn)),
        tuple(Pruned(place_id(place), why) for place, why in reasons.items()),
        limit,
    )


def reached(name: str, limit: int, *, still_open: bool) -> LimitReached | None:
    """The limit of its own that ended a search while a path was `still_open`."""
    return LimitReached(name, limit, limit) if still_open else None
