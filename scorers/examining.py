"""What `doctor` finds of a ThinkPRM: checkpoint, verdict tokens, whether its prompts fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from scorers.prompt import VerifierPrompt
from scorers.verdict_ids import UnfitTokenizer, VerdictIds
from search.findings import UNMEASURED, Finding, fail, ok

if TYPE_CHECKING:
    from scorers.thinkprm_config import ThinkPrmConfig


def examine(config: ThinkPrmConfig, questions: Sequence[str]) -> Iterator[Finding]:
    """See `engines.traits.Examined`."""
    tokenizer = yield from config.engine.examine("scorer", config.model)
    if tokenizer is None:
        return
    try:
        ids = VerdictIds.of(tokenizer, config.model, variants=config.case_variants)
        prompt = VerifierPrompt(
            tokenizer, config.prefill, config.model, config.verifier_instruction
        )
    except UnfitTokenizer as error:
        yield fail("verdict tokens", str(error), "scorer.model must be a ThinkPRM checkpoint")
        return
    told = (
        f"correct {ids.correct[0]}, incorrect {ids.incorrect[0]}, Yes {ids.yes[0]}, No {ids.no[0]}"
    )
    yield ok("verdict tokens", told)
    if not questions:
        yield ok("scorer prompt", UNMEASURED)
        return
    most = len(prompt.ids(max(questions, key=len), ["?"]))
    yield config.engine.fits("scorer prompt", config.model, most, config.rounds * config.max_tokens)
