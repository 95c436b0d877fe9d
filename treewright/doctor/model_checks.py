"""A config's data and models: what a run would find out only after its engines have started."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from benchmarks.datasets import (
    DatasetConfig,
    DatasetError,
    Sample,
    is_here,
    load_dataset,
    told_size,
)
from engines.checkpoint import damage, special
from engines.tokenizer import HfTokenizer, Tokenizer, TokenizerError
from policies.chat_prompt import ChatPrompt
from policies.qwen import QwenConfig
from scorers.prompt import VerifierPrompt
from scorers.thinkprm import ThinkPrmConfig
from scorers.verdict_ids import UnfitTokenizer, VerdictIds
from search.findings import Finding, fail, ok, warn
from search.questions import Declared
from treewright.config.checks import HUB_NAME
from treewright.config.config import Config
from treewright.plan import size, weights_gib

LONGEST_QUESTIONS = 32
"""How many of the longest questions are tokenised."""
UNMEASURED = "the template works; no question is here to be measured"


def examine_config(config: Config) -> Iterator[Finding]:
    """Data, then each model with what is special to its kind."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # a check downloads nothing, and does not wait for a network
    samples = yield from _data(config.dataset)
    if isinstance(config.policy, QwenConfig):
        told = Declared.of(config.strategy).feedback != "none"
        yield from _policy(config.policy, samples, told=told)
    if isinstance(config.scorer, ThinkPrmConfig):
        yield from _scorer(config.scorer, samples)


def _data(config: DatasetConfig) -> Generator[Finding, None, list[Sample]]:
    """A generator that returns the samples, none where they cannot be had here and now."""
    if not is_here(config):
        told = told_size(config)
        found = f"{'' if told is None else f'{told:,} '}problems of {config.name}"
        advice = "the first run downloads them; no prompt was measured"
        yield warn("dataset", f"{found} are not on this machine", advice)
        return []
    try:
        dataset = load_dataset(config)
    except DatasetError as error:
        yield fail("dataset", str(error), "see dataset: in the config")
        return []
    yield _dataset(len(dataset.samples), len(dataset.bad_rows))
    for note in dataset.notes:
        yield warn("dataset", *note.rsplit(": ", 1))
    return dataset.samples


def _dataset(problems: int, bad_rows: int) -> Finding:
    told = f"{problems} problems"
    if not bad_rows:
        return ok("dataset", told)
    advice = "each becomes an error record and counts for fail_on_error"
    return warn("dataset", f"{told}, {bad_rows} rows that cannot be used", advice)


def _policy(config: QwenConfig, samples: list[Sample], *, told: bool) -> Iterator[Finding]:
    """`told`: whether the search shows the policy what was said of an earlier attempt."""
    yield _weights("policy", config.model)
    tokenizer = yield from _tokenizer("policy", config)
    if tokenizer is None:
        return
    prompt = ChatPrompt(tokenizer, config.system_prompt, config.prompt_template, config.few_shots)
    questions = sorted((sample.problem.question for sample in samples), key=len)
    try:
        lengths = [len(prompt.ids(text)) for text in questions[-LONGEST_QUESTIONS:] or ["?"]]
    except TokenizerError as error:
        yield fail("policy prompt", str(error), "try another system_prompt, or another checkpoint")
        return
    if not samples:
        yield ok("policy prompt", UNMEASURED)
        return
    longest = max(lengths)
    yield _fits("policy prompt", longest, config.sampling.max_tokens, config)
    if told:
        yield _holds_feedback(longest, config)


def _scorer(config: ThinkPrmConfig, samples: list[Sample]) -> Iterator[Finding]:
    yield _weights("scorer", config.model)
    tokenizer = yield from _tokenizer("scorer", config)
    if tokenizer is None:
        return
    try:
        ids = VerdictIds.of(tokenizer, config.model, variants=config.case_variants)
        prompt = VerifierPrompt(tokenizer, config.prefill, config.model)
    except UnfitTokenizer as error:
        yield fail("verdict tokens", str(error), "scorer.model must be a ThinkPRM checkpoint")
        return
    told = (
        f"correct {ids.correct[0]}, incorrect {ids.incorrect[0]}, Yes {ids.yes[0]}, No {ids.no[0]}"
    )
    yield ok("verdict tokens", told)
    if not samples:
        yield ok("scorer prompt", UNMEASURED)
        return
    longest = max((sample.problem.question for sample in samples), key=len)
    yield _fits("scorer prompt", len(prompt.ids(longest, ["?"])), config.max_tokens, config)


def _weights(side: str, model: str) -> Finding:
    folder = Path(model)
    check = f"{side} model"
    if not folder.is_dir():
        if _cached(model):
            return ok(check, f"{model}, in the Hugging Face cache")
        if HUB_NAME.fullmatch(model):
            advice = "the first run downloads it; its tokenizer was not checked"
            return warn(check, f"{model} is not on this machine", advice)
        return fail(check, f"{model}: no such folder", f"see {side}.model in the config")
    if found := damage(folder):
        advice = "give the folder of a checkpoint, or copy it there again"
        return fail(check, f"{model}: {found}", advice)
    return ok(check, f"{model}, {size(weights_gib(model) or 0.0)}")


def _cached(model: str) -> bool:
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    return (cache / f"models--{model.replace('/', '--')}" / "snapshots").is_dir()


def _tokenizer(side: str, config: Any) -> Generator[Finding, None, Tokenizer | None]:
    """A generator that returns the tokenizer, or None where there is none to be had."""
    check = f"{side} tokenizer"
    if not Path(config.model).is_dir() and not _cached(config.model):
        return None
    if special(Path(config.model)):  # told of the model already
        return None
    try:
        tokenizer = HfTokenizer.load(config.model, config.engine.revision)
    except TokenizerError as error:
        yield fail(check, str(error), f"see {side}.model in the config")
        return None
    ends = ", ".join(f"{tokenizer.decode([token])} {token}" for token in tokenizer.eos_ids)
    yield ok(check, f"chat template found; a turn ends with {ends}")
    return tokenizer


def _fits(check: str, prompt: int, generated: int, config: Any) -> Finding:
    """Whether the longest prompt leaves room for what may be generated."""
    limit = config.engine.max_model_len or _context(config.model)
    if limit is None:
        return ok(check, f"up to {prompt} tokens")
    told = f"up to {prompt} tokens, then up to {generated}, of {limit}"
    side = check.partition(" ")[0]
    if prompt >= limit:
        return warn(check, told, f"too long for the model: raise {side}.engine.max_model_len")
    if prompt + generated > limit:
        return warn(check, told, f"some will be cut: raise {side}.engine.max_model_len")
    return ok(check, told)


def _holds_feedback(prompt: int, config: QwenConfig) -> Finding:
    """Whether the longest attempt fits between the prompt and the next attempt.

    What the verifier said of it comes on top.
    """
    attempt, limit = config.sampling.max_tokens, config.engine.max_model_len
    limit = limit or _context(config.model)
    told = f"prompts up to {prompt} tokens, attempts shown up to {attempt}, the next as long"
    if limit is None or prompt + 2 * attempt < limit:
        return ok("policy feedback", told)
    advice = "feedback on long attempts will be cut or left out: raise policy.engine.max_model_len"
    return warn("policy feedback", f"{told}, of {limit}", advice)


def _context(model: str) -> int | None:
    try:
        read = json.loads((Path(model) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = read.get("max_position_embeddings") if isinstance(read, dict) else None
    return found if isinstance(found, int) else None
