"""What a config may say although it is probably not meant: told, and run all the same."""

from __future__ import annotations

import os
from collections.abc import Iterator

from benchmarks.grading import GradingConfig
from engines.traits import Judges, contest_of, traits_of
from search.budget import Bounded, Budget
from search.questions import Declared, Strategy
from search.strategies.waves import Waves
from treewright.config.checks import scoring, unjudged
from treewright.config.config import Config
from treewright.config.kinds import kind_of, sides

SIZES = (
    "chains are added where the choice among all candidates is contested: figures of fewer of them "
    "are with these chains, and a search of so few would have had others"
)
"""What adaptive chains make of the sizes in a table."""


def notes(config: Config) -> list[str]:
    """One line each."""
    return [
        *_use(config),
        *_budget(config.strategy),
        *_stop(config),
        *_context(config),
        *_feedback(config),
        *_chains(config),
        *_engines(config),
    ]


def _use(config: Config) -> Iterator[str]:
    """What is configured and will not be used."""
    scorer = kind_of("scorer", config.scorer)
    if not config.strategy.judges and traits_of(config.scorer).judges is not Judges.NOTHING:
        strategy = kind_of("strategy", config.strategy)
        yield f"strategy {strategy} asks no verifier: scorer {scorer} will not be used"
    at_once = isinstance(config.strategy, Waves) and config.strategy.wave is None
    if at_once and config.strategy.judges and traits_of(config.scorer).goes_on:
        strategy = kind_of("strategy", config.strategy)
        yield (
            f"strategy {strategy} judges all its solutions at once: no verification of scorer "
            f"{scorer} will go on from another"
        )
    if not unjudged(config) and not scoring(config.select):
        yield "no selection uses a score: select=[first,best,weighted,majority] would"


def _budget(strategy: Strategy) -> Iterator[str]:
    if not isinstance(strategy, Bounded) or strategy.budget == Budget():
        return
    if strategy.budget.seconds:
        yield (
            "strategy.budget.seconds: where time ends a search is not reproducible; "
            "total_tokens would be"
        )
    if isinstance(strategy, Waves) and strategy.wave is None:
        yield (
            "strategy.budget: it is looked at between questions, and strategy.wave=null draws all "
            "solutions in one; strategy.wave=4 would heed it"
        )


def _stop(config: Config) -> Iterator[str]:
    """A search knows no grading: it stops by the answers that a text has by default."""
    stop = config.strategy.stop if isinstance(config.strategy, Waves) else "none"
    grading, default = config.grading, GradingConfig()
    keys = ["cues", "fallback", "max_answer_chars", *(["kind"] if grading.kind == "option" else [])]
    differs = [key for key in keys if getattr(grading, key) != getattr(default, key)]
    if stop != "none" and differs:
        said = " and ".join(f"grading.{key} {getattr(grading, key)}" for key in differs)
        yield (
            f"strategy.stop {stop}: it counts answers that are boxed or follow a cue, and {said} "
            "reads others: it may stop too soon or never; strategy.stop=none draws all"
        )


def _context(config: Config) -> Iterator[str]:
    """A limit of tokens that no prompt fits beside."""
    for side, traits in sides(config).items():
        context, (key, longest) = traits.max_model_len, traits.text_limit or ("", 0)
        if context and longest >= context:
            room = f"{side}.engine.max_model_len {context} has no room for a prompt beside it"
            yield f"{side}.{key} {longest}: {room}, the longest texts will be cut"


def _feedback(config: Config) -> Iterator[str]:
    """Feedback that is too long beside a solution is cut, and then left out, by the policy."""
    feedback = Declared.of(config.strategy).feedback
    policy = traits_of(config.policy)
    context, (key, longest) = policy.max_model_len, policy.text_limit or ("", 0)
    if feedback != "none" and context and 2 * longest >= context:
        yield (
            f"strategy.feedback {feedback}: policy.engine.max_model_len {context} does not hold an "
            f"attempt and the next one of policy.{key} {longest} each: what is told "
            "of long attempts will be cut or left out"
        )


def _chains(config: Config) -> Iterator[str]:
    """Of how many chains a judgement will be, where that is not fixed."""
    contest = contest_of(config.scorer, config.strategy)
    if contest is None or not config.strategy.judges:
        return
    chains, kept = contest.chains, contest.keeps
    cut = "0.5" if kept is None else f"the {kept} best of a question"
    yield (
        f"scorer.chains: from {chains.least} to {chains.most} for each judgement, one more while "
        f"it is on the wrong side of {cut} with a probability of {chains.until:g} or more; "
        f"tokens are counted for {chains.most}"
    )
    if config.strategy.candidates > 1 and Declared.of(config.strategy).draws_independently:
        yield f"scorer.chains: {SIZES}"


def _engines(config: Config) -> Iterator[str]:
    """That a key is not here, and what the engines say of theirs."""
    for side, traits in sides(config).items():
        for key, named in traits.key_variables.items():
            if not os.environ.get(named, "").strip():
                yield f"{side}.{key}: {named} is not set here; a run needs it"
        for within, part in traits.engines():
            for note in part.engine.notes() if part.engine else ():
                yield f"{side}.{within}engine.{note}"
