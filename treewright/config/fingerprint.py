"""What makes two runs the same: everything that can change an output, and nothing else.

How results are reported (`aggregate`, `select`, `missing`, `grading`, `fail_on_error`), where they
go (`name`, `output_dir`) and on what they are computed (`cluster`, an engine's resources) is left
out. Models, data and the source of custom parts count by their content, not by their path.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engines.config import EngineConfig
from scorers.members import Member
from search.checks import is_unsaid
from treewright.config.config import Config
from treewright.config.kinds import SECTIONS, kind_of, sides
from treewright.config.schema import join
from treewright.config.sources import steering_sources
from treewright.config.stand_in import StandIn

WHOLE_FILE = 4 * 2**20
EDGE = 2**20


def fingerprint(config: Config, dataset_digest: str) -> str:
    """64 hex digits; the first 8 name the run's folder. `dataset_digest` is of the loaded data."""
    return fingerprint_of(identity_of(config, dataset_digest))


def fingerprint_of(identity: Mapping[str, str]) -> str:
    """That of a config and data with this identity."""
    return sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def identity_of(config: Config, dataset_digest: str) -> dict[str, str]:
    """A short digest for every dotted key that can change an output.

    It can be stored (no value can be read from it) and compared with `differences`.
    """
    facts: dict[str, Any] = {"seed": config.seed, "dataset": dataset_digest}
    for section in SECTIONS:
        settings = getattr(config, section)
        facts[f"{section}.kind"] = kind_of(section, settings)
        facts |= dict(_leaves(settings, section))
    facts |= _models(config) | _versions(config) | steering_sources(config)
    return {key: _digest(value) for key, value in facts.items()}


def part_identity(config: Config, section: str) -> dict[str, str]:
    """The part of it that decides what the policy or the scorer replies to a call."""
    settings, engine = getattr(config, section), sides(config)[section].engine
    facts = {f"{section}.kind": kind_of(section, settings), **dict(_leaves(settings, section))}
    known = _models(config) | steering_sources(config)
    facts |= {key: value for key, value in known.items() if key.startswith(f"{section}.")}
    libraries = {"treewright", *(engine.libraries if engine else ())}
    facts |= {f"versions.{name}": installed(name) for name in sorted(libraries)}
    return {key: _digest(value) for key, value in facts.items()}


def asked_identity(config: Config, dataset_digest: str) -> dict[str, str]:
    """The part of it that decides what is asked, which is all that a reader needs to hold.

    No model is looked at. Of a strategy whose code is not here there is its kind alone.
    """
    strategy = config.strategy
    facts: dict[str, Any] = {"seed": config.seed, "dataset": dataset_digest}
    facts["strategy.kind"] = kind_of("strategy", strategy)
    if not isinstance(strategy, StandIn):
        sources = steering_sources(config)
        facts |= dict(_leaves(strategy, "strategy"))
        facts |= {key: source for key, source in sources.items() if key.startswith("strategy.")}
    return {key: _digest(value) for key, value in facts.items()}


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The dotted keys in which two identities differ, sorted."""
    before, now = _by_name(before), _by_name(now)
    return sorted(key for key in {*before, *now} if before.get(key) != now.get(key))


def model_digest(folder: Path) -> str:
    """A digest of a model folder's files; of a large file its size and both ends are read."""
    hasher = sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".md":
            hasher.update(f"{path.name}\0{path.stat().st_size}\0".encode())
            hasher.update(_content(path))
    return hasher.hexdigest()


def _by_name(identity: Mapping[str, str]) -> dict[str, str]:
    """The identity with the name of a listed kind that it has by import path, and without a source.

    So say runs that were imported before `imported` was listed. What is listed is told by the
    version of Treewright: an edit of its files makes no run another.
    """
    said = dict(identity)
    for section, kinds in SECTIONS.items():
        paths = {_digest(path): name for name, path in kinds.items()}
        if name := paths.get(said.get(f"{section}.kind", "")):
            said[f"{section}.kind"] = _digest(name)
            said.pop(f"{section}.source", None)
    return said


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        if path.stat().st_size <= WHOLE_FILE:
            return file.read()
        first = file.read(EDGE)
        file.seek(-EDGE, 2)
        return first + file.read()


def _models(config: Config) -> dict[str, Any]:
    """Local models by content, in place of their path."""
    models = {
        f"{section}.{its.model_key}": Path(its.model)
        for section, its in sides(config).items()
        if its.model
    }
    return {key: model_digest(path) for key, path in models.items() if path.is_dir()}


def _versions(config: Config) -> dict[str, Any]:
    engines = (part.engine for side in sides(config).values() for _, part in side.engines())
    libraries = {"treewright"}.union(*(engine.libraries for engine in engines if engine))
    return {f"versions.{name}": installed(name) for name in sorted(libraries)}


def installed(library: str) -> str | None:
    """The version of a distribution, None where it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Dotted keys and plain values of a dataclass; lists stay whole."""
    for f in fields(value):
        item, name = getattr(value, f.name), join(key, f.name)
        if f.metadata.get("uncounted"):
            continue
        if is_unsaid(f, item):
            continue  # a run from before there was this key is still the same
        if isinstance(item, EngineConfig):
            yield from ((join(name, key), value) for key, value in item.identity().items())
        elif is_dataclass(item):
            yield from _leaves(item, name)
        elif isinstance(item, tuple) and any(isinstance(each, Member) for each in item):
            for index, each in enumerate(item):
                yield from _leaves(each, f"{name}[{index}]")
        else:
            yield name, item


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=_jsonable)
    return sha256(text.encode()).hexdigest()[:16]


def _jsonable(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    assert isinstance(value, Enum)
    return value.value
