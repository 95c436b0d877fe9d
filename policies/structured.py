"""The policy `structured`: Qwen2.5 trained with GRPO to plan, monitor and evaluate its reasoning.

Prompts and sampling are those of the model card `alibidaran/Qwen_COG_Thinker_Merged`. It is the
policy `qwen` with these defaults, whose steps are the sections of a response and which may draw
again what breaks the format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engines.config import Ability
from engines.engine import Engine, EnginePort
from engines.tokenizer import Tokenizer
from policies.qwen import Qwen
from policies.qwen_config import WITH_TOKENS, PolicySampling, QwenConfig
from policies.segmentation import Segmentation
from search.checks import check_count, fault
from search.core import Prefix, Spent, StopReason
from search.gather import gather
from search.ports import Failure, PolicyCall, PolicyReply
from search.seeds import call_seed
from search.structured_protocol import (
    Reason,
    Response,
    ResponseFormat,
    read_opening,
    read_response,
)

SYSTEM_PROMPT = """
You are an AI assistant that MUST produce structured reasoning.
Your response MUST EXACTLY follow this format:
<think>
<planning>
...
</planning>
<monitoring>
...
</monitoring>
<evaluation>
...
</evaluation>
</think>
<output>
...
</output>
FORMAT RULES:
1. The <think> block must contain exactly three sections in this order:
<planning>, <monitoring>, <evaluation>
2. Each section must contain detailed reasoning in full sentences.
3. Minimum reasoning length:
- <planning>: at least 40 tokens
- <monitoring>: at least 80 tokens
- <evaluation>: at least 40 tokens
4. The <monitoring> section MUST show explicit reasoning steps,
including calculations, derivations, or logical deductions.
5. Generic placeholder phrases are forbidden, including:
- "analyze the problem"
- "determine the strategy"
- "verify the solution"
- "check correctness"
6. The reasoning must explicitly reference values, equations,
or logical relationships from the problem.
7. The <output> section must contain ONLY the final answer.
INVALID RESPONSES:
Responses will be rejected if they contain:
- Empty sections
- Bullet point placeholders
- Generic reasoning
- Missing calculations when required
- Incorrect tag order
The format must always be strictly respected.
"""
"""The card's, byte for byte: it begins and ends with a newline and has no blank line."""

PROMPT_TEMPLATE = (
    "Examine the following question and select the right answer from given options.\n"
    "The output must be only the number of the option.\n"
    "Question: {question}\n"
)
"""The card's user turn; its line `Provided options: […]` is the end of the question."""


@dataclass(frozen=True)
class StructuredConfig(QwenConfig):
    """A model as of `qwen`, asked to plan, monitor and evaluate between tags before its output.

    A rejected response is a matter of grading. Step by step a rejected opening ends its path
    (`invalid`): nothing is drawn from it, and no verifier is asked.
    """

    system_prompt: str | None = SYSTEM_PROMPT
    prompt_template: str = PROMPT_TEMPLATE
    sampling: PolicySampling = field(
        default_factory=lambda: PolicySampling(temperature=0.8, top_p=0.95, max_tokens=1024)
    )
    segmentation: Segmentation = field(default_factory=lambda: Segmentation("tagged"))
    format: ResponseFormat = field(default_factory=ResponseFormat)
    """The rules of a response beyond its tags."""
    redraws: int = 0
    """How often a draw that breaks the format is made again, under a seed of its own; its tokens
    are spent, and counted as failed. What the last one breaks stays in the path. 0 is the model as
    it is. Greedy draws are made once."""

    @property
    def asks(self) -> frozenset[Ability]:
        """See `QwenConfig.asks`; its format counts tokens."""
        return WITH_TOKENS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.thinking is not None:
            raise fault("thinking", self.thinking, "null", "its sections are its thought")
        check_count("redraws", self.redraws, least=0, hint="0 keeps the first draw")


class Structured(EnginePort):
    """Draws sections, or whole responses.

    `rejected` counts the draws that broke the format, by their first reason.
    """

    def __init__(self, config: StructuredConfig, engine: Engine, tokenizer: Tokenizer) -> None:
        super().__init__(engine)
        self.qwen = Qwen(config, engine, tokenizer)
        self.rejected: Counter[Reason] = Counter()
        self._config = config

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """`replies[i]` answers `batch[i]`; a call that fails is a `Failure` in its place.

        Raises:
            EngineError: the engine is dead.
        """
        return await gather(self._reply(call) for call in batch)

    async def _reply(self, call: PolicyCall) -> PolicyReply | Failure:
        """The first draw that keeps the format, or the last one, with all that was spent."""
        lost = Spent()
        attempt = 0
        while True:
            seed = call_seed(call.seed, "redraw", attempt) if attempt else call.seed
            (reply,) = await self.qwen.extend([replace(call, seed=seed)])
            if isinstance(reply, Failure):
                return reply.after(lost)
            reason = self.read(reply.path).reason
            if reason is None:
                return replace(reply, spent=lost + reply.spent)
            self.rejected[reason] += 1
            if attempt == self._config.redraws or self._is_greedy(call):
                return replace(reply, path=_ended(reply.path), spent=lost + reply.spent)
            lost += reply.spent.as_failed()
            attempt += 1

    def _is_greedy(self, call: PolicyCall) -> bool:
        return call.greedy or self._config.sampling.temperature == 0

    def read(self, path: Prefix) -> Response:
        """The path as a response, or as the opening of one where it goes on."""
        rules = self._config.format
        if path.stopped:
            return read_response(path.text, rules, self._count, finished=path.finished)
        return read_opening(path.text, rules, self._count)

    def _count(self, text: str) -> int:
        return len(self.qwen.tokenizer.encode(text))


def _ended(path: Prefix) -> Prefix:
    """A rejected path: one that would go on cannot."""
    if path.stopped:
        return path
    last = replace(path.steps[-1], stop=StopReason.INVALID)
    return replace(path, steps=(*path.steps[:-1], last))


async def build(config: StructuredConfig) -> Structured:
    """Load the tokenizer and start the engine.

    Raises:
        TokenizerError: the folder is missing, or is no chat checkpoint.
        EngineError: the engine does not start.
    """
    tokenizer, engine = await config.engine.open(config.model)
    return Structured(config, engine, tokenizer)
