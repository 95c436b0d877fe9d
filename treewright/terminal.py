"""Text that others wrote, made harmless before it reaches a terminal."""

from __future__ import annotations

import unicodedata

KEPT = frozenset("\n\t")
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
"""Unicode categories that steer a terminal or reorder what is read: controls (ESC and with it every
ANSI and OSC sequence), formats (bidi overrides, zero-width signs), surrogates, separators; and the
unassigned."""


def clean(text: str) -> str:
    r"""Model or data text as a terminal may show it: unsafe characters become visible (`\x1b`).

    Newlines and tabs stay. Letters, emoji and combining marks stay. Markup of `rich` is not its
    concern: print the result as `rich.text.Text`, or with `markup=False`.
    """
    return "".join(map(_visible, text))


def line(text: str) -> str:
    """`clean` text on one line: runs of white space become one space."""
    return clean(" ".join(text.split()))


def _visible(character: str) -> str:
    if character in KEPT or unicodedata.category(character) not in UNSAFE:
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
