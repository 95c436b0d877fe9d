"""A running vLLM, or several replicas of one, behind the Engine port.

One engine balances over all its servers. A server costs this side nothing but open connections, so
there is no process for each; what one replica of a port would do with another's servers when its
own is dead, the one engine does at once, with the same seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from secrets import token_hex

from engines.engine import EngineError, Facts, Generation, Refused, Request, refusal
from engines.http_client import Transport
from engines.http_fault import HttpFault, Trouble
from engines.prefix_affinity import blocks
from engines.retrying import Late, Patience
from engines.tokenizer import HfTokenizer
from engines.vllm_fleet import Fleet
from engines.vllm_joining import join
from engines.vllm_server_config import VllmServerConfig
from search.gather import gather

ANY_TOKEN = 2**31
"""The servers know their vocabulary, and refuse what is not in it."""


async def serve(model: str, config: VllmServerConfig) -> tuple[HfTokenizer, VllmServerEngine]:
    """The tokenizer of a checkpoint and an engine over the servers that serve it.

    Raises:
        TokenizerError: the folder is missing, or is no chat checkpoint.
        UnfitServer: what answers is no vLLM, serves another model, or has another tokenizer.
        EngineError: no server answers.
    """
    key = config.key()
    # Not in a thread: two that import transformers at once see each other's half.
    tokenizer = HfTokenizer.load(model, config.revision, template_args=config.chat_template_args)
    return tokenizer, await VllmServerEngine.start(model, config, tokenizer, key)


class VllmServerEngine:
    """The Engine port, served by running vLLM servers."""

    def __init__(self, fleet: Fleet, config: VllmServerConfig, tokenizer: HfTokenizer) -> None:
        self._fleet = fleet
        self._eos_ids = tokenizer.eos_ids
        self._patience = Patience(config.retries, config.timeout_s, Random(), fleet.name)
        self._salt = "" if config.share_cache else token_hex(8)
        self._steps = 0

    @classmethod
    async def start(
        cls,
        model: str,
        config: VllmServerConfig,
        tokenizer: HfTokenizer,
        key: str | None = None,
        transport: Transport | None = None,
    ) -> VllmServerEngine:
        """Look at every server; `transport` is for tests. Raises as `serve` does."""
        servers = await join(model, config, tokenizer, key, transport)
        return cls(Fleet(servers), config, tokenizer)

    @property
    def max_model_len(self) -> int:
        """The longest prompt plus generation, in tokens."""
        return self._fleet.max_model_len

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        """`generations[i]` answers `batch[i]`. Raises `EngineError` when all servers are dead."""
        return await gather(self._one(request) for request in batch)

    def engine_steps(self) -> int:
        """How often a server answered."""
        return self._steps

    def describe(self) -> Facts:
        """See `Describing`."""
        return self._fleet.describe()

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._fleet.close()

    async def _one(self, request: Request) -> Generation | Refused:
        if refused := refusal(request, self._fleet.max_model_len, ANY_TOKEN):
            return refused
        request = replace(request, cache=self._salt + request.cache)
        prompt = blocks(request.prompt, request.cache)
        try:
            return await self._patience.persist(lambda: self._send(request, prompt))
        except Late as late:
            return Refused(str(late), again=True)
        except HttpFault as fault:
            if fault.trouble is Trouble.REFUSED:
                return Refused(str(fault), again=fault.passing)
            if fault.trouble is Trouble.UNREACHABLE and not await self._fleet.any_up():
                raise EngineError(f"no server answers: {fault}") from fault
            if fault.trouble is Trouble.UNAUTHORISED:
                raise EngineError(f"the key is not taken any more: {fault}") from fault
            return Refused(self._patience.told(fault), again=True)

    async def _send(self, request: Request, prompt: Sequence[int]) -> Generation | Refused:
        """One try, at the server that suits best."""
        server = await self._fleet.choose(prompt)
        try:
            with self._fleet.serving(server, prompt):
                answer = await server.generate(request, self._fleet.max_model_len, self._eos_ids)
        except HttpFault as fault:
            if fault.trouble is Trouble.UNREACHABLE:
                await self._fleet.examine(server, str(fault))
            raise
        self._steps += 1
        return answer
