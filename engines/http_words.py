"""What a server says, made fit to be shown: short, on one line, and without the key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

SHOWN = 300
"""Characters of a server's own words that are shown."""
REDACTED = "<redacted>"
SHORTEST_SECRET = 8
"""Characters; a shorter value would be found inside ordinary words and numbers. Servers of one's
own are often given such a key, `x` or `EMPTY`, and what they answer is not to be changed."""


class Hiding:
    """Takes a key out of whatever a server sends back."""

    def __init__(self, key: str | None) -> None:
        forms = set[str]()
        if key and len(key) >= SHORTEST_SECRET:
            forms = {key, json.dumps(key)[1:-1], repr(key)[1:-1], key.replace("'", "\\'")}
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """A text without the key, as it is or as a quoted text has it."""
        for form in self._forms:
            text = text.replace(form, REDACTED)
        return text

    def value(self, found: Any) -> Any:
        """What was read of a JSON text, which may spell a key by escapes."""
        if isinstance(found, str):
            return self.text(found)
        if isinstance(found, list):
            return [self.value(each) for each in found]
        if isinstance(found, dict):
            return {self.text(name): self.value(each) for name, each in found.items()}
        return found

    def read(self, text: str) -> Any:
        """What a JSON text says, without the key; None where it is none.

        The text is read first: a key may be a word of the format.
        """
        try:
            found = json.loads(text)
            spelled = any(form in text for form in self._forms)
            return self.value(found) if spelled or (self._forms and "\\" in text) else found
        except (ValueError, RecursionError):
            return None


def words(text: str, hiding: Hiding | None = None) -> str:
    """What an error says, of the shapes that servers have: OpenAI's, FastAPI's, or a plain text."""
    found = (hiding or Hiding(None)).read(text)
    if found is None:
        return "" if is_html(text) else shortened(text)
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return shortened(found if isinstance(found, str) else json.dumps(found))


def is_html(text: str) -> bool:
    """Whether a text begins with a tag; a hidden key looks like one."""
    start = text.lstrip()
    return start[:1] == "<" and not start.startswith(REDACTED)


def shortened(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text[: 4 * SHOWN].split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def elsewhere(headers: Mapping[str, str]) -> str:
    """Where a redirection leads to, its query left out, which may be a secret."""
    try:
        to = urlsplit(headers.get("location", ""))
        place = (
            f"{to.scheme}://{to.hostname}:{to.port}" if to.port else f"{to.scheme}://{to.hostname}"
        )
    except ValueError:
        return ""
    return shortened(f"{place if to.hostname else ''}{to.path}")


def wait(headers: Mapping[str, str]) -> float | None:
    """The seconds of a `retry-after`, or up to its date; None without one."""
    said = headers.get("retry-after", "").strip()
    if said.replace(".", "", 1).isdecimal():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except (ValueError, TypeError, OverflowError):
        return None
    zoned = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (zoned - datetime.now(UTC)).total_seconds())
