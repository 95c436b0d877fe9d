"""A call to a policy that gets no reply."""

from __future__ import annotations

from search.core import Prefix, Spent
from search.ports import Failure, FailureKind


class Unusable(Exception):
    """Why there is no reply, what is to be done about it, and what was spent all the same."""

    def __init__(self, kind: FailureKind, message: str, spent: Spent | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.spent = spent or Spent()

    def after(self, spent: Spent) -> Unusable:
        """The same after so much was spent on the call before."""
        return Unusable(self.kind, str(self), spent + self.spent)

    def about(self, path: Prefix) -> Failure:
        """As the reply to a call about a path."""
        return Failure.about(path, self.kind, str(self), self.spent)
