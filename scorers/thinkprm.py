"""ThinkPRM, a verifier that thinks: it writes a critique of each step before it judges it.

Khalifa et al., "Process Reward Models That Think" (arXiv 2504.16828), checkpoints
`launch/ThinkPRM-1.5B` and larger. The paper reads one probability from a chain, that of Yes to the
closing question; the step probabilities, from the boxed verdicts, are read here in the same pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from engines.config import Ability, EngineConfig
from engines.engine import Engine, EnginePort, Refused
from engines.loop_guard import LoopGuard
from engines.tokenizer import Tokenizer, TokenizerError
from engines.traits import Judges, Traits
from engines.vllm_config import VllmConfig
from scorers.chain import Chain, ChainVerifier, Sheet, Unread
from scorers.combining import COMBINATIONS, Combine, combine
from scorers.continuing import Begun, Continuing, Final, attempts, is_rechecked
from scorers.examining import examine
from scorers.inheriting import inherited
from scorers.prompt import LEADS, Prefill, VerifierPrompt, highest_label
from scorers.step_texts import STEPS, Steps, step_texts
from scorers.verdict_ids import UnfitTokenizer, VerdictIds
from scorers.verdicts import ChainReader
from search.checks import (
    UNCOUNTED,
    UNSAID,
    check_cache,
    check_choice,
    check_count,
    check_number,
    fault,
)
from search.core import ChainStart, Judgement, Origin, Spent
from search.findings import Finding
from search.gather import gather
from search.ports import Failure, FailureKind, ScorerCall, ScorerReply
from search.seeds import call_seed

AfterIncorrect: TypeAlias = Literal["rejudge", "inherit"]
COLDEST = 0.001
"""The least decision temperature: below it all that a verifier says would be 0 or 1."""
CLOSING_ROOM = 4
"""Tokens kept free beyond the closing question: braces and newline before it, the answer after."""


@dataclass(frozen=True)
class ThinkPrmConfig:
    """A generative verifier, ThinkPRM, that writes a critique with a verdict on every step."""

    model: str
    """The checkpoint that judges: a folder, or a name on the Hugging Face hub."""
    engine: EngineConfig = field(default_factory=VllmConfig)
    """How the model is run."""
    prefill: Prefill = "none"
    """How the verifier's turn begins: `none` with `<think>` alone; `verify_step` with the first
    line of its training chains and `Step 1:`, about half the tokens; `card` as the model card has
    it, for comparison."""
    steps: Steps = "as_written"
    """How it is shown the steps of a path: `as_written`, or `untagged`, without the tags of a
    structured response, whose output becomes a sentence that says which option is the answer."""
    option_base: int = 0
    """`untagged` only: the number of the first option, 0 or 1; write `${grading.option_base}`."""
    chains: int = 1
    """How many verification chains are written for each judgement."""
    combine: Combine = "probability"
    """What is averaged over the chains, for each step and for the whole prefix: `probability`, as
    the authors do, or `logit`, the log-odds; one chain is its own mean by both."""
    decision_temperature: float = 1.0
    """Divides the log-odds of each chain before they are combined; above 1 makes the verifier less
    sure, and 1, the authors', leaves it as it is."""
    temperature: float | None = None
    """Sampling temperature of chains, 0 to 2; `null` is 0 for one chain and 0.6 for several, as in
    the paper."""
    top_p: float = 1.0
    """At most 1: of a chain's tokens only the likeliest that have this probability together are
    drawn; 1 is all."""
    max_tokens: int = 4096
    """Tokens of the longest chain; one that is cut has no verdict on the steps that it did not
    reach."""
    early_stop: bool = True
    """Stop a chain at the first step that it calls incorrect; it was trained to end there. So the
    first `incorrect` counts by definition: where a chain would have changed its mind on a step and
    called it correct after all, that step is judged incorrect, and those after it take its
    probability. Without it the last verdict on a step counts, and chains are longer."""
    loop_guard: LoopGuard = field(default_factory=lambda: LoopGuard(ngram=50, repeats=3))
    """Stops a chain that repeats itself, over all that it has written."""
    retries: int = 1
    """How often all chains are written again when none could be read."""
    retry_temperature: float = 0.6
    """Sampling temperature of these retries, 0 to 2."""
    min_mass: float = 0.5
    """0 to 1: a chain cannot be read whose P(Yes) + P(No) at the end is lower."""
    case_variants: bool = True
    """Count `Correct`, ` correct`, `CORRECT`, `yes` and the like towards the trained spellings;
    without it a verdict in another spelling has no probability."""
    incremental: bool = field(default=False, metadata=UNSAID)
    """A verification goes on from the chain of an earlier judged prefix, and judges only the steps
    after what that chain called correct; the closing question is answered anew."""
    recheck_every: int | None = field(default=None, metadata=UNSAID)
    """With `incremental` or `inherit`, a path is judged whole whenever its number of steps reaches
    another multiple of this; null: never for that reason."""
    final: Final = field(default="incremental", metadata=UNSAID)
    """Whether a finished solution may go on from an earlier chain, or inherit, as any other path
    (`incremental`) or is judged `whole`."""
    after_incorrect: AfterIncorrect = field(default="rejudge", metadata=UNSAID)
    """What becomes of a path whose beginning was judged and has a step called incorrect, P(correct)
    below 0.5: it is judged again (`rejudge`), or takes that judgement over and the verifier is not
    asked (`inherit`)."""
    cache: str = field(default="off", metadata=UNCOUNTED)
    """Where judgements are kept, so that none is made twice: `off`; `run`, in memory while the run
    is at work; `shared`, in the user's cache folder, for all runs; or a folder by its path
    ([caching.md](caching.md))."""

    def __post_init__(self) -> None:
        check_cache("cache", self.cache)
        check_choice("prefill", self.prefill, list(LEADS))
        check_choice("steps", self.steps, STEPS)
        if self.option_base not in (0, 1):
            raise fault("option_base", self.option_base, "0 or 1")
        check_count("chains", self.chains)
        check_choice("combine", self.combine, COMBINATIONS)
        check_number("decision_temperature", self.decision_temperature)
        if self.decision_temperature < COLDEST:
            hint = "1 leaves the verifier as it is"
            raise fault(
                "decision_temperature", self.decision_temperature, f"from {COLDEST} up", hint
            )
        check_count("max_tokens", self.max_tokens)
        check_count("retries", self.retries, least=0)
        check_number("top_p", self.top_p, high=1.0)
        check_number("min_mass", self.min_mass, high=1.0)
        check_number("temperature", self.first_temperature, high=2.0)
        check_number("retry_temperature", self.retry_temperature, high=2.0)
        if self.recheck_every is not None:
            check_count("recheck_every", self.recheck_every, hint="null: never")
        check_choice("final", self.final, Final)
        check_choice("after_incorrect", self.after_incorrect, AfterIncorrect)
        self._check_sampling()

    def _check_sampling(self) -> None:
        if self.top_p == 0:
            raise fault("top_p", self.top_p, "above 0", "1 keeps every token")
        if self.chains > 1 and self.first_temperature == 0:
            raise fault(
                "temperature", 0.0, f"above 0 with chains: {self.chains}", "all would be the same"
            )
        if self.retries and self.retry_temperature == 0:
            raise fault("retry_temperature", 0.0, "above 0", "a greedy retry repeats the chain")

    @property
    def traits(self) -> Traits:
        """All chains to their limit, all retries, and one token to read each final verdict."""
        attempts = 1 + self.incremental + self.retries
        return Traits(
            model=self.model,
            engine=self.engine,
            asks=frozenset({Ability.TOKEN_IDS, Ability.SEEDS, Ability.LOGPROBS}),
            most_tokens=attempts * self.chains * (self.max_tokens + 1),
            text_limit=("max_tokens", self.max_tokens),
            judges=Judges.STEPS,
            cache=self.cache,
            repeatable=not self.engine.remote,
            goes_on=self.incremental or self.after_incorrect == "inherit",
            option_base=self.option_base if self.steps == "untagged" else None,
        )

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """See `engines.traits.Examined`."""
        return examine(self, questions)

    @property
    def first_temperature(self) -> float:
        """The temperature of the first attempt."""
        if self.temperature is not None:
            return self.temperature
        return 0.0 if self.chains == 1 else 0.6


class ThinkPrm(EnginePort):
    """Judges solutions with chains of one verifier model.

    Raises `UnfitTokenizer` when the model is no ThinkPRM.
    """

    def __init__(self, config: ThinkPrmConfig, engine: Engine, tokenizer: Tokenizer) -> None:
        verdict_ids = VerdictIds.of(tokenizer, config.model, variants=config.case_variants)
        super().__init__(engine)
        self._config = config
        self._prompt = VerifierPrompt(tokenizer, config.prefill, config.model)
        self._reserve = len(self._prompt.closing("", thought=False)) + CLOSING_ROOM
        reader = ChainReader(tokenizer, verdict_ids)
        self._continuing = Continuing(reader, verdict_ids, self._prompt.lead)
        self._verifier = ChainVerifier(
            engine,
            self._prompt,
            reader,
            verdict_ids,
            tokenizer.eos_ids,
            config.top_p,
            config.loop_guard,
            config.early_stop,
            config.min_mass,
        )

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        return await gather(self._judge(call) for call in batch)

    async def _judge(self, call: ScorerCall) -> ScorerReply | Failure:
        if not call.path.steps:
            return Failure.about(call.path, FailureKind.INVALID, "it has no steps to judge")
        if is_rechecked(call, self._config.recheck_every, self._config.final):
            call = replace(call, earlier=None)
        if self._config.after_incorrect == "inherit" and (taken := inherited(call)):
            return ScorerReply(taken, Spent(), sampled=False)
        try:
            sheet = self._sheet(call)
        except TokenizerError as error:
            return Failure.about(call.path, FailureKind.INVALID, str(error))
        if sheet.room < 1:
            return Failure.about(call.path, FailureKind.INVALID, self._too_long(len(sheet.prompt)))
        return await self._verify(call, sheet)

    async def _verify(self, call: ScorerCall, sheet: Sheet) -> ScorerReply | Failure:
        unread: list[Unread] = []
        for attempt, begun in attempts(self._begun(call, sheet), self._config.retries):
            written = await self._attempt(sheet, call.seed, attempt, begun)
            outcomes = written.values()
            if refused := [outcome for outcome in outcomes if isinstance(outcome, Refused)]:
                told = min(refused, key=lambda refusal: refusal.again)
                kind = FailureKind.UNAVAILABLE if told.again else FailureKind.INVALID
                return Failure.about(call.path, kind, told.message)
            lost = [outcome for outcome in outcomes if isinstance(outcome, Unread)]
            if any(chain.aborted for chain in lost):
                # No fault of the model's: fewer chains, or warmer ones, would be another judgement.
                message = "a verification chain was aborted by the engine"
                return Failure.about(call.path, FailureKind.UNAVAILABLE, message)
            unread += lost
            if chains := {k: each for k, each in written.items() if isinstance(each, Chain)}:
                reply = self._reply(chains, unread)
                return replace(reply, sampled=self._is_sampled(attempt))
        judgement = Judgement.missing(why(unread))
        return ScorerReply(judgement, total(unread), self._is_sampled(self._config.retries))

    def _is_sampled(self, attempt: int) -> bool:
        """Whether chains were sampled, under the call's seed, up to this attempt."""
        return attempt > 0 or self._config.first_temperature > 0

    def _begun(self, call: ScorerCall, sheet: Sheet) -> list[Begun]:
        """What each chain begins with: nothing, or what it goes on from."""
        config = self._config
        earlier = call.earlier if config.incremental else None
        return self._continuing.all_begun(earlier, call.path, config.chains, sheet.room)

    def _reply(self, chains: Mapping[int, Chain], unread: Sequence[Unread]) -> ScorerReply:
        """The judgement of the chains that were read; the others are paid for as well."""
        config, read = self._config, list(chains.values())
        readings, prefixes = [chain.reading for chain in read], [chain.prefix for chain in read]
        judgement = combine(readings, prefixes, config.combine, config.decision_temperature)
        if config.incremental:
            origin = Origin.INCREMENTAL if any(chain.begun for chain in read) else Origin.WHOLE
            starts = tuple(self._start(chains.get(k)) for k in range(config.chains))
            judgement = replace(judgement, origin=origin, starts=starts)
        return ScorerReply(judgement, total([*read, *unread]))

    def _start(self, chain: Chain | None) -> ChainStart:
        """What a longer path's chain may begin with; nothing of one that could not be read."""
        if chain is None:
            return ChainStart()
        return self._continuing.start(chain.ids, chain.odds, chain.reading)

    def _sheet(self, call: ScorerCall) -> Sheet:
        question = call.path.problem.question
        written = [step.text for step in call.path.steps]
        texts = step_texts(self._config.steps, question, written, self._config.option_base)
        prompt = self._prompt.ids(question, texts)
        free = self.engine.max_model_len - len(prompt) - self._reserve
        room = min(self._config.max_tokens, free)
        return Sheet(prompt, room, len(texts), highest_label(texts), call.cache)

    async def _attempt(
        self, sheet: Sheet, seed: int, attempt: int, begun: Mapping[int, Begun]
    ) -> dict[int, Chain | Unread | Refused]:
        config = self._config
        temperature = config.retry_temperature if attempt else config.first_temperature
        written = await gather(
            self._verifier.verify(sheet, temperature, call_seed(seed, attempt, k), begun[k])
            for k in begun
        )
        return dict(zip(begun, written, strict=True))

    def _too_long(self, prompt: int) -> str:
        return (
            f"its verification prompt has {prompt} tokens and the verifier's context "
            f"{self.engine.max_model_len}: raise scorer.engine.max_model_len or shorten the steps"
        )


def total(chains: Iterable[Chain | Unread]) -> Spent:
    """What all of them cost."""
    return sum((chain.spent for chain in chains), Spent())


def why(unread: Sequence[Unread]) -> str:
    """Why no chain could be read, in one line."""
    counts = Counter(chain.reason for chain in unread)
    reasons = "; ".join(f"{reason} ({count})" for reason, count in counts.items())
    return f"none of {len(unread)} verification chains could be read: {reasons}"


async def build(config: ThinkPrmConfig) -> ThinkPrm:
    """Load the tokenizer, start the engine and check that the model is a ThinkPRM.

    Raises:
        TokenizerError: the folder is missing, or is no chat checkpoint.
        UnfitTokenizer: the model is no ThinkPRM.
        EngineError: the engine does not start.
    """
    tokenizer, engine = await config.engine.open(config.model)
    try:
        return ThinkPrm(config, engine, tokenizer)
    except UnfitTokenizer:
        await engine.close()
        raise
