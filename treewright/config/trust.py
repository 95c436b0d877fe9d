"""What a run's own folder may do to the one who opens it: nothing, unless they said otherwise.

A config that a person wrote may import modules and read the environment: it is theirs. The config
in a run's folder may be a stranger's. It is read without either, until a command says `--trust`
(as if it were one's own) or `--python-path DIR` (custom parts from that folder, and no other).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from search.custom import admit, importing_from
from treewright.config import environment
from treewright.config.location import exists, is_run


@dataclass(frozen=True, slots=True)
class Trust:
    """`whole`: a run's config is taken for one's own. `folders`: where its parts may come from."""

    whole: bool = False
    folders: tuple[str, ...] = ()


_said = Trust()


def trust_said() -> Trust:
    """What the command said; a library's user says it with `trusting`."""
    return _said


def say_trust(trust: Trust) -> None:
    """From now on, what is opened is trusted so."""
    global _said
    _said = trust
    admit()


@contextmanager
def trusting(trust: Trust) -> Iterator[None]:
    """What is opened inside the block is trusted so."""
    before = _said
    say_trust(trust)
    try:
        yield
    finally:
        say_trust(before)


def in_a_run(config: Path) -> bool:
    """Whether a config lies in a run's folder, or is a link to one that does."""
    return is_run(config.parent) or (exists(config) and is_run(config.resolve().parent))


@contextmanager
def guarded(trust: Trust) -> Iterator[None]:
    """Inside the block a stranger's config is read: as far as it is trusted."""
    if trust.whole:
        yield
        return
    with importing_from(trust.folders), environment.closed():
        yield


def absolute(folders: Sequence[str]) -> tuple[str, ...]:
    """Folders as they are, whatever the current one becomes."""
    return tuple(str(Path(folder).expanduser().absolute()) for folder in folders)
