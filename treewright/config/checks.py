"""What a config may not say although every value by itself is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from engines.traits import Judges, Traits, traits_of
from search.aggregation import AGGREGATIONS, Aggregator, MissingRule
from search.custom import PartError, is_import_path
from search.questions import Declared
from search.selection import SELECTIONS
from treewright.cluster.turns import unfit
from treewright.config.combination import check_combination, check_outcome_only
from treewright.config.compose import COMMAND_LINE
from treewright.config.config import Config
from treewright.config.environment import closed, variable
from treewright.config.kinds import kind_of, sides
from treewright.config.parts import check_members
from treewright.config.stand_in import StandIn
from treewright.errors import ConfigError, suggest
from treewright.hiding import keep_secret

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MOST_CANDIDATES = 100_000
LARGEST_SEED = 2**63 - 1

Where = Callable[[str], str]


def check(config: Config, where: Where) -> None:
    """Refuse the first thing that cannot be. `where` places a dotted key. Raises `ConfigError`."""
    _check_name(config, where)
    check_members(config.strategy, where("strategy.kind"))
    _check_steering(config, where)
    _check_tolerance(config, where)
    _check_reporting(config, where)
    check_combination(config, where)
    _check_backend(config, where)
    if config.strategy.candidates > MOST_CANDIDATES:
        problem = f"makes {config.strategy.candidates:,} candidates of a problem"
        hint = f"at most {MOST_CANDIDATES:,} fit in memory"
        raise ConfigError(where("strategy.n"), "strategy", None, problem, hint)


def check_reported(config: Config, where: Where) -> None:
    """The part of `check` that hangs on what is reported; the rest of the config is checked."""
    _check_reporting(config, where)
    check_outcome_only(config, where)


def unjudged(config: Config) -> str:
    """Why no candidate will have a score; empty when they will."""
    if traits_of(config.scorer).judges is Judges.NOTHING:
        return f"scorer is {kind_of('scorer', config.scorer)}"
    if not config.strategy.judges:
        return f"strategy {kind_of('strategy', config.strategy)} asks none"
    return ""


def check_aggregate(spelled: Sequence[str], where: Where) -> None:
    """Only known aggregations, each once."""
    names = [*AGGREGATIONS, *(f"history.{name}" for name in AGGREGATIONS)]
    _check_list("aggregate", spelled, names, where, lambda name: str(Aggregator.parse(name)))


def check_select(spelled: Sequence[str], where: Where) -> None:
    """Only known selections, each once, and at least one."""
    _check_list("select", spelled, list(SELECTIONS), where, _selection)
    if not spelled:
        hint = f"choose from {', '.join(SELECTIONS)}"
        raise ConfigError(where("select"), "select", "[]", "nothing to report", hint)


def check_missing(rule: str, where: Where) -> None:
    """Only a known rule for missing steps."""
    if rule not in list(MissingRule):
        raise ConfigError(
            where("missing"), "missing", rule, "no such rule", suggest(rule, MissingRule)
        )


def check_told(aggregate: Sequence[str], select: Sequence[str] | None, missing: str | None) -> None:
    """What `score` is told, as far as it can be checked without the run.

    Custom parts are not loaded: the run says where they are.
    """

    def where(key: str) -> str:
        return COMMAND_LINE

    check_aggregate([name for name in aggregate if not is_import_path(name)], where)
    listed = [name for name in select or () if not is_import_path(name)]
    if listed or select == []:
        check_select(listed, where)
    if missing:
        check_missing(missing, where)


def check_models(
    config: Config, where: Where, sections: Sequence[str] = ("policy", "scorer")
) -> None:
    """An engine must know its keys, and find the model of its part as far as can be told.

    Of those `sections` only that are used. What a part of one's own calls its model is its own
    affair.
    """
    for section, traits in sides(config).items():
        if section not in sections:
            continue
        for key, named in traits.key_variables.items():
            _check_key(config, where, f"{section}.{key}", named)
        for within, part in traits.engines():
            _check_engine(part, f"{section}.{within}", where)
    if config.cluster.elastic and len(sections) == len(sides(config)):
        _check_elastic(config, where)


def _check_engine(part: Traits, before: str, where: Where) -> None:
    """Of a part, or one within it, whose keys stand after `before`."""
    if (engine := part.engine) is None:
        return
    if part.model is not None and (problem := engine.lacks(part.model)):
        key = f"{before}{part.model_key}"
        hint = "give the folder of a checkpoint, or a name like Qwen/Qwen2.5-3B-Instruct"
        raise ConfigError(where(key), key, part.model, problem, hint)
    for name, problem, hint in engine.amiss():
        key = f"{before}engine.{name}"
        raise ConfigError(where(key), key, None, problem, hint)


def _check_key(config: Config, where: Where, key: str, named: str) -> None:
    """A run's folder may name no secret of the one who opens it; ours is one from then on."""
    try:
        with closed() if config.untrusted else nullcontext():
            keep_secret(variable(named, None) or "")
    except ValueError as error:
        raise ConfigError(where(key), key, None, str(error)) from error


def _check_list(
    key: str,
    spelled: Sequence[str],
    names: list[str],
    where: Where,
    canonical: Callable[[str], str],
) -> None:
    seen: set[str] = set()
    for index, name in enumerate(spelled):
        at = where(f"{key}[{index}]")
        if name.removeprefix("steps.") not in names and not is_import_path(name):
            raise ConfigError(at, key, name, "no such " + NOUNS[key], suggest(name, names))
        try:
            same = canonical(name)
        except PartError as error:
            raise ConfigError(at, key, None, error.problem, error.hint) from error
        if same in seen:
            raise ConfigError(at, key, name, "is listed twice", "remove one")
        seen.add(same)


def _selection(name: str) -> str:
    """The name of a selection. Raises `PartError` for a custom one that cannot be used."""
    SELECTIONS[name]
    return name


NOUNS = {"aggregate": "aggregation", "select": "selection"}


def _check_name(config: Config, where: Where) -> None:
    if not NAME.fullmatch(config.name):
        hint = "use letters, digits and . _ - inside, at most 100"
        raise ConfigError(where("name"), "name", config.name, "cannot name a folder", hint)
    if not 0 <= config.seed <= LARGEST_SEED:
        raise ConfigError(where("seed"), "seed", config.seed, "must be from 0 to 2^63 - 1")
    if not config.output_dir:
        hint = "so must TREEWRIGHT_RUNS, where that is set"
        raise ConfigError(where("output_dir"), "output_dir", "", "must name a folder", hint)


def _check_tolerance(config: Config, where: Where) -> None:
    tolerated = config.fail_on_error
    if tolerated < 0 or (isinstance(tolerated, float) and tolerated >= 1):
        hint = "a whole number is a count of problems, a number below 1 their share"
        raise ConfigError(where("fail_on_error"), "fail_on_error", tolerated, "out of range", hint)


def _check_reporting(config: Config, where: Where) -> None:
    check_aggregate(config.aggregate, where)
    check_select(config.select, where)
    needing = scoring(config.select)
    reason = unjudged(config)
    if reason and (needing or config.aggregate):
        key = "select" if needing else "aggregate"
        hint = "set aggregate=[] and select=[first,majority]"
        raise ConfigError(where(key), key, None, f"needs a verifier: {reason}", hint)
    if needing and not config.aggregate:
        problem = f"is empty, and a score is needed for {', '.join(needing)}"
        hint = "set aggregate=[min], or select=[first,majority]"
        raise ConfigError(where("aggregate"), "aggregate", None, problem, hint)


def _check_steering(config: Config, where: Where) -> None:
    """A custom aggregation that steers must be one, also where the strategy does not look."""
    if isinstance(config.strategy, StandIn):
        return
    aggregate = Declared.of(config.strategy).aggregate
    if aggregate is not None and is_import_path(aggregate):
        key = "strategy.aggregate"
        _check_list(key, [aggregate], [], where, lambda name: str(Aggregator.parse(name)))


def _check_backend(config: Config, where: Where) -> None:
    """Engines share no process: they load in threads, and one's fault would end the other."""
    said = sides(config).items()
    engines = [name for name, its in said if its.engine and its.engine.own_process]
    if config.cluster.backend == "inline" and engines:
        key, problem = "cluster.backend", f"runs doubles only, and {engines[0]} has an engine"
        raise ConfigError(where(key), key, "inline", problem, "use cluster.backend=ray")


def _check_elastic(config: Config, where: Where) -> None:
    """Only engines that sleep take turns. What sleeps elsewhere may be read here all the same."""
    problem = unfit(config.policy, config.scorer)
    if not config.strategy.judges:
        problem = f"gives replicas to the side with more to do: {unjudged(config)}"
    if problem:
        key = "cluster.elastic"
        raise ConfigError(where(key), key, True, problem, "leave it out")


def scoring(select: Sequence[str]) -> list[str]:
    """Those of the selections that choose by a score."""
    return [name for name in select if SELECTIONS[name].needs_score]
