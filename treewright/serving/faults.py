"""What a request gets instead of an answer: an OpenAI error object with its HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from search.ports import Failure, FailureKind
from treewright.hiding import hide
from treewright.serving.deadline import Deadline

INVALID = "invalid_request_error"
SERVER = "server_error"
ONCE = {"x-should-retry": "false"}
"""The OpenAI clients ask again after any 5xx: the same search would cost the same, and end so."""


@dataclass
class ApiFault(Exception):
    """One fault of one request. `code` is stable, for programs; `message` is one line, for people.

    `param` names the field at fault, None where it is none's.
    """

    status: int
    code: str
    message: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message

    @property
    def body(self) -> dict[str, object]:
        """The object that the OpenAI clients read. No secret is in it."""
        kind = INVALID if self.status < 500 else SERVER
        if self.status == 429:
            kind = "rate_limit_error"
        told = hide(" ".join(self.message.split()))
        return {"error": {"message": told, "type": kind, "param": self.param, "code": self.code}}


def bad(param: str | None, message: str, code: str = "invalid_value") -> ApiFault:
    """A request that cannot be answered as it is."""
    return ApiFault(400, code, message if param is None else f"{param}: {message}", param)


def unknown_model(name: str, hint: str) -> ApiFault:
    """There is no such model here."""
    return ApiFault(
        404, "model_not_found", f"model: {name!r} is none of this server; {hint}", "model"
    )


def full(waiting: int, seconds: float) -> ApiFault:
    """The queue is full; `seconds` is when a place may be free."""
    wait = max(1, ceil(seconds))
    message = f"{waiting} questions wait already; ask again in {wait} s"
    return ApiFault(429, "queue_full", message, headers={"retry-after": str(wait)})


def draining() -> ApiFault:
    """The server is being stopped."""
    return ApiFault(
        503, "draining", "the server is being stopped; ask another", headers={"retry-after": "30"}
    )


def unkept() -> ApiFault:
    """The question's run cannot be written."""
    return ApiFault(500, "not_recorded", "the run cannot be written; the server says why")


def late(deadline: Deadline) -> ApiFault:
    """The deadline passed and there is nothing to give."""
    if deadline.why != "deadline":
        return draining()
    told = f"deadline_s: {deadline.seconds:g} s passed before anything was found; give more time"
    return ApiFault(504, "deadline_exceeded", told, "deadline_s", ONCE)


def failed(failure: Failure) -> ApiFault:
    """A search without a result."""
    if failure.kind is FailureKind.INVALID:
        return bad("messages", failure.message, "prompt_refused")
    if failure.kind is FailureKind.UNAVAILABLE:
        return ApiFault(503, "engines_unavailable", failure.message, headers={"retry-after": "10"})
    return ApiFault(500, "search_failed", failure.message, headers=ONCE)
