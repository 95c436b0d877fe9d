"""The fingerprint of a config: all that can change an output, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorers.scripted import ScriptedScorerConfig
from scorers.thinkprm_config import ThinkPrmConfig
from treewright.config.fingerprint import (
    _leaves,
    differences,
    fingerprint,
    identity_of,
    model_digest,
)
from written_configs import BASE, QWEN, Load


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("seed=1", "seed"),
        ("strategy.n=5", "strategy.n"),
        ("strategy.kind=majority", "strategy.kind"),
        ("policy.model=Qwen/Qwen2.5-1.5B-Instruct", "policy.model"),
        ("policy.system_prompt=think", "policy.system_prompt"),
        ("policy.few_shots=[{question: a, solution: b}]", "policy.few_shots"),
        ("policy.sampling.temperature=0.8", "policy.sampling.temperature"),
        ("policy.sampling.top_p=0.9", "policy.sampling.top_p"),
        ("policy.sampling.max_tokens=9", "policy.sampling.max_tokens"),
        ("policy.segmentation.kind=whole", "policy.segmentation.kind"),
        ("policy.engine.dtype=float32", "policy.engine.dtype"),
        ("policy.engine.revision=main", "policy.engine.revision"),
        ("policy.engine.max_model_len=99", "policy.engine.max_model_len"),
        ("scorer.prefill=verify_step", "scorer.prefill"),
        ("scorer.chains=4", "scorer.chains"),
        ("scorer.combine=logit", "scorer.combine"),
        ("scorer.decision_temperature=2", "scorer.decision_temperature"),
        ("scorer.kind=scripted", "scorer.kind"),
    ],
)
def test_what_can_change_an_output_changes_the_fingerprint(
    load: Load, change: str, key: str
) -> None:
    before, after = load(QWEN), load(QWEN, "select=[first]", "aggregate=[]", change)
    assert fingerprint(before, "d") != fingerprint(after, "d")
    assert key in differences(identity_of(before, "d"), identity_of(after, "d"))


@pytest.mark.parametrize(
    "change",
    [
        "name=other",
        "output_dir=elsewhere",
        "aggregate=[mean]",
        "select=[first]",
        "missing=fail",
        "fail_on_error=7",
        "grading.kind=exact",
        "cluster.policy_replicas=4",
        "policy.engine.max_num_seqs=8",
        "policy.engine.device=cpu",
        "scorer.engine.memory_gib=1",
    ],
)
def test_what_changes_no_output_leaves_the_fingerprint(load: Load, change: str) -> None:
    assert fingerprint(load(QWEN, change), "d") == fingerprint(load(QWEN), "d")


def test_the_data_count_by_their_content(load: Load) -> None:
    assert fingerprint(load(), "a") != fingerprint(load(), "b")
    changed = differences(identity_of(load(), "a"), identity_of(load(), "b"))
    assert changed == ["dataset"]


def test_a_model_counts_by_its_content_wherever_it_lies(load: Load, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    one, two = (load(QWEN, f"policy.model={tmp_path / name}") for name in ("one", "two"))
    assert fingerprint(one, "d") == fingerprint(two, "d")
    before = identity_of(two, "d")
    (tmp_path / "two" / "config.json").write_text('{"a": 1}')
    assert differences(before, identity_of(two, "d")) == ["policy.model"]


def test_a_large_file_counts_by_size_and_both_ends(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    size = 6 * 2**20

    def digest(at: int | None = None, size: int = size) -> str:
        with weights.open("wb") as file:
            file.truncate(size)
            if at is not None:
                file.seek(at)
                file.write(b"x")
        return model_digest(tmp_path)

    assert len({digest(), digest(0), digest(size - 1), digest(size=size + 1)}) == 4


def test_the_versions_of_the_engine_count_only_where_there_is_one(load: Load) -> None:
    assert [key for key in identity_of(load(BASE), "") if "vllm" in key] == []
    assert "versions.vllm" in identity_of(load(QWEN), "")


def test_a_key_that_came_later_counts_only_where_it_is_set() -> None:
    """So a run that was made before there was the key can still be resumed."""
    said = dict(_leaves(ThinkPrmConfig("m"), "scorer"))
    later = {"incremental", "recheck_every", "final", "after_incorrect"}
    later |= {"rounds", "again", "min_tokens", "wait", "verifier_instruction"}
    assert {f"scorer.{key}" for key in later}.isdisjoint(said)
    assert "scorer.chains" not in dict(_leaves(ScriptedScorerConfig(), "scorer"))
    assert dict(_leaves(ThinkPrmConfig("m", incremental=True), "scorer")) == {
        **said,
        "scorer.incremental": True,
    }
