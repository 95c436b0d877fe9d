"""Secrets that this process has read, kept out of all text that leaves it.

A secret is a value, wherever it travels: it is told here when a config takes it from the
environment or says it under a secret's name, and is replaced in every file and on every stream,
in each of the ways in which it may be spelled.
"""

from __future__ import annotations

import html
import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

from engines.http_words import REDACTED, SHORTEST_SECRET

CUT = re.compile(r"(…|\.\.\.|\\u2026)")
"""Where a text was cut short: before it a secret may begin, after it one may end."""

_known: set[str] = set()
_pattern: re.Pattern[str] | None = None


def keep_secret(value: str) -> None:
    """From now on this value is replaced, however it is quoted; a short one is not."""
    global _pattern
    new = {form for form in _forms(value) if len(form) >= SHORTEST_SECRET} - _known
    if new:
        _known.update(new)
        longest_first = sorted(_known, key=len, reverse=True)
        _pattern = re.compile("|".join(map(re.escape, longest_first)))


def known_secrets() -> frozenset[str]:
    """Them, in each of their forms: for a process that is to keep them as well."""
    return frozenset(_known)


def hide(text: str) -> str:
    """The text without the secrets that are known, those that it was cut inside of included."""
    if _pattern is None:
        return text
    *cut, last = CUT.split(_pattern.sub(REDACTED, text))
    if not cut:
        return last
    shown = [_cut_out(before, at_end=True) for before in cut[::2]]
    rest = [_cut_out(after, at_end=False) for after in (*shown[1:], last)]
    return shown[0] + "".join(map("".join, zip(cut[1::2], rest, strict=True)))


def hide_in(value: Any) -> Any:
    """Plain data without them, keys included; a number that is one becomes a text."""
    if _pattern is None:
        return value
    if isinstance(value, dict):
        return {hide_in(key): hide_in(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [hide_in(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return REDACTED if str(value) in _known else value
    return hide(value) if isinstance(value, str) else value


@contextmanager
def hiding_streams() -> Iterator[None]:
    """While the block lasts, what is printed holds no secret that is known."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Hiding(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Hiding:
    """A stream that replaces secrets in what is written to it; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(hide(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _cut_out(piece: str, *, at_end: bool) -> str:
    """A piece without the beginning of a secret that it ends with, or the end that it begins with.

    The longest of these.
    """
    edge = piece[-SHORTEST_SECRET:] if at_end else piece[:SHORTEST_SECRET]
    for form in _known if len(edge) == SHORTEST_SECRET else ():
        for at in _places(form, edge, last_first=at_end):
            part = form[: at + SHORTEST_SECRET] if at_end else form[at:]
            if at_end and piece.endswith(part):
                return piece.removesuffix(part) + REDACTED
            if not at_end and piece.startswith(part):
                return REDACTED + piece.removeprefix(part)
    return piece


def _places(form: str, edge: str, *, last_first: bool) -> Iterator[int]:
    """Where a part of a secret stands in it."""
    at = form.rfind(edge) if last_first else form.find(edge)
    while at >= 0:
        yield at
        at = form.rfind(edge, 0, at + len(edge) - 1) if last_first else form.find(edge, at + 1)


def _forms(value: str) -> Iterator[str]:
    """The value as it is, trimmed, unquoted, its lines, and each as formats spell it."""
    bare = value.strip()
    said = [value, bare, bare.strip("\"'"), *bare.splitlines(), *_items(bare)]
    for each in {text.strip() for text in said if text.strip()}:
        yield each
        yield from (json.dumps(each)[1:-1], json.dumps(each, ensure_ascii=False)[1:-1])
        yield from (repr(each)[1:-1], each.replace("'", "''"))
        yield from (quote(each, safe=""), quote(each), quote_plus(each), html.escape(each))
        yield html.escape(each).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


def _items(text: str) -> list[str]:
    """What a list or a mapping in the value holds, as `oc.decode` gives it out."""
    if text[:1] not in "[{":
        return []
    return [part.strip(" \"'") for part in re.split(r"[,:\[\]{}\n]", text)]
