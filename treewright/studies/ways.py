"""The ways to verify that the study of verification compares, and the runs that try them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.questions import judges_prefixes
from treewright.config.config import Config
from treewright.config.load import load_config
from treewright.errors import ConfigError
from treewright.studies.page import StudyError

BASE = Path(__file__).with_name("verification.yaml")
NAIVE, INCREMENTAL, KEPT = "naive", "incremental", "keep-prompt"


@dataclass(frozen=True)
class Way:
    """A way to verify: what its config says of the scorer, and what it is in words.

    `of_prefixes`: it differs only where prefixes are judged that begin as earlier ones do.
    """

    said: tuple[str, ...]
    about: str
    of_prefixes: bool = True


GOING_ON = "scorer.incremental=true"
WAYS: dict[str, Way] = {
    NAIVE: Way((), "every prefix is judged whole", of_prefixes=False),
    INCREMENTAL: Way((GOING_ON,), "a verification goes on from its parent's"),
    KEPT: Way((GOING_ON, "scorer.keep_prompt=true"), "the same, in its parent's own prompt"),
    "recheck": Way(
        (GOING_ON, "scorer.recheck_every=3"), "as incremental, and whole at every third step"
    ),
    "inherit": Way(
        ("scorer.after_incorrect=inherit",), "what follows an incorrect step inherits its judgement"
    ),
    "incremental-inherit": Way(
        (GOING_ON, "scorer.after_incorrect=inherit"), "incremental and inherit"
    ),
    "adaptive": Way(
        ("scorer.chains={least: 1, most: 3, until: 0.05}",),
        "one to three chains, until the selection is sure",
        of_prefixes=False,
    ),
}
"""By name; all are held against the first."""

STRATEGIES: dict[str, str] = {
    "beam": "paths=8 children=4",
    "dvts": "paths=8 children=4",
    "rebase": "width=8",
    "best_of_n": "n=16",
}
"""By kind what its config says beside it."""


@dataclass(frozen=True)
class Trial:
    """A strategy with a way to verify; `skipped` says why it is not run, `config` is None then."""

    strategy: str
    way: str
    config: Config | None
    skipped: str = ""


def trials(
    strategies: Sequence[str],
    ways: Sequence[str],
    common: Sequence[str] = (),
    base: Path | str = BASE,
) -> list[Trial]:
    """Strategy by strategy, the naive way first.

    Raises:
        StudyError: a name that there is not.
        ConfigError: a config that cannot be.
    """
    for said, known in ((strategies, STRATEGIES), (ways, WAYS)):
        for name in said:
            if name not in known:
                raise StudyError(f"{name}: choose from {', '.join(known)}")
    wanted = list(dict.fromkeys([NAIVE, *ways]))
    return [one for name in strategies for one in _trials(name, wanted, common, base)]


def _trials(
    name: str, ways: Sequence[str], common: Sequence[str], base: Path | str
) -> Iterator[Trial]:
    for way in ways:
        try:
            config = load_config(base, [*common, *overrides(name, way)])
        except ConfigError as error:
            if way == NAIVE or not (error.key or "").startswith("scorer"):
                raise
            yield Trial(name, way, None, f"this version or verifier has no such way ({error.key})")
            continue
        if WAYS[way].of_prefixes and not judges_prefixes(config.strategy):
            why = "as naive: whole solutions are judged once, and nothing goes on from another"
            yield Trial(name, way, None, why)
        else:
            yield Trial(name, way, config)


def overrides(name: str, way: str) -> list[str]:
    """What the config of a run says beside what all say."""
    width = [f"strategy.{setting}" for setting in STRATEGIES[name].split()]
    return [f"name=verification-{name}-{way}", f"strategy.kind={name}", *width, *WAYS[way].said]
