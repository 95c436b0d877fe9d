"""The files of a run that are named after a problem."""

from __future__ import annotations

from hashlib import blake2b
from urllib.parse import quote

LONGEST = 160
"""Characters of a problem's id in a file's name."""


def file_name(problem_id: str, suffix: str) -> str:
    """The name of a problem's file: its id with what a file system minds as %XX.

    What would not stay apart by that ends in a hash: long ids, and those with capitals, since a
    disk may take `Aa` and `aa` for one.
    """
    name = quote(problem_id, safe="", errors="surrogatepass")
    if len(name) > LONGEST or problem_id != problem_id.lower():
        name = f"{name[:LONGEST]}-{blake2b(name.encode(), digest_size=8).hexdigest()}"
    return f"{name}{suffix}"
