"""`${oc.env:NAME,default}`: what a config reads of the environment, and that secrets are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from treewright.config.redaction import SECRET_VARIABLE
from treewright.hiding import keep_secret

RUNS = "TREEWRIGHT_RUNS"
"""What Treewright's defaults read: where runs are written."""
OUTPUT_DIR = f"${{oc.env:{RUNS},runs}}"
_open = True
_UNSAID = "_DEFAULT_MARKER_"


@contextmanager
def closed() -> Iterator[None]:
    """Inside the block a config reads nothing of the environment."""
    global _open
    before, _open = _open, False
    try:
        yield
    finally:
        _open = before


def variable(name: str, default: object = _UNSAID) -> str | None:
    """The value of a variable, a secret from then on if its name says so; else the default.

    As OmegaConf's own resolver does it. Raises ValueError where the environment is closed, KeyError
    for a variable that is not there.
    """
    if not _open and name != RUNS:
        raise ValueError(
            f"reads {name} of the environment, which a run's folder may not without --trust"
        )
    if name in os.environ:
        value = os.environ[name]
        if SECRET_VARIABLE.search(name):
            keep_secret(value)
        return value
    if default is _UNSAID or default == _UNSAID:
        raise KeyError(f"Environment variable '{name}' not found")
    return None if default is None else str(default)
