"""Any chat model as a judge: a rubric, a critique, and a verdict by one of two tokens.

Zheng et al., "Judging LLM-as-a-Judge" (arXiv 2306.05685). Of steps it is what GenPRM (arXiv
2504.00891) does without running code: each step is examined by itself, the ones before it in view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.engine import Engine, EnginePort, Finish, Generation, Refused, Request, Sampling
from engines.tokenizer import Tokenizer, TokenizerError
from scorers.log_odds import log_odds, log_sum, probability
from scorers.prm import read_before
from scorers.whole import whole
from search.core import Judgement, Origin, Spent, StepVerdict, VerdictStatus
from search.gather import gather
from search.ports import Failure, FailureKind, ScorerCall, ScorerReply
from search.seeds import call_seed

if TYPE_CHECKING:
    from scorers.judge_config import JudgeConfig

UNSURE = "the judge gives neither verdict enough probability (scorer.min_mass)"


class JudgePrompt:
    """The rubric, filled in, and the tokens of the verdicts. Raises `TokenizerError`."""

    def __init__(self, config: JudgeConfig, tokenizer: Tokenizer) -> None:
        self._config = config
        self._tokenizer = tokenizer
        self.closing = tokenizer.encode(config.closing)
        good, bad = (self._verdict(text) for text in config.verdicts)
        if good == bad:
            raise TokenizerError(f"{config.model}: the verdicts begin with the same token")
        self.verdicts = (good, bad)

    def ids(self, question: str, steps: Sequence[str]) -> tuple[int, ...]:
        """Of the last of these steps, or of the solution that they are.

        The slots are filled at once, so that no text of a policy is taken for a slot.
        """
        config = self._config
        before = "\n".join(step.strip() for step in steps[:-1]) or "(none)"
        texts = {
            "question": question,
            "before": before,
            "step": steps[-1].strip(),
            "solution": "".join(steps).strip(),
        }
        parts = fill(config.shown, texts)
        system = [] if config.system_prompt is None else [("system", config.system_prompt)]
        turns = [{"role": role, "content": said} for role, said in (*system, ("user", parts))]
        return self._tokenizer.chat(turns)

    def critique(self, ids: Sequence[int]) -> tuple[tuple[int, ...], str]:
        """What was written before the turn ended, and its text."""
        ends = self._tokenizer.eos_ids
        kept = tuple(ids[:-1] if ids and ids[-1] in ends else ids)
        return kept, self._tokenizer.decode(kept)

    def _verdict(self, text: str) -> int:
        """The token of a verdict, where it stands."""
        whole_ids = self._tokenizer.encode(f"{self._config.closing}{text}")
        if whole_ids[:-1] != self.closing:
            raise TokenizerError(
                f"{self._config.model}: {text!r} is not one token after "
                f"{self._config.closing!r}: choose other verdicts"
            )
        return whole_ids[-1]


def fill(template: str, texts: dict[str, str]) -> str:
    """The template with each slot in it replaced; what a text says is no slot."""
    found, rest = "", template
    while rest:
        places = {rest.find(f"{{{name}}}"): name for name in texts if f"{{{name}}}" in rest}
        if not places:
            break
        at = min(places)
        found += rest[:at] + texts[places[at]]
        rest = rest[at + len(places[at]) + 2 :]
    return found + rest


@dataclass(frozen=True)
class Opinion:
    """One verdict: log-odds of the good one, None where neither is likely; critique and cost."""

    odds: float | None
    critique: str
    spent: Spent


class Judge(EnginePort):
    """Judges with one model."""

    def __init__(self, config: JudgeConfig, engine: Engine, prompt: JudgePrompt) -> None:
        super().__init__(engine)
        self.config = config
        self._prompt = prompt

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        return await gather(self._judge(call) for call in batch)

    async def _judge(self, call: ScorerCall) -> ScorerReply | Failure:
        path, outcome = call.path, self.config.judges == "outcome"
        if not path.steps:
            return Failure.about(path, FailureKind.INVALID, "it has no steps to judge")
        if outcome and not path.finished:
            message = "it is unfinished, this scorer judges ends"
            return Failure.about(path, FailureKind.INVALID, message)
        known = read_before(call) if self.config.incremental and not outcome else ()
        lengths = [len(path.steps)] if outcome else range(len(known) + 1, len(path.steps) + 1)
        opinions = await gather(self._opinion(call, length) for length in lengths)
        spent = sum((opinion.spent for opinion in opinions), Spent())
        for opinion in opinions:
            if isinstance(opinion, Refused):
                kind = FailureKind.UNAVAILABLE if opinion.again else FailureKind.INVALID
                return Failure.about(path, kind, opinion.message, spent)
        told = [each for each in opinions if isinstance(each, Opinion)]
        return self._reply(known, told, outcome=outcome)

    def _reply(
        self, known: tuple[StepVerdict, ...], told: Sequence[Opinion], *, outcome: bool
    ) -> ScorerReply:
        sampled = self.config.critique_tokens > 0 and self.config.temperature > 0
        spent = sum((each.spent for each in told), Spent())
        if any(each.odds is None for each in told):
            return ScorerReply(Judgement.missing(UNSURE), spent.as_failed(), sampled)
        new = [
            StepVerdict(probability(each.odds or 0.0), VerdictStatus.READ, each.critique)
            for each in told
        ]
        verdicts = (*known, *new)
        read = [each.probability or 0.0 for each in verdicts]
        origin = Origin.INCREMENTAL if known else Origin.WHOLE
        shown = () if outcome else verdicts
        judgement = Judgement(shown, whole(read, self.config.prefix), chains=1, origin=origin)
        return ScorerReply(judgement, spent, sampled)

    async def _opinion(self, call: ScorerCall, length: int) -> Opinion | Refused:
        """Of the first `length` steps: of the last of them, or of all as a solution."""
        texts = [step.text for step in call.path.steps[:length]]
        try:
            prompt = self._prompt.ids(call.path.problem.question, texts)
        except TokenizerError as error:
            return Refused(str(error))
        room = self.engine.max_model_len - len(prompt) - len(self._prompt.closing) - 1
        if room < 1:
            return Refused(
                f"its prompt has {len(prompt)} tokens and the judge's context "
                f"{self.engine.max_model_len}: raise scorer.engine.max_model_len"
            )
        written = await self._write(call, prompt, min(room, self.config.critique_tokens), length)
        if isinstance(written, Refused):
            return written
        critique, text = self._prompt.critique(written.token_ids)
        asked = (*prompt, *critique, *self._prompt.closing)
        said = await self._ask(Request(asked, self._constrained(), call.cache))
        if isinstance(said, Refused):
            return said.after(_spent(written))
        return Opinion(self._odds(said), text, _spent(written) + _spent(said))

    async def _write(
        self, call: ScorerCall, prompt: tuple[int, ...], most: int, length: int
    ) -> Generation | Refused:
        """The critique; an empty one that costs nothing where none is wanted."""
        if not most:
            return Generation((), Finish.LENGTH)
        config = self.config
        sampling = Sampling(
            most,
            config.temperature,
            seed=call_seed(call.seed, "step", length) if config.temperature else None,
            loop_ngram=config.loop_guard.ngram,
            loop_repeats=config.loop_guard.repeats,
        )
        return await self._ask(Request(prompt, sampling, call.cache))

    def _constrained(self) -> Sampling:
        verdicts = self._prompt.verdicts
        return Sampling(1, temperature=0.0, logprob_ids=verdicts, allowed_ids=verdicts)

    def _odds(self, said: Generation) -> float | None:
        good, bad = self._prompt.verdicts
        raw = said.logprobs[0]
        likely = math.exp(log_sum(raw, (good, bad))) >= self.config.min_mass
        return log_odds(raw, (good,), (bad,)) if likely else None

    async def _ask(self, request: Request) -> Generation | Refused:
        (answer,) = await self.engine.generate([request])
        if isinstance(answer, Generation) and answer.finish is Finish.ABORT:
            return Refused("the engine aborted the judge", again=True, spent=_spent(answer))
        return answer


def _spent(said: Generation) -> Spent:
    if not said.prompt_tokens:  # nothing was asked
        return Spent()
    return said.spent
