"""Tables of arms in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from treewright.terminal import line

PLAIN_WIDTH = 120
"""Columns where there is no terminal to ask."""


def console(width: int = PLAIN_WIDTH) -> Console:
    """On stdout, as wide as the terminal; `width` where there is none."""
    return Console(width=None if sys.stdout.isatty() else width)


def table(columns: Mapping[str, bool], title: str) -> Table:
    """An empty one; each column is of words (True) or of numbers."""
    made = Table(title=Text(line(title), style="bold"), title_justify="left")
    for name, words in columns.items():
        made.add_column(Text(line(name)), justify="left" if words else "right")
    return made
