"""What `doctor` finds of a chat model as a policy: its checkpoint, and whether its prompts fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from engines.tokenizer import TokenizerError
from policies.chat_prompt import ChatPrompt
from search.findings import UNMEASURED, Finding, fail, ok, warn

if TYPE_CHECKING:
    from policies.qwen_config import QwenConfig

LONGEST_QUESTIONS = 32
"""How many of the longest questions are tokenised."""


def examine(config: QwenConfig, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
    """See `engines.traits.Examined`."""
    tokenizer = yield from config.engine.examine("policy", config.model)
    if tokenizer is None:
        return
    prompt = ChatPrompt(tokenizer, config.system_prompt, config.prompt_template, config.few_shots)
    longest = sorted(questions, key=len)[-LONGEST_QUESTIONS:]
    try:
        most = max(len(prompt.ids(text)) for text in longest or ["?"])
    except TokenizerError as error:
        yield fail("policy prompt", str(error), "try another system_prompt, or another checkpoint")
        return
    if not longest:
        yield ok("policy prompt", UNMEASURED)
        return
    yield config.engine.fits("policy prompt", config.model, most, config.sampling.max_tokens)
    if feedback:
        yield _holds_feedback(most, config)


def _holds_feedback(prompt: int, config: QwenConfig) -> Finding:
    """Whether the longest attempt fits between the prompt and the next attempt.

    What the verifier said of it comes on top.
    """
    attempt, limit = config.sampling.max_tokens, config.engine.context(config.model)
    told = f"prompts up to {prompt} tokens, attempts shown up to {attempt}, the next as long"
    if limit is None or prompt + 2 * attempt < limit:
        return ok("policy feedback", told)
    advice = "feedback on long attempts will be cut or left out: raise policy.engine.max_model_len"
    return warn("policy feedback", f"{told}, of {limit}", advice)
