"""Where a call belongs (its key) and what it asks (its digest).

How the journal finds a reply again.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from urllib.parse import quote

from search.core import Feedback, Prefix
from search.ports import PolicyCall, ScorerCall


def policy_key(call: PolicyCall) -> str:
    """The place of a policy call; it is unique within a run."""
    greedy = "/greedy" if call.greedy else ""
    return f"policy/{_path_key(call.path)}/{call.child}/{call.until}{greedy}"


def scorer_key(call: ScorerCall, said: str = "") -> str:
    """What a scorer call is about: paths that say the same have one key.

    `said` is the content of its path, where that is known already.
    """
    return f"scorer/{_quoted(call.path.problem.id)}/{said or content(call.path)}"


def content(path: Prefix) -> str:
    """A hash of the problem and of all steps of the path, wherever in the tree it is."""
    return _digest("content", path.problem.id, path.problem.question, _step_parts(path))


def policy_digest(call: PolicyCall) -> str:
    """A hash of everything in the call."""
    told = (call.child, call.until.value, call.seed, call.greedy)
    shown = () if call.feedback is None else _feedback_parts(call.feedback)
    return _digest("policy", *_path_parts(call.path), *told, *shown)


def scorer_digest(call: ScorerCall, said: str = "") -> str:
    """A hash of everything in the call but the place of its path; `said` as for `scorer_key`."""
    return _digest("scorer", said or content(call.path), call.seed)


def clock_key(reading: Sequence[str]) -> str:
    """The place of a reading of a search's clock, of the parts of its name."""
    return "/".join(["clock", *map(_quoted, reading)])


def _path_key(path: Prefix) -> str:
    return f"{_quoted(path.problem.id)}/{path.id}"


def _quoted(name: str) -> str:
    return quote(name, safe="", errors="surrogatepass")


def _feedback_parts(feedback: Feedback) -> tuple[object, ...]:
    verdicts = tuple(
        (verdict.probability, verdict.status.value, verdict.critique)
        for verdict in feedback.judgement.verdicts
    )
    return (_path_parts(feedback.attempt), verdicts, feedback.judgement.prefix)


def _path_parts(path: Prefix) -> tuple[object, ...]:
    return (path.problem.id, path.problem.question, path.place, _step_parts(path))


def _step_parts(path: Prefix) -> tuple[object, ...]:
    return tuple((step.text, step.token_ids, step.stop.value) for step in path.steps)


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
