"""Engines over a random model of two layers: a scripted one and vLLM."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from engines.engine import Engine, Generation, Request
from engines.scripted_engine import ScriptedEngine
from engines.tokenizer import HfTokenizer
from engines.vllm_config import VllmConfig
from engines.vllm_server_config import VllmServerConfig
from engines.vllm_server_engine import VllmServerEngine
from engines.vllm_wire import COMPLETIONS, GENERATE
from played_server import PlayedServer

BLOCK, CONTEXT = 32, 256
SPECIAL = ("<|end|>", "<|pad|>")
TEMPLATE = "{% for m in messages %}{{ m['content'] }}<|end|>{% endfor %}"


@dataclass(frozen=True)
class Served:
    """An engine and what a test must know of its model."""

    engine: Engine
    tokenizer: HfTokenizer
    vocab_size: int
    folder: Path

    def ask(self, *requests: Request) -> list[Generation]:
        """The answers to requests that must be served."""
        answers = asyncio.run(self.engine.generate(requests))
        assert [type(answer) for answer in answers] == [Generation] * len(requests)
        return [answer for answer in answers if isinstance(answer, Generation)]

    def token(self, text: str) -> int:
        (token,) = self.tokenizer.encode(text)
        return token


def make_checkpoint(folder: Path) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({symbol: i for i, symbol in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=SPECIAL[0], pad_token=SPECIAL[1]
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT,
        initializer_range=0.3,  # sharper than a fresh model, so that log-probabilities differ
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = Qwen2ForCausalLM(config)
    # Sampling defaults that must not leak into a request, and a second end token.
    model.generation_config.update(
        eos_token_id=[tokenizer.eos_token_id, tokenizer.pad_token_id],
        do_sample=True,
        temperature=0.01,
        top_k=1,
        repetition_penalty=5.0,
    )
    model.save_pretrained(folder)
    return folder


def scripted(folder: Path) -> Served:
    tokenizer = HfTokenizer.load(str(folder))
    size = tokenizer.eos_ids[-1] + 1
    engine = ScriptedEngine(
        lambda request: [7, 8, 9, 10, 11] * CONTEXT,
        tokenizer.eos_ids,
        decode=tokenizer.decode,
        vocab_size=size,
        max_model_len=CONTEXT,
    )
    return Served(engine, tokenizer, size, folder)


def over_http(folder: Path, path: str = GENERATE) -> Served:
    """The scripted engine behind a server."""
    behind = scripted(folder)
    config = VllmServerConfig(served_model_name="the-model", retries=1)
    server = PlayedServer(behind.engine, behind.tokenizer, path, context=CONTEXT)
    engine = asyncio.run(VllmServerEngine.start("x", config, behind.tokenizer, transport=server))
    return replace(behind, engine=engine)


def over_completions(folder: Path) -> Served:
    """The same behind one that has only `/v1/completions`."""
    return over_http(folder, COMPLETIONS)


def real(folder: Path) -> Served:
    from engines.vllm_engine import serve

    tokenizer, engine = asyncio.run(serve(str(folder), VllmConfig(memory_gib=0.05)))
    return Served(engine, tokenizer, tokenizer.eos_ids[-1] + 1, folder)


def raw_logprobs(
    folder: Path, prompt_ids: tuple[int, ...], said: tuple[int, ...]
) -> list[list[float]]:
    """One row for each token said: the log-probabilities that transformers gives the vocabulary."""
    import torch
    from transformers import Qwen2ForCausalLM

    model = Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        logits = model(torch.tensor([prompt_ids + said])).logits[0]
    rows: list[list[float]] = logits.log_softmax(-1)[len(prompt_ids) - 1 : -1].tolist()
    return rows
