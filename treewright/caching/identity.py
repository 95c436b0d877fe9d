"""Whose reply it is: all that decides what a policy or a scorer replies, but the call itself.

Where that cannot be known there is no caching, and it is said why.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from engines.traits import Traits, traits_of
from search.checks import CACHES
from search.custom import is_import_path
from treewright.caching.store import StoredPart
from treewright.config.config import Config
from treewright.config.fingerprint import WHOLE_FILE, part_identity
from treewright.config.kinds import kind_of
from treewright.config.location import INSTALLED

PARTS = {"policy": "policies", "scorer": "scorers"}
"""The sections whose replies can be kept, and the package of their code."""
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Uncached:
    """Why the replies of a part are not kept, though its config says so."""

    reason: str


def asked(config: Config) -> list[str]:
    """The sections whose replies are to be kept, as far as their configs say; some cannot be."""
    return [name for name in PARTS if traits_of(getattr(config, name)).cache != "off"]


def identity(config: Config, section: str) -> StoredPart | Uncached:
    """What tells this part's replies from those of any other.

    Of a checkpoint in a folder that is its content, and of its large files, which the fingerprint
    reads in part, the time of the last change as well.
    """
    if reason := why_not(config, section):
        return Uncached(reason)
    settings = getattr(config, section)
    model = traits_of(settings).model
    facts: dict[str, object] = {
        **part_identity(config, section),
        "code": code_digest(section),
        "large files": changes(Path(model)) if model and Path(model).is_dir() else [],
    }
    told = json.dumps(facts, sort_keys=True).encode()
    kind = kind_of(section, settings)
    return StoredPart(sha256(told).hexdigest(), section, kind, model or "")


def why_not(config: Config, section: str) -> str:
    """Why the replies of a part cannot be kept; empty where they can."""
    settings = getattr(config, section)
    traits = traits_of(settings)
    if config.untrusted and traits.cache not in CACHES:
        return "the config lies in a run's folder, which may name no folder without --trust"
    if traits.remote or (traits.engine is not None and traits.engine.remote):
        return "its model runs elsewhere, so nobody knows which one it is"
    if not traits.repeatable:
        return "its traits do not say that it is repeatable"
    for name, revision, key in loaded(traits):
        if not Path(name).is_dir() and not COMMIT.fullmatch(revision or ""):
            return (
                f"{name} is a name whose files may change: say its commit, 40 hexadecimal "
                f"digits, in {section}.engine.{key}, or give its folder"
            )
    return ""


def loaded(traits: Traits) -> list[tuple[str, str | None, str]]:
    """See `EngineConfig.named`; of a part with a model and no engine, that model."""
    if not traits.model:
        return []
    if traits.engine is None:
        return [(traits.model, None, "revision")]
    return list(traits.engine.named(traits.model))


def is_own(part: StoredPart) -> bool:
    """Whether it is code of one's own, which may look at more of a call than ours does."""
    return is_import_path(part.kind)


@cache
def code_digest(section: str) -> str:
    """Of the source that makes this section's replies: while it is worked on, its version stays."""
    hasher = sha256()
    for package in ("search", "engines", PARTS[section]):
        for file in sorted((INSTALLED / package).rglob("*.py")):
            hasher.update(f"{file.relative_to(INSTALLED)}\0{file.stat().st_size}\0".encode())
            hasher.update(file.read_bytes())
    return hasher.hexdigest()


def changes(folder: Path) -> list[tuple[str, int, int]]:
    """The large files of a checkpoint: name, size, and when it changed last, in nanoseconds."""
    stats = [(path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    return [(name, at.st_size, at.st_mtime_ns) for name, at in stats if at.st_size > WHOLE_FILE]
