"""How a policy words the failure of a call."""

from __future__ import annotations

from search.core import Path
from search.ports import Failure, FailureKind

ENDED = "it has ended and cannot be extended"


def failure(kind: FailureKind, path: Path, message: str) -> Failure:
    """A failure in one line that says which path it is about."""
    where = f"problem {path.problem.id}, path {path.id or 'root'}"
    return Failure(kind, " ".join(f"{where}: {message}".split()))
