"""A scorer of every registered kind, on doubles of what it asks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from random import Random

import httpx

from engines.byte_tokenizer import END, ByteTokenizer
from engines.engine import Request
from engines.scripted import drawn
from engines.scripted_engine import ScriptedEngine
from engines.scripted_scoring import ScriptedScoring
from engines.token_clock import Timing
from scorers.cascade import Cascade, CascadeConfig
from scorers.confidence import ConfidenceConfig, ConfidenceScorer
from scorers.ensemble import Ensemble, EnsembleConfig
from scorers.http_config import HttpConfig
from scorers.http_prm import HttpScorer
from scorers.judge import Judge, JudgePrompt
from scorers.judge_config import JudgeConfig
from scorers.members import remade
from scorers.no_scorer import NoScorer
from scorers.orm import Orm, OrmConfig
from scorers.prm import Prm
from scorers.prm_config import PrmConfig
from scorers.prm_families import FAMILIES
from scorers.prm_readers import HeadReader
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from scorers.simulated import SimulatedScorer, SimulatedScorerConfig
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig
from search.ports import Scorer

WORDS = ("correct", "incorrect", " Yes", " No", "<think>", "</think>")


class VerifierTokenizer(ByteTokenizer):
    """Bytes, the verdict words and the marks of R1-Distill's template."""

    def __init__(self) -> None:
        super().__init__([word.encode() for word in WORDS])

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        return (*super().chat(messages), *self.encode("<think>\n"))


TOKENIZER = VerifierTokenizer()
CORRECT, INCORRECT, YES, NO, _, END_OF_THINK = (TOKENIZER.encode(word)[0] for word in WORDS)


def babble(request: Request) -> tuple[int, ...]:
    """A verifier that writes anything at all, the same for the same request."""
    rng = Random(repr((request.prompt, request.sampling.seed)))
    if request.sampling.allowed_ids:
        return (rng.choice((YES, NO)),)
    phrases = [
        rf"Step {rng.randrange(8)}: ",
        rf"The step is \boxed{{{rng.choice(('correct', 'incorrect'))}}}. ",
        rf"so **{rng.choice(('correct', 'incorrect'))}**\n",
        "\nIs the solution correct? Yes",
        "\n\n",
        "é 正 ",
    ]
    ids = TOKENIZER.encode("".join(rng.choices(phrases, (4, 4, 1, 1, 2, 1), k=9)))
    return ids + rng.choice(((END_OF_THINK,), (END,), ()))


def any_odds(request: Request, ids: tuple[int, ...]) -> dict[int, float]:
    """Log-probabilities of anything at all, the same for the same request and position."""
    rng = Random(repr((request.prompt, request.sampling.seed, ids)))
    return {token: math.log(rng.uniform(1e-9, 0.6)) for token in (CORRECT, INCORRECT, YES, NO)}


def thinkprm() -> Scorer:
    config = ThinkPrmConfig("babbler", chains=2, max_tokens=200, case_variants=False)
    # A block as long as the model: what is cached does not depend on what was asked before.
    engine = ScriptedEngine(babble, (END,), odds=any_odds, max_model_len=4096, block_size=4096)
    return ThinkPrm(config, engine, TOKENIZER)


def prm() -> Scorer:
    tokenizer = ByteTokenizer([b"<extra_0>"])
    prepared = FAMILIES["qwen_math"].prepare(tokenizer, "m")
    engine = ScriptedScoring(drawn, max_model_len=4096, block_size=4096)
    return Prm(PrmConfig("m", "qwen_math"), prepared, HeadReader(engine, 2))


def orm() -> Scorer:
    engine = ScriptedScoring(drawn, max_model_len=4096, block_size=4096)
    return Orm(OrmConfig("m"), engine, ByteTokenizer())


def judge() -> Scorer:
    config = JudgeConfig(
        "m",
        rubric="{question} {before} {step}",
        critique_tokens=20,
        temperature=0.7,
        verdicts=("Y", "N"),
    )
    engine = ScriptedEngine(babble, (END,), odds=yes_or_no, max_model_len=8192, block_size=8192)
    return Judge(config, engine, JudgePrompt(config, TOKENIZER))


def yes_or_no(request: Request, ids: tuple[int, ...]) -> dict[int, float]:
    """Log-probabilities of both verdicts, the same for the same request and position."""
    good = 0.2 + hash((request.prompt, len(ids))) % 30 / 100
    return {ord("Y"): math.log(good), ord("N"): math.log(0.3)}


def ensemble() -> Scorer:
    members = (remade("scripted", {}), remade("scripted", {}))
    ports = [ScriptedScorer(ScriptedScorerConfig(skill=0.6, missing=0.2)), prm()]
    return Ensemble(EnsembleConfig(members, missing="skip"), ports)


def cascade() -> Scorer:
    first, then = remade("scripted", {}), remade("scripted", {})
    ports = [prm(), ScriptedScorer(ScriptedScorerConfig(skill=0.6, missing=0.2))]
    return Cascade(CascadeConfig(first, then, between=(0.4, 0.6)), ports)


def served(request: httpx.Request) -> httpx.Response:
    """A server that judges at random, and refuses some."""
    answers: list[dict[str, object]] = []
    for item in json.loads(request.content)["items"]:
        rng = Random(repr((item["problem"], item["steps"])))
        steps = [rng.choice([None, rng.random()]) for _ in item["steps"]]
        told = {"steps": steps, "prefix": rng.random(), "tokens": {"prompt": 9, "generated": 1}}
        answers.append({"error": "no"} if rng.random() < 0.1 else told)
    return httpx.Response(200, json={"items": answers})


def http() -> Scorer:
    config = HttpConfig("http://127.0.0.1:9/judge", wait_s=0.0)
    return HttpScorer(config, transport=httpx.MockTransport(served))


SCORERS: dict[str, Callable[[], Scorer]] = {
    "thinkprm": thinkprm,
    "prm": prm,
    "orm": orm,
    "judge": judge,
    "ensemble": ensemble,
    "cascade": cascade,
    "confidence": lambda: ConfidenceScorer(ConfidenceConfig()),
    "http": http,
    "scripted": lambda: ScriptedScorer(ScriptedScorerConfig(skill=0.6, missing=0.2)),
    "simulated": lambda: SimulatedScorer(
        SimulatedScorerConfig(missing=0.2, timing=Timing(speed=1e9))
    ),
    "none": NoScorer,
}
