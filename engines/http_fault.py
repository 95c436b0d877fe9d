"""What may go wrong with a request over HTTP."""

from __future__ import annotations

from enum import StrEnum

AT_FAULT = (400, 413, 422)
"""Statuses that speak of the request alone: the same one would be answered so again. All others say
how it stands with the server, or with the account, which may change: a model is gone (404), the
money is spent (402)."""
TOO_LARGE = 413
"""A smaller request may be served."""


class Trouble(StrEnum):
    """Why there is no answer."""

    UNREACHABLE = "unreachable"
    """No connection, or one that broke: the server may be dead."""
    BUSY = "busy"
    """It cannot now: 429, 5xx."""
    GARBLED = "garbled"
    """It answered what is no answer: half of one, HTML, JSON of another shape."""
    REFUSED = "refused"
    """It does not serve this request as things stand: 400, 404, 413, 422, a redirection."""
    UNAUTHORISED = "unauthorised"
    """The key is wrong, may not do this, or is not paid for: 401, 402, 403."""


class HttpFault(Exception):
    """A request without an answer. One line: the address, what, and the server's own words."""

    def __init__(
        self, trouble: Trouble, message: str, *, status: int = 0, wait_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.status = status
        """What the server answered with; 0 where it did not."""
        self.wait_s = wait_s
        """How long it asks to be left alone, in seconds; None where it says nothing."""

    @property
    def passing(self) -> bool:
        """Whether the same request may be served another time."""
        return self.status not in AT_FAULT


def trouble_of(status: int) -> Trouble:
    """What a status that is not 200 says."""
    if status in (401, 402, 403):
        return Trouble.UNAUTHORISED
    if status in (408, 409, 425, 429) or status >= 500:
        return Trouble.BUSY
    return Trouble.REFUSED if status >= 300 else Trouble.GARBLED
