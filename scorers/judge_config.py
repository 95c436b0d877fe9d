"""The configuration of a judge, and how one is built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from engines.config import Ability, EngineConfig
from engines.engine import EngineError
from engines.loop_guard import LoopGuard
from engines.tokenizer import TokenizerError
from engines.traits import Judges, Traits
from engines.vllm_config import VllmConfig
from scorers.judge import Judge, JudgePrompt
from scorers.whole import Whole
from search.checks import UNCOUNTED, check_cache, check_choice, check_count, check_number, fault
from search.findings import UNMEASURED, Finding, fail, ok

STEP = """\
You grade one step of a solution. It is correct if it follows from the problem and from the steps \
before it, with no mistake in its arithmetic or its logic, whatever was wrong before.

[Problem]
{question}

[Steps before]
{before}

[Step]
{step}

Examine the step, then answer: is it correct?"""
OUTCOME = """\
You grade a solution. It is correct if its final answer is.

[Problem]
{question}

[Solution]
{solution}

Examine the solution, then answer: is it correct?"""
SLOTS = {"steps": ("question", "step"), "outcome": ("question", "solution")}


@dataclass(frozen=True)
class JudgeConfig:
    """Any chat model as a judge: it is shown a rubric, may write a critique, and says Yes or No.

    The verdict is one token, of two that are allowed; its probability is what counts.
    """

    model: str
    """The checkpoint that judges: a folder, or a name on the Hugging Face hub."""
    engine: EngineConfig = field(default_factory=VllmConfig)
    """How the model is run."""
    judges: Literal["steps", "outcome"] = "steps"
    """Whether it judges each step, with a critique of its own, or finished solutions only."""
    rubric: str | None = None
    """The user's turn. Of steps it has the slots `{question}`, `{step}` and, if it likes,
    `{before}`, the steps before; of outcomes `{question}` and `{solution}`. `null` is Treewright's
    own (scorers/judge_config.py)."""
    system_prompt: str | None = None
    """The system turn; `null` leaves it to the chat template, which may have its own."""
    critique_tokens: int = 512
    """Tokens of the longest critique; 0 asks for the verdict at once."""
    closing: str = "\n\nIs it correct?"
    """What is put after the critique; the verdict follows."""
    verdicts: tuple[str, str] = (" Yes", " No")
    """The two verdicts, the good one first, each one token after `closing`."""
    prefix: Whole = "min"
    """What a whole path gets of its steps: the `min`, the `last` or their `product`."""
    temperature: float = 0.0
    """Sampling temperature of critiques, 0 to 2."""
    loop_guard: LoopGuard = field(default_factory=lambda: LoopGuard(ngram=50, repeats=3))
    """Ends a critique that repeats itself; its verdict is asked for all the same."""
    min_mass: float = 0.1
    """0 to 1: nothing is read where both verdicts together are less likely than this."""
    incremental: bool = True
    """A search asks about new steps only; the verdicts on the steps before them stay."""
    cache: str = field(default="off", metadata=UNCOUNTED)
    """Where judgements are kept, so that none is made twice: `off`; `run`, in memory while the run
    is at work; `shared`, in the user's cache folder, for all runs; or a folder by its path
    ([caching.md](caching.md))."""

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise fault("model", self.model, "a folder or a model name")
        check_cache("cache", self.cache)
        check_choice("judges", self.judges, tuple(SLOTS))
        check_choice("prefix", self.prefix, Whole)
        check_count("critique_tokens", self.critique_tokens, least=0, hint="0 asks at once")
        check_number("temperature", self.temperature, high=2.0)
        check_number("min_mass", self.min_mass, high=1.0)
        for slot in SLOTS[self.judges]:
            if f"{{{slot}}}" not in self.shown:
                raise fault("rubric", self.rubric, f"a text with the slot {{{slot}}}")
        if self.verdicts[0] == self.verdicts[1] or not all(self.verdicts):
            raise fault("verdicts", list(self.verdicts), "two texts that differ")

    @property
    def shown(self) -> str:
        """The rubric that holds."""
        own = STEP if self.judges == "steps" else OUTCOME
        return own if self.rubric is None else self.rubric

    @property
    def traits(self) -> Traits:
        """See `engines.traits`. How many steps a path has nobody knows before."""
        outcome = self.judges == "outcome"
        return Traits(
            model=self.model,
            engine=self.engine,
            asks=frozenset({Ability.TOKEN_IDS, Ability.SEEDS, Ability.LOGPROBS}),
            most_tokens=self.critique_tokens + 1 if outcome else None,
            text_limit=("critique_tokens", self.critique_tokens),
            judges=Judges(self.judges),
            judges_key="judges",
            cache=self.cache,
            repeatable=not self.engine.remote,
            goes_on=self.incremental and not outcome,
        )

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """See `engines.traits.Examined`."""
        tokenizer = yield from self.engine.examine("scorer", self.model)
        if tokenizer is None:
            return
        try:
            prompt = JudgePrompt(self, tokenizer)
            most = len(prompt.ids(max(questions, key=len, default=""), ["?"]))
        except TokenizerError as error:
            yield fail("verdict tokens", str(error), "see scorer.closing and scorer.verdicts")
            return
        good, bad = prompt.verdicts
        yield ok("verdict tokens", f"{self.verdicts[0]!r} {good}, {self.verdicts[1]!r} {bad}")
        if not questions:
            yield ok("scorer prompt", UNMEASURED)
            return
        yield self.engine.fits("scorer prompt", self.model, most, self.critique_tokens)


async def build(config: JudgeConfig) -> Judge:
    """Load the tokenizer, start the engine and check that a verdict is a decision of one token.

    Raises:
        TokenizerError: the folder is missing, is no chat checkpoint, or a verdict is no one token.
        EngineError: the engine does not start.
    """
    tokenizer, engine = await config.engine.open(config.model)
    try:
        return Judge(config, engine, JudgePrompt(config, tokenizer))
    except (EngineError, TokenizerError):
        await engine.close()
        raise
