"""The law of `close`: every port and every engine has it, and may be closed again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engines.byte_tokenizer import ByteTokenizer
from engines.scripted_engine import ScriptedEngine
from engines.token_clock import Timing
from policies import scripted as scripted_policy
from policies import simulated as simulated_policy
from policies.qwen import Qwen
from policies.qwen_config import QwenConfig
from policies.structured import Structured, StructuredConfig
from scorers import no_scorer
from scorers import scripted as scripted_scorer
from scorers import simulated as simulated_scorer
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig
from search.ports import Closing
from thinkprm_tokenizer import TOKENIZER
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy, PooledScorer
from treewright.cluster.replica import builder
from treewright.exchange import imported
from treewright.exchange.recording import FilePorts
from treewright.running.memory import RecordedPorts, SparedScorer

Make = Callable[[], Awaitable[Any]]


def serves(make: Callable[[ScriptedEngine], Any]) -> Make:
    """A port over a scripted engine."""

    async def made() -> Any:
        return make(ScriptedEngine({}))

    return made


def pool() -> Pool:
    return Pool(lambda: InlineReplica(builder(no_scorer.NoScorerConfig())), 1, PoolLimits())


async def started(kind: Callable[[Pool], Any]) -> Any:
    replicas = pool()
    await replicas.start()
    return kind(replicas)


BYTES = ByteTokenizer()
PORTS: dict[str, Make] = {
    "engine": serves(lambda engine: engine),
    "qwen": serves(lambda engine: Qwen(QwenConfig("m"), engine, BYTES)),
    "structured": serves(lambda engine: Structured(StructuredConfig("m"), engine, BYTES)),
    "thinkprm": serves(lambda engine: ThinkPrm(ThinkPrmConfig("m"), engine, TOKENIZER)),
    "scripted policy": lambda: scripted_policy.build(scripted_policy.ScriptedPolicyConfig()),
    "scripted scorer": lambda: scripted_scorer.build(scripted_scorer.ScriptedScorerConfig()),
    "simulated policy": lambda: simulated_policy.build(
        simulated_policy.SimulatedPolicyConfig(timing=Timing())
    ),
    "simulated scorer": lambda: simulated_scorer.build(
        simulated_scorer.SimulatedScorerConfig(timing=Timing())
    ),
    "no scorer": lambda: no_scorer.build(no_scorer.NoScorerConfig()),
    "imported": lambda: imported.build(imported.ImportedFile("0" * 64)),
    "a file": serves(lambda _: FilePorts({})),
    "recorded ports": serves(lambda _: RecordedPorts()),
    "spared scorer": serves(lambda _: SparedScorer(RecordedPorts(), {})),
    "pooled policy": lambda: started(PooledPolicy),
    "pooled scorer": lambda: started(PooledScorer),
}


@pytest.mark.parametrize("name", PORTS)
def test_every_port_can_be_closed_and_closed_again(name: str) -> None:
    async def twice() -> None:
        port = await PORTS[name]()
        assert isinstance(port, Closing)
        await port.close()
        await port.close()

    asyncio.run(twice())


@pytest.mark.parametrize("port", ["qwen", "structured", "thinkprm", "spared"])
def test_what_is_behind_a_port_is_closed_with_it(port: str) -> None:
    engine = ScriptedEngine({})
    ports: dict[str, Closing] = {
        "qwen": Qwen(QwenConfig("m"), engine, BYTES),
        "structured": Structured(StructuredConfig("m"), engine, BYTES),
        "thinkprm": (verifier := ThinkPrm(ThinkPrmConfig("m"), engine, TOKENIZER)),
        "spared": SparedScorer(verifier, {}),
    }
    asyncio.run(ports[port].close())
    with pytest.raises(Exception, match="closed"):
        asyncio.run(engine.generate([]))
