"""The models of a server: one per strategy and preset, and what a request makes of the config."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from search.strategies import STRATEGIES
from search.strategies.presets import PRESETS
from treewright.config.config import Config
from treewright.config.fingerprint import identity_of
from treewright.config.kinds import settings_class
from treewright.config.load import config_from
from treewright.errors import ConfigError
from treewright.serving.chat import Chat
from treewright.serving.faults import ApiFault, bad, unknown_model

OWNER = "treewright"
SIZES = ("n", "paths", "particles", "width", "simulations", "chains", "solutions")
"""What the size of a search is called in a strategy; the first that it has is what `n` sets."""
NAME = re.compile(rf"(?:{OWNER}/)?([\w.:-]{{1,200}})(?:@([0-9]{{1,9}}))?")
CONFIG = "config"
"""The model that searches as the config says."""
REPORTED = ("aggregate", "select")
"""Keys that a strategy which judges nothing may not have."""


@dataclass(frozen=True, eq=False)
class Plan:
    """How a question is searched. `identity`: what decides a run, but for what is asked."""

    config: Config
    identity: Mapping[str, str] = field(repr=False)


class Catalogue:
    """What can be asked of a server with this config; `most` is the largest size of a search."""

    def __init__(self, config: Config, most: int) -> None:
        self.config = config
        self.most = most
        self._made = lru_cache(maxsize=256)(self._make)
        self._able = [name for name in (CONFIG, *STRATEGIES, *PRESETS) if self._can(name)]

    def names(self) -> list[str]:
        """The names of all models, the config's own first."""
        return [f"{OWNER}/{name}" for name in self._able]

    def known(self, model: str) -> str:
        """The name of a model that there is. Raises `ApiFault`."""
        self._named(model)
        return model if model.startswith(f"{OWNER}/") else f"{OWNER}/{model}"

    def plan(self, chat: Chat) -> Plan:
        """How this request is searched. Raises `ApiFault`."""
        name, size = self._named(chat.model)
        if chat.n is not None and chat.n > 1 and chat.strategy is None:
            hint = f"the size of a search is {OWNER}/best_of_n@{chat.n}, or n beside `strategy`"
            raise bad("n", f"{chat.n} answers cannot be given, only one; {hint}")
        if chat.strategy is not None:
            if chat.strategy not in self._able:
                able = ", ".join(sorted(self._able))
                raise bad("strategy", f"{chat.strategy[:80]!r} is none here; {able}")
            name, size = chat.strategy, chat.n or size
        try:
            return self._made(json.dumps([name, size, chat.limits, chat.seed]))
        except ApiFault as fault:
            by_name = chat.strategy is None and chat.n is None and not chat.limits
            raise named_so(fault) if by_name else fault from None

    def _named(self, model: str) -> tuple[str, int | None]:
        """The strategy that a model names, and its size where it says one."""
        named = NAME.fullmatch(model)
        if named is None or named[1] not in self._able:
            raise unknown_model(model[:80], "GET /v1/models lists those")
        return named[1], int(named[2]) if named[2] else None

    def _can(self, name: str) -> bool:
        """Whether this config's policy and scorer can search so."""
        try:
            self._config(name, None, {})
        except ConfigError:
            return False
        return True

    def _make(self, said: str) -> Plan:
        name, size, limits, seed = json.loads(said)
        if size is not None and size > self.most:
            raise bad("n", f"{size} is more than this server allows; at most {self.most}")
        try:
            config = self._config(name, size, limits)
        except ConfigError as error:
            told = "; ".join(filter(None, [f"{error.key}: {error.problem}", error.hint]))
            raise bad("strategy", told) from None
        if seed is not None:
            config = replace(config, seed=seed, written={**config.written, "seed": seed})
        return Plan(config, identity_of(config, ""))

    def _config(self, name: str, size: int | None, limits: dict[str, Any]) -> Config:
        base = self.config
        own = dict(base.written["strategy"])
        if name not in (CONFIG, own.get("preset"), own.get("kind")):
            own = {"preset": name} if name in PRESETS else {"kind": name}
        kind = str(own.get("kind") or PRESETS[own["preset"]].kind)
        names = _fields(own)
        if size is not None:
            known = next((each for each in SIZES if each in names), None)
            if known is None:
                raise bad("n", f"{kind} has no size; leave it out")
            own[known] = size
        if limits:
            if "budget" not in names:
                raise bad("budget", f"{kind} has no budget; leave it out")
            own["budget"] = {**(own.get("budget") or {}), **limits}
        return self._of(own)

    def _of(self, strategy: dict[str, Any]) -> Config:
        base = self.config
        if strategy == base.written["strategy"]:
            return base
        said = {key: value for key, value in base.written.items() if key not in REPORTED}
        config = config_from({**said, "name": base.name, "strategy": strategy})
        if not config.strategy.judges:
            return config
        kept = {key: base.written[key] for key in REPORTED if key in base.written}
        return config_from({**said, **kept, "name": base.name, "strategy": strategy})


def named_so(fault: ApiFault) -> ApiFault:
    """A fault of a size or a strategy that the model's name says."""
    message = fault.message.removeprefix(f"{fault.param}: ")
    return replace(fault, param="model", message=f"model: {message}")


def _fields(strategy: Mapping[str, Any]) -> set[str]:
    """The keys of a strategy."""
    kind = strategy.get("kind") or PRESETS[strategy["preset"]].kind
    return {f.name for f in fields(settings_class("strategy", kind))}
