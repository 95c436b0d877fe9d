"""A ThinkPRM over an API: tokens are read off texts, verdicts where both words are listed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from engines.address import UnfitServer
from engines.engine import Generation, Refused, Request, Sampling
from engines.openai_config import OpenAiConfig
from engines.openai_tokens import OpenAiTokens, listed, serve
from engines.openai_wire import Unlike
from engines.tokenizer import HfTokenizer
from played_api import Body, PlayedApi
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig
from scorers.verdict_ids import QUESTION
from search.core import Missing, Prefix, Problem, Step, StopReason, VerdictStatus
from search.ports import ScorerCall, ScorerReply

CHAIN = " 3 + 4 = 7 so \\boxed{correct}\n"
AFTER = f"</think>\n{QUESTION} Yes"
"""What a chain goes on with that nobody could stop."""
STEP = Step("Step 1: 3 + 4 = 7\n", (), StopReason.STEP_END)
PATH = Prefix(Problem("p1", "What is 3 + 4?"), (STEP,), (0,))
BOTH = {"correct": math.log(0.9), "incorrect": math.log(0.1)}
ANSWERS = {" Yes": math.log(0.8), " No": math.log(0.2)}
Tops = dict[str, float]


@pytest.fixture(scope="module")
def folder(root: Path) -> str:
    return str(root / "benchmarks/arithmetic/verifier")


def api_config(folder: str, **keys: Any) -> OpenAiConfig:
    return OpenAiConfig(
        base_url="http://api/v1",
        api_key_env=None,
        continue_by="completions",
        tokenizer=folder,
        **{"top_logprobs": 20, "max_model_len": 2048, **keys},
    )


def writing(tokenizer: HfTokenizer, verdict: Tops, answer: Tops) -> Callable[[Body], Body]:
    """An API whose verifier calls the one step correct."""

    def say(body: Body) -> Body:
        if body["prompt"].endswith(QUESTION):
            return told([" Yes"], [answer], "length")
        ids = [*tokenizer.encode(CHAIN), *special(tokenizer, AFTER)]
        names = [tokenizer.decode((token,)) for token in ids]
        return told(names, [verdict if name == "correct" else {} for name in names], "stop")

    def told(names: Sequence[str], tops: Sequence[Tops], reason: str) -> Body:
        logprobs = {"tokens": names, "top_logprobs": tops}
        choice = {"text": "".join(names), "finish_reason": reason, "logprobs": logprobs}
        usage = {"prompt_tokens": 40, "completion_tokens": len(names)}
        return {"choices": [choice], "usage": usage}

    return say


def special(tokenizer: HfTokenizer, text: str) -> tuple[int, ...]:
    """Ids of a text that begins with the end of thinking."""
    end = tokenizer.token_id("</think>")
    assert end is not None
    return (end, *tokenizer.encode(text.removeprefix("</think>")))


def judged(folder: str, verdict: Tops, answer: Tops) -> tuple[ScorerReply, PlayedApi]:
    api = PlayedApi(writing(HfTokenizer.load(folder), verdict, answer))
    engine_config = api_config(folder)
    config = ThinkPrmConfig("a-model", engine=engine_config, prefill="verify_step", retries=0)

    async def run() -> Any:
        tokenizer, engine = await serve("a-model", engine_config, api)
        scorer = ThinkPrm(config, engine, tokenizer)
        try:
            return await scorer.judge([ScorerCall(PATH, 3)])
        finally:
            await scorer.close()

    (reply,) = asyncio.run(run())
    assert isinstance(reply, ScorerReply)
    return reply, api


def test_a_verdict_is_read_where_both_words_are_listed(folder: str) -> None:
    reply, api = judged(folder, BOTH, ANSWERS)
    (verdict,) = reply.judgement.verdicts
    assert verdict.status is VerdictStatus.READ
    assert verdict.probability == pytest.approx(0.9)
    assert reply.judgement.prefix == pytest.approx(0.8)
    (path, chain), (_, closing) = api.asked
    assert (path, chain["logprobs"], closing["max_tokens"]) == ("/v1/completions", 20, 1)
    assert chain["prompt"].endswith("Step 1:")
    assert f"\\boxed{{correct}}\n</think>\n{QUESTION}" in closing["prompt"]
    assert "stop" not in chain
    every = len(HfTokenizer.load(folder).encode(CHAIN)) + 1
    assert reply.spent.generated > every + 1  # what nobody could stop is paid for
    assert reply.spent.untold == 2


@pytest.mark.parametrize("verdict", [{"correct": -0.1}, {"incorrect": -4.0, "cor": -0.1}, {}])
def test_a_verdict_is_missing_where_one_word_is_not_listed(folder: str, verdict: Tops) -> None:
    reply, _ = judged(folder, verdict, ANSWERS)
    assert [each.status for each in reply.judgement.verdicts] == [VerdictStatus.MISSING]
    assert reply.judgement.prefix == pytest.approx(0.8)


def test_a_judgement_is_missing_where_yes_or_no_is_not_listed(folder: str) -> None:
    reply, _ = judged(folder, BOTH, {" Yes": -0.1})
    assert isinstance(reply.judgement.prefix, Missing)
    assert not reply.judgement.verdicts


def generated(folder: str, said: Body) -> Generation | Refused:
    async def run() -> list[Generation | Refused]:
        _, engine = await serve("a-model", api_config(folder, retries=0), PlayedApi(lambda _: said))
        return await engine.generate([Request((5, 6), Sampling(4, logprob_ids=(7,)))])

    (found,) = asyncio.run(run())
    return found


def test_a_token_that_no_text_encodes_to_is_found_in_the_vocabulary(folder: str) -> None:
    tokenizer = HfTokenizer.load(folder)
    every = range(tokenizer.spelt("a") or 0, 700)
    odd = [t for t in every if tokenizer.encode(tokenizer.decode((t,))) != (t,)]
    for token in odd[:20]:
        found = tokenizer.spelt(tokenizer.decode((token,)))
        assert found is not None
        assert tokenizer.decode((found,)) == tokenizer.decode((token,))
    assert tokenizer.spelt("no token has so long a text") is None


def test_an_api_that_lists_no_tokens_is_told(folder: str) -> None:
    choice = {"text": "7", "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 2, "completion_tokens": 1}
    found = generated(folder, {"choices": [choice], "usage": usage})
    assert isinstance(found, Refused)
    assert "it tells no tokens with top_logprobs" in found.message


def test_an_api_that_nobody_says_the_context_of_is_refused(folder: str) -> None:
    async def run() -> tuple[HfTokenizer, OpenAiTokens]:
        return await serve("m", api_config(folder, max_model_len=None), PlayedApi(lambda _: {}))

    with pytest.raises(UnfitServer, match=r"say engine\.max_model_len"):
        asyncio.run(run())


def test_what_is_told_as_no_number_is_unknown() -> None:
    tops = {"a": -1.0, "b": None, "c": True, "d": 3.0, "e": float("nan"), "f": float("inf")}
    told = {"tokens": ["a", "b"], "top_logprobs": [tops, None]}
    assert listed({"logprobs": told}) == (["a", "b"], [{"a": -1.0}, {}])
    with pytest.raises(Unlike, match="it tells no tokens"):
        listed({"logprobs": {"tokens": "ab", "top_logprobs": [{}, {}]}})
