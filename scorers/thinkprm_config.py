"""The configuration of ThinkPRM, and how the verifier of one is built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engines.config import Ability, EngineConfig
from engines.loop_guard import LoopGuard
from engines.traits import Judges, Traits
from engines.vllm_config import VllmConfig
from scorers.combining import COMBINATIONS, Combine
from scorers.continuing import Final
from scorers.examining import examine
from scorers.prompt import INSTRUCTION, LEADS, Prefill
from scorers.step_texts import STEPS, Steps
from scorers.thinkprm import ThinkPrm
from scorers.verdict_ids import UnfitTokenizer
from search.checks import (
    UNCOUNTED,
    UNSAID,
    check_cache,
    check_choice,
    check_count,
    check_number,
    fault,
)
from search.contest import AdaptiveChains
from search.findings import Finding

AfterIncorrect: TypeAlias = Literal["rejudge", "inherit"]
AGAIN = ("Let me double check", "Let's verify again", "Did I miss something?")
"""The authors' cues of the second, third and fourth round (arXiv 2504.16828, appendix)."""
WITH_TOKENS = frozenset({Ability.TOKEN_IDS, Ability.SEEDS, Ability.LOGPROBS})
LISTED = frozenset({Ability.CONTINUE, Ability.TOP_LOGPROBS})
"""What will do where there are no token ids: verdicts are read where both words are listed."""
COLDEST = 0.001
"""The least decision temperature: below it all that a verifier says would be 0 or 1."""


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
    chains: int | AdaptiveChains = 1
    """How many verification chains are written for each judgement; or `{least, most, until}`, for
    more of them where they matter."""
    combine: Combine = "probability"
    """What is averaged over the chains, for each step and for the whole prefix: `probability`, as
    the authors do, `logit`, the log-odds, or `weighted`, probabilities that count as much as the
    chain's own answer, Yes or No, is likely to it; one chain is its own mean by all."""
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
    """Tokens of the longest chain, of each of its `rounds`; one that is cut has no verdict on the
    steps that it did not reach."""
    early_stop: bool = True
    """Stop a chain at the first step that it calls incorrect; it was trained to end there. So the
    first `incorrect` counts by definition: where a chain would have changed its mind on a step and
    called it correct after all, that step is judged incorrect, and those after it take its
    probability. Without it the last verdict on a step counts, and chains are longer. With `rounds`
    or `min_tokens` it stops a round, or what was written up to a `wait`: of what these say of a
    step, the last counts."""
    loop_guard: LoopGuard = field(default_factory=lambda: LoopGuard(ngram=50, repeats=3))
    """Stops a chain that repeats itself, over all that it has written in a round."""
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
    keep_prompt: bool = field(default=False, metadata=UNSAID)
    """With `incremental`, the prompt is kept as well: steps that it does not show are put into the
    chain, where the verifier would quote them, so that no engine reads a chain twice. ThinkPRM was
    not trained on that form; the embedded verifiers were."""
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
    rounds: int = field(default=1, metadata=UNSAID)
    """How often a chain verifies, one round after the other (sequential scaling); the closing
    question is asked once, after the last."""
    again: tuple[str, ...] = field(default=AGAIN, metadata=UNSAID)
    """What bids a chain verify again, for the second round, the third, and so on; it begins a line.
    The default is the authors'."""
    min_tokens: int = field(default=0, metadata=UNSAID)
    """A chain that would end with fewer tokens than this, all rounds together, is told to `wait`
    (budget forcing); one that has nothing to add ends all the same."""
    wait: str = field(default="Wait", metadata=UNSAID)
    """What a chain is told that is shorter than `min_tokens`; it begins a line. The default is that
    of s1 (arXiv 2501.19393)."""
    cache: str = field(default="off", metadata=UNCOUNTED)
    """Where judgements are kept, so that none is made twice: `off`; `run`, in memory while the run
    is at work; `shared`, in the user's cache folder, for all runs; or a folder by its path
    ([caching.md](caching.md))."""
    verifier_instruction: str = field(default=INSTRUCTION, metadata=UNSAID)
    """What the verifier is told to do, below the solution; it was trained on the default."""

    def __post_init__(self) -> None:
        check_cache("cache", self.cache)
        check_choice("prefill", self.prefill, list(LEADS))
        check_choice("steps", self.steps, STEPS)
        if self.option_base not in (0, 1):
            raise fault("option_base", self.option_base, "0 or 1")
        check_count("chains", self.most_chains)
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
        check_choice("final", self.final, Final)
        check_choice("after_incorrect", self.after_incorrect, AfterIncorrect)
        self._check_sampling()
        self._check_rounds()
        self._check_going_on()

    def _check_going_on(self) -> None:
        if self.recheck_every is not None:
            check_count("recheck_every", self.recheck_every, hint="null: never")
            if not self._goes_on:
                allowed = "with incremental: true or after_incorrect: inherit"
                hint = "or leave it out: without them every path is judged whole"
                raise fault("recheck_every", self.recheck_every, allowed, hint)
        if not self.keep_prompt:
            return
        needed = {
            "incremental: true": self.incremental,
            "early_stop: true": self.early_stop,
            "rounds: 1": self.rounds == 1,
            "min_tokens: 0": self.min_tokens == 0,
        }
        if lacking := [name for name, met in needed.items() if not met]:
            raise fault("keep_prompt", True, f"with {lacking[0]}", "or leave it out")

    def _check_rounds(self) -> None:
        check_count("rounds", self.rounds)
        if self.rounds > 1 + len(self.again):
            hint = f"`again` has a text for {len(self.again)} more: give it others"
            raise fault("rounds", self.rounds, f"{1 + len(self.again)} or less", hint)
        check_count("min_tokens", self.min_tokens, least=0, hint="0 forces nothing")
        if self.min_tokens > (most := self.rounds * self.max_tokens):
            hint = f"no chain is longer than max_tokens in each of {self.rounds} rounds"
            raise fault("min_tokens", self.min_tokens, f"{most} or less", hint)
        for index, text in enumerate(self.again):
            check_cue(f"again[{index}]", text)
        check_cue("wait", self.wait)
        if not self.verifier_instruction.strip():
            hint = "leave the key out for ThinkPRM's own"
            raise fault("verifier_instruction", self.verifier_instruction, "a text", hint)

    def _check_sampling(self) -> None:
        if self.top_p == 0:
            raise fault("top_p", self.top_p, "above 0", "1 keeps every token")
        if self.most_chains > 1 and self.first_temperature == 0:
            allowed = f"above 0 with chains: {self.most_chains}"
            raise fault("temperature", 0.0, allowed, "all would be the same")
        if self.retries and self.retry_temperature == 0:
            raise fault("retry_temperature", 0.0, "above 0", "a greedy retry repeats the chain")

    @property
    def traits(self) -> Traits:
        """All rounds and chains to their limit, all retries, and a token to read each verdict."""
        attempts = 1 + self.incremental + self.retries
        in_texts = Ability.TOKEN_IDS not in self.engine.abilities and self.engine.remote
        return Traits(
            model=self.model,
            engine=self.engine,
            asks=LISTED if in_texts else WITH_TOKENS,
            most_tokens=attempts * self.most_chains * (self.rounds * self.max_tokens + 1),
            text_limit=self._text_limit(),
            judges=Judges.STEPS,
            cache=self.cache,
            repeatable=not self.engine.remote,
            goes_on=self._goes_on,
            option_base=self.option_base if self.steps == "untagged" else None,
            chains=self.chains if isinstance(self.chains, AdaptiveChains) else None,
        )

    @property
    def _goes_on(self) -> bool:
        """Whether a judgement may go on from an earlier one, or be taken from it."""
        return self.incremental or self.after_incorrect == "inherit"

    def _text_limit(self) -> tuple[str, int]:
        rounds = "" if self.rounds == 1 else f" in each of {self.rounds} rounds, together"
        return f"max_tokens{rounds}", self.rounds * self.max_tokens

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """See `engines.traits.Examined`."""
        return examine(self, questions)

    @property
    def most_chains(self) -> int:
        """How many chains are written for a judgement at most."""
        return self.chains.most if isinstance(self.chains, AdaptiveChains) else self.chains

    @property
    def first_chains(self) -> int:
        """How many chains are written for a judgement at first: all, unless more may be added."""
        return self.chains.least if isinstance(self.chains, AdaptiveChains) else self.chains

    @property
    def first_temperature(self) -> float:
        """The temperature of the first attempt."""
        if self.temperature is not None:
            return self.temperature
        return 0.0 if self.most_chains == 1 else 0.6


def check_cue(field: str, text: str) -> None:
    r"""A text that bids a chain go on: it says something, and no verdict."""
    if not text.strip():
        raise fault(field, text, "a text")
    if "boxed" in text:
        raise fault(field, text, r"a text without \boxed", "a verdict is the verifier's to write")


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
