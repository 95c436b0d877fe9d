"""A real `vllm serve`, on this machine's CPU: what it gives is the model's own."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import httpx
import pytest

from engines.engine import Finish, Generation, Request, Sampling
from engines.sureness import sureness
from engines.tokenizer import HfTokenizer
from engines.vllm_server_config import VllmServerConfig
from engines.vllm_server_engine import VllmServerEngine
from engines.vllm_wire import GENERATE
from tiny_engines import raw_logprobs

FLAGS = (
    *("--dtype", "float32", "--enforce-eager", "--no-enable-chunked-prefill"),
    *("--block-size", "32", "--kv-cache-memory-bytes", "67108864", "--max-num-seqs", "16"),
    *("--generation-config", "vllm", "--enable-prompt-tokens-details", "--enable-scale-out"),
)
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
START_S = 280.0
RUNNING = re.compile(r"^vllm:num_requests_(?:running|waiting)\{.*\} (\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def address(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = str(root / "benchmarks/arithmetic/verifier")
    log = tmp_path_factory.mktemp("served") / "log"
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model]
    command += ["--host", "127.0.0.1", "--port", str(port), *FLAGS]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | ENVIRONMENT)
    try:
        yield up(f"http://127.0.0.1:{port}", process, log)
    finally:
        process.terminate()
        process.wait(timeout=60)


def up(url: str, process: subprocess.Popen[bytes], log: Path) -> str:
    """The address, once the server is healthy."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return url
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError(log.read_text()[-3000:])


@pytest.mark.engine
@pytest.mark.timeout(420)
def test_a_server_gives_what_the_model_says_and_forgets_what_is_cancelled(
    address: str, root: Path
) -> None:
    model = root / "benchmarks/arithmetic/verifier"
    config = VllmServerConfig(base_urls=(address,), timeout_s=60.0)

    async def use() -> None:
        tokenizer, engine = await config.open(str(model))  # the tokenizers were compared
        assert isinstance(tokenizer, HfTokenizer)
        assert isinstance(engine, VllmServerEngine)
        (server,) = engine._fleet.servers
        assert server.facts is not None
        assert (server.facts.path, server.facts.counts_cached) == (GENERATE, True)
        try:
            prompt = tokenizer.chat([{"role": "user", "content": "What is 3 + 4? " * 8}])
            await says_what_the_model_says(engine, prompt, model)
            await says_how_sure_the_model_was(engine, prompt, model)
            await seeds_hold(engine, prompt)
            await forgets(engine, prompt, address)
        finally:
            await engine.close()

    asyncio.run(use())


async def says_what_the_model_says(
    engine: VllmServerEngine, prompt: tuple[int, ...], model: Path
) -> None:
    """Greedy tokens and log-probabilities, over both paths: 5 labels fit on one, 40 do not."""
    cached = None
    for labels in (tuple(range(5)), tuple(range(40))):
        greedy = Sampling(12, temperature=0.0, logprob_ids=labels)
        (made,) = await engine.generate([Request(prompt, greedy)])
        assert isinstance(made, Generation)
        rows = raw_logprobs(model, prompt, made.token_ids)
        assert [row.index(max(row)) for row in rows] == list(made.token_ids)
        for at, row in zip(made.logprobs, rows, strict=True):
            assert [at[label] for label in labels] == pytest.approx(row[: len(labels)], abs=2e-3)
        said = sum(row[token] for row, token in zip(rows, made.token_ids, strict=True))
        assert made.logprob == pytest.approx(said, abs=2e-2)
        cached = made.cached_tokens
    assert cached == (len(prompt) - 1) // 32 * 32


async def says_how_sure_the_model_was(
    engine: VllmServerEngine, prompt: tuple[int, ...], model: Path
) -> None:
    """By the likeliest tokens alone, hot enough that others are drawn."""
    hot = Sampling(24, temperature=2.0, seed=3, likeliest=20)
    (made,) = await engine.generate([Request(prompt, hot)])
    assert isinstance(made, Generation)
    rows = raw_logprobs(model, prompt, made.token_ids)
    best = [sorted(row)[-20:] for row in rows]
    drawn = [row[token] for row, token in zip(rows, made.token_ids, strict=True)]
    assert any(own < top[0] for own, top in zip(drawn, best, strict=True))
    for told, own, top in zip(made.sureness, drawn, best, strict=True):
        assert astuple(told) == pytest.approx(astuple(sureness(own, top)), abs=5e-3)


async def seeds_hold(engine: VllmServerEngine, prompt: tuple[int, ...]) -> None:
    """A seed gives the same tokens alone and in a batch."""
    requests = [Request(prompt, Sampling(16, seed=(1 << 62) + each)) for each in range(6)]
    batch = await engine.generate(requests)
    alone = [(await engine.generate([each]))[0] for each in requests]
    assert all(isinstance(each, Generation) for each in batch)
    ids = [each.token_ids for each in batch if isinstance(each, Generation)]
    assert ids == [each.token_ids for each in alone if isinstance(each, Generation)]
    assert len(set(ids)) > 1


async def forgets(engine: VllmServerEngine, prompt: tuple[int, ...], address: str) -> None:
    """A cancelled request computes nothing more."""
    (token,) = prompt[:1]
    endless = Request(prompt, Sampling(1500, allowed_ids=(token,)))
    task = asyncio.ensure_future(engine.generate([endless] * 4))
    await asyncio.sleep(1.0)
    assert await running(address) > 0
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(40):
        if not await running(address):
            break
        await asyncio.sleep(0.1)
    assert not await running(address)
    (cut,) = await engine.generate([Request(prompt, Sampling(3, allowed_ids=(token,)))])
    assert isinstance(cut, Generation)
    assert cut.finish is Finish.LENGTH


async def running(address: str) -> float:
    """Requests that the server has, by its own account."""
    async with httpx.AsyncClient() as client:
        return sum(map(float, RUNNING.findall((await client.get(f"{address}/metrics")).text)))
