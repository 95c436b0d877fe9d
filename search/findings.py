"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

UNMEASURED = "the template works; no question is here to be measured"


class Health(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """It can run, but slowly, or not as meant."""
    FAIL = "fail"
    """It cannot run."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`: what was looked at, what was found, and what to do about it."""

    check: str
    health: Health
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Health.OK, found)


def warn(check: str, found: str, advice: str) -> Finding:
    """It will run, but."""
    return Finding(check, Health.WARN, found, advice)


def fail(check: str, found: str, advice: str) -> Finding:
    """It will not run."""
    return Finding(check, Health.FAIL, found, advice)
