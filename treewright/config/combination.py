"""Whether a strategy, its policy, its scorer, the data and their grading can work together."""

from __future__ import annotations

from collections.abc import Callable

from engines.config import Ability
from engines.traits import Judges, Traits, traits_of
from search.aggregation import Aggregator, Over
from search.questions import Declared, judges_prefixes
from search.strategies.steered import Steered
from treewright.config.config import Config
from treewright.config.kinds import kind_of, sides
from treewright.errors import ConfigError

LESS_THAN_STEPS = {
    Judges.OUTCOME: "judges finished solutions only",
    Judges.NOTHING: "judges nothing",
}

Where = Callable[[str], str]


def check_combination(config: Config, where: Where) -> None:
    """Refuse parts that make no sense with one another. Raises `ConfigError`."""
    _check_verifier(config, where)
    _check_sureness(config, where)
    check_outcome_only(config, where)
    _check_lookahead(config, where)
    _check_temperature(config, where)
    _check_letters(config, where)
    _check_option_base(config, where)
    _check_abilities(config, where)
    _check_gpus(config, where)


def _check_verifier(config: Config, where: Where) -> None:
    """A search that is steered step by step needs a scorer that judges steps."""
    if not judges_prefixes(config.strategy):
        return
    scorer, traits = kind_of("scorer", config.scorer), traits_of(config.scorer)
    if traits.judges not in LESS_THAN_STEPS:
        return
    key = f"scorer.{traits.judges_key}"
    strategy = kind_of("strategy", config.strategy)
    problem = f"{LESS_THAN_STEPS[traits.judges]}, and strategy {strategy} needs verdicts on steps"
    hint = (
        f"use a process verifier (scorer.kind=thinkprm), or strategy.kind={instead(traits.judges)}"
    )
    value = scorer if traits.judges_key == "kind" else None
    raise ConfigError(where(key), key, value, problem, hint)


def _check_sureness(config: Config, where: Where) -> None:
    """A scorer that judges by how sure the policy was needs a policy that records it."""
    policy, key = traits_of(config.policy), "scorer.kind"
    if not traits_of(config.scorer).by_sureness or policy.sureness is not False:
        return
    scorer, kind = kind_of("scorer", config.scorer), kind_of("policy", config.policy)
    problem = f"judges by log-probabilities, and policy {kind} records none"
    hint = "set policy.confidence=20 (policies qwen, structured and the doubles have the key)"
    raise ConfigError(where(key), key, scorer, problem, hint)


def check_outcome_only(config: Config, where: Where) -> None:
    """Without a verdict on any step there is nothing to aggregate but the whole."""
    if not outcome_only(config):
        return
    named = {f"aggregate[{index}]": name for index, name in enumerate(config.aggregate)}
    used = {key: Aggregator.parse(name) for key, name in named.items()}
    if isinstance(config.strategy, Steered):
        used["strategy.aggregate"] = config.strategy.steering.aggregator
    for key, aggregator in used.items():
        if aggregator.over is Over.STEPS:
            scorer = kind_of("scorer", config.scorer)
            problem = f"is over steps, and scorer {scorer} (outcome only) has no verdicts on them"
            raise ConfigError(where(key), key, str(aggregator), problem, "use history.last")


def outcome_only(config: Config) -> bool:
    """Whether the scorer judges finished solutions, as a whole."""
    return traits_of(config.scorer).judges is Judges.OUTCOME


def instead(judges: Judges) -> str:
    """The strategy that can do with such a scorer."""
    return "majority" if judges is Judges.NOTHING else "best_of_n"


def _check_lookahead(config: Config, where: Where) -> None:
    """Nothing lies ahead of a step that is the whole solution."""
    lookahead = Declared.of(config.strategy).lookahead
    if traits_of(config.policy).whole and lookahead:
        key = "strategy.lookahead"
        problem = "looks ahead of whole solutions (policy.segmentation.kind is whole)"
        hint = "nearest 0, or use policy.segmentation.kind=blank_line"
        raise ConfigError(where(key), key, lookahead, problem, hint)


def _check_temperature(config: Config, where: Where) -> None:
    """At temperature 0 all children of a path are the same."""
    temperature = traits_of(config.policy).temperature
    if temperature == 0 and Declared.of(config.strategy).draws_alike:
        key = "policy.sampling.temperature"
        strategy = kind_of("strategy", config.strategy)
        problem = f"gives equal children, and strategy {strategy} draws several of a path"
        hint = "use strategy.kind=greedy, or a temperature above 0 (0.8, say)"
        raise ConfigError(where(key), key, temperature, problem, hint)


def _check_letters(config: Config, where: Where) -> None:
    """Where an answer is the number of an option, letters would all be wrong."""
    style = config.dataset.option_format
    if not config.dataset.multiple_choice or config.grading.kind != "option":
        return
    if style == "letters":
        key = "dataset.option_format"
        problem = "has letters as answers, and grading.kind option reads numbers"
        hint = "use dataset.option_format=list, or grading.kind=exact"
        raise ConfigError(where(key), key, style, problem, hint)


def _check_option_base(config: Config, where: Where) -> None:
    """The option that a verifier is told must be the one that is graded."""
    graded = config.grading.option_base
    shown = traits_of(config.scorer).option_base
    if shown is not None and config.grading.kind == "option" and shown != graded:
        key = "scorer.option_base"
        problem = f"counts options from another number than grading.option_base, {graded}"
        hint = "write ${grading.option_base}"
        raise ConfigError(where(key), key, shown, problem, hint)


def _check_ability(config: Config, section: str, within: str, part: Traits, where: Where) -> None:
    """Of a part, or of one within it, whose keys stand after `within`."""
    if (engine := part.engine) is None or not (lacking := sorted(part.asks - engine.abilities)):
        return
    key = f"{section}.{within}engine.kind"
    kind = kind_of(section, getattr(config, section))
    needs = f"{section} {kind}" if not within else f"{section}.{within.removesuffix('.')}"
    problem = f"cannot give {', '.join(lacking)}, which {needs} needs"
    raise ConfigError(where(key), key, engine.kind, problem, engine.advice(lacking))


def _check_abilities(config: Config, where: Where) -> None:
    """An engine must be able to do what its part asks of it."""
    for section, traits in sides(config).items():
        for within, part in traits.engines():
            _check_ability(config, section, within, part, where)
        if traits.engine is None:
            continue
        key = f"{section}.engine.kind"
        goes_on = section == "policy" and Declared.of(config.strategy).continues
        if goes_on and not traits.whole and Ability.CONTINUE not in traits.engine.abilities:
            strategy = kind_of("strategy", config.strategy)
            problem = f"goes on with no text that was begun, which strategy {strategy} needs"
            hint = traits.engine.advice([Ability.CONTINUE])
            raise ConfigError(where(key), key, traits.engine.kind, problem, hint)


def _check_gpus(config: Config, where: Where) -> None:
    """What is said of a replica's GPUs must be what its engine takes: parts of one, or all."""
    for section, traits in sides(config).items():
        key, machine = f"{section}_gpus", traits.engine.machine if traits.engine else None
        said: float | None = getattr(config.cluster, key)
        if said is None or machine is None or not machine.gpus:
            continue
        part, none = machine.gpus == 1 and 0 < said < 1, machine.optional and not said
        if said == machine.gpus or part or none:
            continue
        keys = "tensor_parallel_size × pipeline_parallel_size"
        problem = f"the engine takes {machine.gpus:g} ({section}.engine.{keys})"
        hint = "leave it out, or say as many"
        raise ConfigError(where(f"cluster.{key}"), f"cluster.{key}", said, problem, hint)
