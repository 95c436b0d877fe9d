"""Engines over a random model of two layers: a scripted one and vLLM."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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


def make_reward_model(folder: Path, architecture: str, added: str = "") -> Path:
    """The same model with a random head in place of its own, as its authors save it.

    Of `Qwen2ForProcessRewardModel` two layers and two numbers for each token, of `Qwen2ForPrmModel`
    one layer and one number. `added`: a further special token.
    """
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import PreTrainedTokenizerFast

    make_checkpoint(folder)
    weights = {
        name: tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
        if name != "lm_head.weight"
    }
    hidden = weights["model.norm.weight"].shape[0]
    layers = {
        "Qwen2ForProcessRewardModel": {"score.0": (hidden, hidden), "score.2": (2, hidden)},
        "Qwen2ForPrmModel": {"v_head.summary": (1, hidden)},
    }[architecture]
    for layer, (rows, columns) in layers.items():
        weights[f"{layer}.weight"] = torch.randn(rows, columns) / columns**0.5
        weights[f"{layer}.bias"] = torch.randn(rows)
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": [architecture]}
    if added:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        tokenizer.add_special_tokens({"additional_special_tokens": [added]})
        tokenizer.save_pretrained(folder)
        table = weights["model.embed_tokens.weight"]
        config["vocab_size"] = len(tokenizer)
        weights["model.embed_tokens.weight"] = torch.cat([table, torch.randn(1, hidden)])
    (folder / "config.json").write_text(json.dumps(config))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def head_rows(folder: Path, ids: tuple[int, ...]) -> list[list[float]]:
    """What the head gives each of these tokens, computed by transformers and by hand."""
    import torch
    from safetensors.torch import load_file
    from transformers import Qwen2Model

    weights = load_file(folder / "model.safetensors")
    model = Qwen2Model.from_pretrained(folder, dtype=torch.float32)

    def layer(name: str, value: Any) -> Any:
        return value @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    with torch.inference_mode():
        hidden = model(torch.tensor([ids])).last_hidden_state[0]
        if "v_head.summary.weight" in weights:
            rows = layer("v_head.summary", hidden)
        else:
            rows = layer("score.2", layer("score.0", hidden).relu())
    found: list[list[float]] = rows.tolist()
    return found


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
