"""The configs that ship: each loads, says what it is, and asks what it is meant to ask.

The prompts of the MATH-500 config are pinned, token by token, over the real Qwen vocabulary.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import dashscope
import pytest
import tiktoken
import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from policies.chat_prompt import ChatPrompt
from policies.qwen_config import QwenConfig
from policies.segmentation import Segmenter
from scorers.prompt import VerifierPrompt
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import StopReason
from treewright.config.config import Config
from treewright.config.load import load_config, to_yaml
from treewright.config.location import configs

GOLDEN = json.loads((Path(__file__).parent / "golden" / "math500_prompt.json").read_text())
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT = {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645}
R1 = {
    "<｜end▁of▁sentence｜>": 151643,
    "<｜User｜>": 151644,
    "<｜Assistant｜>": 151645,
    "<｜begin▁of▁sentence｜>": 151646,
    "<think>": 151648,
    "</think>": 151649,
}


class QwenVocabulary:
    """The real vocabulary of Qwen2, with the control tokens of one of its two families."""

    def __init__(self, control: Mapping[str, int]) -> None:
        self.control = control
        self.eos_ids = (151645,) if control is CHAT else (151643,)

    @cached_property
    def _bpe(self) -> tiktoken.Encoding:
        file = Path(dashscope.__file__).parent / "resources" / "qwen.tiktoken"
        lines = (line.split() for line in file.read_bytes().splitlines() if line)
        ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
        return tiktoken.Encoding(
            "qwen2", pat_str=QWEN2_SPLIT, mergeable_ranks=ranks, special_tokens=dict(self.control)
        )

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._bpe.encode_ordinary(text))

    def decode(self, ids: Sequence[int]) -> str:
        return self._bpe.decode_bytes(list(ids)).decode("utf-8", "replace")

    def token_id(self, token: str) -> int | None:
        return self.control.get(token)

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        return self._r1(messages) if self.control is R1 else self._chat_ml(messages)

    def _chat_ml(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Qwen2.5-Instruct's template: a turn is `<|im_start|>role\\ncontent<|im_end|>\\n`."""
        start, end, newline = CHAT["<|im_start|>"], CHAT["<|im_end|>"], self.encode("\n")
        ids: tuple[int, ...] = ()
        for turn in messages:
            text = self.encode(f"{turn['role']}\n{turn['content']}")
            ids += (start, *text, end, *newline)
        return (*ids, start, *self.encode("assistant\n"))

    def _r1(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        (turn,) = messages
        bos, user, assistant, think = list(R1.values())[3], *list(R1.values())[1:3], R1["<think>"]
        newline = self.encode("\n")
        return (bos, user, *self.encode(turn["content"]), assistant, think, *newline)


@pytest.fixture(scope="module")
def math500() -> Config:
    return load_config("math500_qwen25_thinkprm")


@pytest.fixture(scope="module")
def policy(math500: Config) -> QwenConfig:
    assert isinstance(math500.policy, QwenConfig)
    return math500.policy


@pytest.fixture(scope="module")
def scorer(math500: Config) -> ThinkPrmConfig:
    assert isinstance(math500.scorer, ThinkPrmConfig)
    return math500.scorer


def test_every_file_in_configs_is_found_by_its_name(root: Path) -> None:
    assert set(configs()) >= {path.stem for path in (root / "configs").glob("*.yaml")}


@pytest.mark.parametrize("name", [name for name in sorted(configs()) if "sweep" not in name])
def test_every_shipped_config_loads_and_says_what_it_is(name: str) -> None:
    config: Any = load_config(name)
    assert config.name == name
    first, _, rest = configs()[name].read_text().partition("\n")
    assert first.startswith("# ")
    assert f"treewright run {name}" in rest
    assert load_config(name).written == config.written
    assert yaml.safe_load(to_yaml(config, resolved=True))["name"] == name


def test_the_quickstart_is_small_and_runs_on_anything() -> None:
    config: Any = load_config("quickstart")
    assert config.strategy.n == 16
    assert (config.dataset.name, config.dataset.split, config.dataset.limit) == (
        *("arithmetic_levels", "test"),
        64,
    )
    for engine in (config.policy.engine, config.scorer.engine):
        assert engine.device == "auto"
        assert engine.gpu_memory_utilization <= 0.4  # two engines share a GPU
    assert config.aggregate == ("min", "product", "last", "mean", "history.last")
    assert config.select == ("first", "best", "weighted", "majority")


STAND_INS = [name for name in configs() if name.endswith("_arithmetic") and "sweep" not in name]


@pytest.mark.parametrize("name", ["quickstart", *sorted(STAND_INS)])
def test_the_stand_ins_are_served_as_they_were_trained_and_share_a_gpu(name: str) -> None:
    config: Any = load_config(name)
    for engine in (config.policy.engine, getattr(config.scorer, "engine", config.policy.engine)):
        assert (engine.dtype, engine.memory_gib <= 0.5) == ("float32", True)
        assert engine.gpu_memory_utilization <= 0.4


def test_the_quickstart_asks_only_models_that_ship(root: Path) -> None:
    config: Any = load_config("quickstart")
    for settings in (config.policy, config.scorer):
        assert Path(settings.model).parent == root / "benchmarks" / "arithmetic"


def test_the_math500_models_are_pinned(policy: QwenConfig, scorer: ThinkPrmConfig) -> None:
    for settings in (policy, scorer):
        engine: Any = settings.engine
        assert len(engine.revision or "") == 40
        assert (engine.device, engine.dtype) == ("cuda", "bfloat16")


@pytest.mark.parametrize("name", [name for name in sorted(configs()) if name.startswith("math500")])
def test_the_math500_contexts_hold_what_may_be_generated(name: str) -> None:
    config: Any = load_config(name)
    question = 1024  # tokens; the longest of MATH-500 has fewer
    solution = config.policy.sampling.max_tokens
    assert config.policy.engine.max_model_len >= question + solution
    assert config.scorer.engine.max_model_len >= question + solution + config.scorer.max_tokens


def test_the_policy_prompt_of_math500_is_pinned(policy: QwenConfig) -> None:
    tokenizer = QwenVocabulary(CHAT)
    prompt = ChatPrompt(tokenizer, policy.system_prompt, policy.prompt_template, policy.few_shots)
    ids = prompt.ids(GOLDEN["question"])
    assert tokenizer.decode(ids) == GOLDEN["policy"]["text"]
    assert list(ids) == GOLDEN["policy"]["ids"]


def test_the_verifier_prompt_of_math500_is_pinned(scorer: ThinkPrmConfig) -> None:
    tokenizer = QwenVocabulary(R1)
    prompt = VerifierPrompt(tokenizer, scorer.prefill, scorer.model)
    ids = prompt.ids(GOLDEN["question"], GOLDEN["steps"])
    assert tokenizer.decode(ids) == GOLDEN["verifier"]["text"]
    assert list(ids) == GOLDEN["verifier"]["ids"]
    assert ids.count(R1["<｜begin▁of▁sentence｜>"]) == 1


def test_the_steps_that_the_prompt_asks_for_are_the_steps_that_are_judged(
    policy: QwenConfig,
) -> None:
    tokenizer = QwenVocabulary(CHAT)
    segmenter = Segmenter(policy.segmentation, tokenizer)
    ids = (*tokenizer.encode("\n\n".join(GOLDEN["steps"])), *tokenizer.eos_ids)
    steps = segmenter.split(ids, StopReason.EOS)
    assert [step.text.strip() for step in steps] == GOLDEN["steps"]
