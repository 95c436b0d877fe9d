"""The command that goes on with a run, as hints spell it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from search.custom import is_import_path
from treewright.config.config import Config
from treewright.config.environment import RUNS
from treewright.config.kinds import SECTIONS, is_own_code, kind_of, sides

READS = re.compile(rf"\$\{{oc\.env:(?!{RUNS}\b)")
"""A value that is taken from the environment."""


def goes_on(folder: Path, config: Config) -> str:
    """That `treewright resume` goes on, with `--trust` where the config wants what it gives."""
    trust = " --trust" if wants_trust(config) else ""
    return f"`treewright resume {folder}{trust}` goes on"


def wants_trust(config: Config) -> bool:
    """Whether it does what the config in a run's folder may not: name a key, bring code."""
    named = any(traits.key_variables for traits in sides(config).values())
    return named or any(_own(config)) or READS.search(repr(config.written)) is not None


def _own(config: Config) -> Iterator[bool]:
    for section in SECTIONS:
        yield is_own_code(section, kind_of(section, getattr(config, section)))
    yield from map(is_import_path, (*config.aggregate, *config.select))
