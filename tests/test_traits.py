"""A kind speaks for itself: parts of one's own, engines and strategies, wherever one asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from engines import vllm_config
from engines.byte_tokenizer import END, ByteTokenizer
from engines.engine import Request, Sampling
from engines.scripted import ScriptedConfig, answer
from engines.vllm_config import VllmConfig, arguments, is_taken
from engines.vllm_setup import engine_arguments
from search.aggregation import MissingRule
from search.budget import Budget
from search.custom import PartError
from search.findings import Health
from search.questions import Declared
from search.strategies.steered import Steered
from treewright.cli import main
from treewright.cluster.config import ClusterConfig
from treewright.cluster.placement import place
from treewright.cluster.room import Node
from treewright.config.fingerprint import identity_of
from treewright.config.load import load_config, load_runnable
from treewright.config.notes import notes
from treewright.doctor.config_checks import examine_config
from treewright.errors import ConfigError

HTTP = """
from dataclasses import dataclass

from engines.config import Machine
from engines.traits import Judges, Traits


@dataclass(frozen=True)
class Remote:
    url: str = "http://127.0.0.1:1/judge"
    model: str = "Qwen2.5-7B-Instruct"
    judges: str = "steps"

    @property
    def traits(self):
        judges = Judges(self.judges)
        return Traits(machine=Machine(), remote=True, most_tokens=500, judges=judges)


@dataclass(frozen=True)
class Odd:
    traits: int = 3


async def build(config):
    raise NotImplementedError
"""
DOUBLES = """
dataset: {name: arithmetic, limit: 3}
policy: {kind: scripted}
scorer: {kind: remote_verifier:Remote}
strategy: {kind: beam, paths: 4, children: 2, depth: 3}
cluster: {backend: inline}
"""
QWEN = ["policy.kind=qwen", "policy.model=Qwen/Qwen2.5-3B-Instruct", "cluster.backend=ray"]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A config of a verifier of one's own that is served over HTTP."""
    monkeypatch.chdir(tmp_path)
    Path("remote_verifier.py").write_text(HTTP)
    Path("own.yaml").write_text(DOUBLES)
    return "own.yaml"


def test_a_verifier_over_http_takes_no_gpu_no_memory_and_no_checkpoint(
    own: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", own]) == 0
    told = capsys.readouterr().out
    assert "at most 18,000 tokens generated, 1 replica, remote" in told
    assert "GiB" not in told
    config = load_config(own)
    parts = {"policy": config.policy, "scorer": config.scorer}
    groups = place(ClusterConfig(), parts, [Node("10.0.0.1", {"GPU": 8, "CPU": 8})])
    assert all("GPU" not in group.bundles[0] for group in groups)
    found = {each.check: each.found for each in examine_config(config)}
    assert "served elsewhere" in found["scorer"]
    known = identity_of(config, "data")
    assert {"scorer.url", "scorer.model", "scorer.source"} <= known.keys()
    assert "versions.torch" not in known


def test_what_a_part_of_ones_own_judges_is_what_it_says(own: str) -> None:
    with pytest.raises(ConfigError, match="judges finished solutions only, and strategy beam"):
        load_config(own, ["scorer.judges=outcome"])
    told = load_config(own, ["scorer.judges=unknown"])
    assert told.aggregate == ("min", "product", "last")
    with pytest.raises(PartError, match=r"Odd\.traits is 3, it must be Traits"):
        load_config(own, ["scorer={kind: remote_verifier:Odd}"])


# --- Engines --------------------------------------------------------------------------------------


def test_an_engine_that_says_no_kind_is_vllm_and_the_fingerprint_says_nothing_of_it() -> None:
    plain = identity_of(load_config("quickstart"), "data")
    assert identity_of(load_config("quickstart", ["policy.engine.kind=vllm"]), "data") == plain
    counted = {key for key in plain if key.startswith("policy.engine.")}
    names = ("dtype", "max_model_len", "quantization", "revision")
    assert counted == {f"policy.engine.{name}" for name in names}


def test_the_fingerprint_of_the_quickstart_is_the_one_that_its_runs_have() -> None:
    known = identity_of(load_config("quickstart"), "data")
    pinned = {key: each for key, each in known.items() if not key.startswith("versions.")}
    pinned = {key: each for key, each in pinned.items() if not key.endswith(".model")}
    assert sha256(repr(sorted(pinned.items())).encode()).hexdigest()[:16] == "cee05295175b2f7c"


def test_a_scripted_engine_needs_no_vllm_and_may_share_the_process() -> None:
    changes = ["policy.engine={kind: scripted}", "scorer.engine=${policy.engine}"]
    config: Any = load_runnable("quickstart", [*changes, "cluster.backend=inline"])
    assert config.scorer.engine.kind == "scripted"
    known = identity_of(config, "data")
    assert "policy.engine.says" in known
    assert "versions.vllm" not in known
    with pytest.raises(ConfigError, match="no such engine; did you mean scripted"):
        load_config("quickstart", ["policy.engine.kind=scriptd"])
    with pytest.raises(ConfigError, match="threads: no such key"):
        load_config("quickstart", ["policy.engine={kind: scripted, threads: 2}"])


def test_another_kind_of_engine_starts_its_section_anew_and_the_same_kind_does_not() -> None:
    scripted: Any = load_config("quickstart", ["policy.engine.kind=scripted"])
    assert scripted.policy.engine == ScriptedConfig()  # without the keys that vllm has in the file
    same: Any = load_config("quickstart", ["policy.engine.kind=vllm"])
    assert same.policy.engine.max_num_seqs == 64


def test_a_scripted_engine_goes_on_with_the_text_that_the_prompt_ends_in() -> None:
    text = (*ByteTokenizer().encode("one\n\ntwo"), END)
    asked = Sampling(max_tokens=99)
    assert answer([text], Request((1, 2), asked)) == text
    assert answer([text], Request((1, *text[:5]), asked)) == text[5:]
    only = Sampling(max_tokens=1, allowed_ids=(7,))
    assert answer([text], Request((1,), only)) == (7,)


@pytest.mark.skipif(not arguments(), reason="vLLM is not installed")
def test_a_further_argument_is_handed_to_vllm_and_counts_unless_it_cannot_matter() -> None:
    changes = ["policy.engine.extra={hf_overrides: {a: [1, 'x']}, log_level: debug}"]
    config: Any = load_runnable("quickstart", changes)
    assert config.policy.engine.extra == {"hf_overrides": {"a": [1, "x"]}, "log_level": "debug"}
    for device in ("cpu", "cuda"):
        assert engine_arguments("m", config.policy.engine, device)["log_level"] == "debug"
    plain = identity_of(load_config("quickstart"), "data")
    added = identity_of(config, "data").keys() - plain.keys()
    assert added == {"policy.engine.extra.hf_overrides"}
    with pytest.raises(ConfigError, match="did you mean enable_prefix_caching"):
        load_runnable("quickstart", ["policy.engine.extra={enable_prefix_cachin: true}"])
    with pytest.raises(ConfigError, match="max_logprobs: 'many' is not what vLLM takes; it is int"):
        load_runnable("quickstart", ["policy.engine.extra.max_logprobs=many"])
    config = load_config("quickstart", ["policy.engine.extra.max_logprobs=many"])
    found = next(each for each in examine_config(config) if each.check == "policy engine")
    assert (found.health, found.advice) == (Health.FAIL, "it is int")
    assert all(is_taken(value, "float | None") for value in (0, 0.5, None))
    assert is_taken(5, "str | LoadFormats")


@pytest.mark.parametrize(
    ("name", "use"), [("threads", "engine.threads"), ("kv_cache_memory_bytes", "engine.memory_gib")]
)
def test_a_further_argument_with_a_key_of_its_own_is_refused(name: str, use: str) -> None:
    with pytest.raises(ValueError, match=f"^extra: {name} is set already; use {use}"):
        VllmConfig(extra={name: 1})


def test_without_vllm_the_names_are_said_to_be_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_config, "arguments", dict)
    config = load_runnable("quickstart", ["policy.engine.extra={nonsense: 1}"])
    assert any("unchecked: nonsense" in note for note in notes(config))


# --- Strategies -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Samples(Steered):
    """A search of one's own that names no widths."""

    samples: int = 8
    candidates: int = 1
    aggregate: str = "history.last"
    missing: MissingRule = MissingRule.WORST
    budget: Budget = field(default_factory=Budget)

    @property
    def draws(self) -> int:
        return self.samples

    def search(self, problem: Any) -> Any:
        raise NotImplementedError


def test_a_width_of_any_name_counts_and_a_single_draw_does_not() -> None:
    assert Declared.of(Samples()).draws_alike
    assert not Declared.of(Samples(samples=1)).draws_alike
    assert Declared.of(Samples()).steered_by == "history.last"
