"""Under which key a reply lies: a hash of all of a call that can change it, and of whose it is.

A policy or a scorer of ours looks at what a path says and nothing else of its place: paths that say
the same share a reply, in whatever problem or run. One of somebody's own may look at all.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from search.core import Prefix
from search.ports import PolicyCall, ScorerCall, saying
from treewright.caching.identity import is_own
from treewright.caching.store import FORMAT, StoredPart
from treewright.journal.codec import Json, encode_judgement, encode_step, encode_text
from treewright.journal.records import dumps


def reply_key(part: StoredPart, call: PolicyCall | ScorerCall) -> bytes:
    """The key of the reply to a call, where no seed could change it."""
    own = is_own(part)
    told = _drawing(call, own) if isinstance(call, PolicyCall) else _judging(call, own)
    return sha256(dumps([FORMAT, part.identity, told])).digest()


def with_seed(key: bytes, seed: int) -> bytes:
    """The key of a reply that was sampled under a seed."""
    return sha256(key + str(seed).encode()).digest()


def _drawing(call: PolicyCall, own: bool) -> Json:
    shown = call.feedback
    return {
        **_path(call.path, own),
        **({"child": call.child} if own else {}),
        "until": call.until.value,
        "greedy": call.greedy,
        "feedback": None
        if shown is None
        else [_path(shown.attempt, own), encode_judgement(shown.judgement)],
    }


def _judging(call: ScorerCall, own: bool) -> Json:
    told = call.earlier
    earlier = None if told is None else [_path(told.path, own), encode_judgement(told.judgement)]
    more = call.further
    further = {"further": [more.drawn, encode_judgement(more.judgement)]} if more else {}
    return {**_path(call.path, own), "earlier": earlier, **further}


def _path(path: Prefix, own: bool) -> Json:
    question: Any = encode_text(path.problem.question)
    if path.problem.history:
        turns = [(turn.role, encode_text(turn.content)) for turn in path.problem.history]
        question = {"asked": question, "history": turns}
    if own:
        steps: list[Any] = [encode_step(step) for step in path.steps]
        problem = encode_text(path.problem.id)
        return {"question": question, "steps": steps, "problem": problem, "place": path.place}
    said = [(encode_text(text), ids, stop) for text, ids, stop in map(saying, path.steps)]
    return {"question": question, "steps": said}
