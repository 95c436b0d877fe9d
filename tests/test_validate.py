"""`validate`: what is known of a run before it runs, without network; what is not is unknown."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from benchmarks.datasets import DATASETS, DatasetConfig, hub, load_dataset, told_size
from search.findings import Health
from treewright.cli import main
from treewright.config.load import load_config
from treewright.doctor.config_checks import examine_config
from treewright.plan import RunPlan, make_plan
from treewright.report.page import render
from treewright.report.report import measured

REMOTE = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Http:
    url: str = "http://127.0.0.1:1"
    model: str = "Qwen2.5-7B-Instruct"
    engine: str = "theirs"
    max_tokens: int = 5

async def build(config):
    raise NotImplementedError
"""
DOUBLES = """
dataset: {name: arithmetic, limit: 3}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline}
"""


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, no network to ask, and a folder of one's own."""

    def asked() -> bool:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "hub_answers", asked)
    monkeypatch.chdir(tmp_path)
    Path("remote.py").write_text(REMOTE)
    Path("doubles.yaml").write_text(DOUBLES)


def test_a_pilot_runs_problems_and_tells_what_all_will_take_and_leaves_no_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["validate", "doubles.yaml", "dataset.limit=12", "--pilot", "4", "--json"]) == 0
    pilot = json.loads(capsys.readouterr().out)["pilot"]
    assert (pilot["problems"], pilot["failed"]) == (4, 0)
    tokens = pilot["expected_generated_tokens"]
    assert 0 < tokens["low"] <= tokens["expected"] <= tokens["high"]
    assert pilot["expected_seconds"]["low"] >= pilot["seconds"]
    assert "expected_gpu_hours" not in pilot, "there are no GPUs"
    assert not Path("runs").exists()
    assert main(["validate", "doubles.yaml", "--pilot", "8"]) == 0
    told = capsys.readouterr().out
    assert "3 problems in 0:00" in told
    assert "GPU-hours" not in told


@pytest.mark.parametrize(("fail", "code"), [(1.0, 3), (0.3, 0)])
def test_a_pilot_whose_verifier_is_down_tells_so_and_takes_no_such_problem_for_cheap(
    fail: float, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["validate", "doubles.yaml", "dataset.limit=12", "--pilot", "12", "--json"]
    assert main(words) == 0
    whole = json.loads(capsys.readouterr().out)["pilot"]
    assert main([*words, f"scorer.faults.fail={fail}"]) == code
    out, err = capsys.readouterr()
    if code:
        assert "no problem of the pilot ended: " in err
        return
    pilot = json.loads(out)["pilot"]
    assert 0 < pilot["failed"] < 12
    least = pilot["expected_generated_tokens"]["expected"] / 12
    assert least > 0.5 * whole["expected_generated_tokens"]["expected"] / 12


def planned(*overrides: str) -> RunPlan:
    """The plan of the doubles, changed as said."""
    return make_plan(load_config("doubles.yaml", overrides))


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """What `validate` prints, by the first word of a line."""
    assert main(["validate", *arguments]) == 0
    return dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("split", ["test", "validation", "train"])
def test_the_sizes_of_the_embedded_datasets_are_those_of_their_files(split: str) -> None:
    for name in ("arithmetic", "arithmetic_levels", "arithmetic_levels_choices"):
        dataset = load_dataset(DatasetConfig(name=name, split=split))
        assert len(dataset.samples) == DATASETS[name].rows[split]


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ({}, 500),
        ({"limit": 7}, 7),
        ({"limit": 700}, 500),
        ({"offset": 490, "limit": 20}, 10),
        ({"offset": 500}, None),
        ({"subjects": ("Algebra",)}, None),
        ({"subjects": ("Algebra", "Geometry"), "per_subject": 20}, 40),
        ({"per_subject": 20}, None),
        ({"exclude": "seen.jsonl"}, None),
        ({"revision": "0" * 40}, None),
        ({"path": "test.jsonl"}, None),
    ],
)
def test_a_size_is_told_without_data_only_where_it_is_certain(
    said: dict[str, object], size: int | None
) -> None:
    assert told_size(DatasetConfig(name="math500", **said)) == size  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "problems"),
    [
        ("math500_qwen25_thinkprm", 500),
        ("math500_beam_thinkprm", 500),
        ("math500_dvts_thinkprm", 500),
        ("mmlu_structured", 1200),
    ],
)
def test_the_configs_of_real_models_validate_without_data_and_network(
    config: str, problems: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", config, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["problems"], plan["data_here"]) == (problems, False)
    assert (plan["fingerprint"], plan["bad_rows"], plan["excluded"]) == (None, None, None)
    told = lines(capsys, config)
    assert told["problems"].startswith(f"{problems:,}; the data are not on this machine")


def test_a_missing_library_is_told_before_a_run_needs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # as if it were not installed
    assert "install treewright[datasets]" in lines(capsys, "math500_beam_thinkprm")["note"]


def test_doctor_warns_of_data_that_are_not_here_and_measures_no_prompt() -> None:
    found = list(examine_config(load_config("math500_beam_thinkprm")))
    assert [each.health for each in found] == [Health.WARN] * 3
    assert found[0].found == "500 problems of math500 are not on this machine"
    embedded = ["policy.model=Qwen/Qwen2.5-3B-Instruct", "dataset.name=math500"]
    told = {each.check: each.found for each in examine_config(load_config("quickstart", embedded))}
    assert told["scorer prompt"] == "the template works; no question is here to be measured"


def test_a_policy_of_ones_own_is_unknown_and_no_double(capsys: pytest.CaptureFixture[str]) -> None:
    own = ("doubles.yaml", "policy={kind: remote:Http}")
    told = lines(capsys, *own)
    head, *rest = told["policy"].split(", ")
    assert head == "remote:Http"  # its fields have names, not meanings
    assert rest == ["at most 12 draws", "tokens unknown", "1 replica", "memory unknown"]
    assert told["generates"] == "unknown: remote:Http says nothing of its tokens"
    plan = planned(own[1])
    assert (plan.policy.tokens, plan.policy.weights_gib, plan.policy.cache_gib) == (None,) * 3
    assert (plan.scorer.tokens, plan.scorer.cache_gib) == (0, 0.0)
    assert main(["doctor", *own]) in (0, 2)
    assert "internal error" not in capsys.readouterr().err


def test_what_one_side_generates_is_told_beside_the_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = lines(capsys, "quickstart", "policy={kind: remote:Http}", "dataset.limit=1")
    known = "and at most 60,832 tokens beside it"
    assert told["generates"] == f"unknown: remote:Http says nothing of its tokens, {known}"


def test_doubles_alone_generate_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, "doubles.yaml")["generates"] == "nothing: doubles only"
    unasked = lines(capsys, "doubles.yaml", "scorer={kind: remote:Http}", "strategy.kind=majority")
    assert unasked["generates"] == "nothing: doubles only"


@pytest.mark.parametrize(
    ("model", "known"),
    [("Qwen/Qwen2.5-3B-Instruct", True), ("Qwen/Qwen2.5-3B-Instruct-AWQ", False), ("a/b", False)],
)
def test_a_name_tells_the_size_of_16_bit_weights_only(model: str, known: bool) -> None:
    said = load_config("quickstart", [f"policy.model={model}", "policy.engine.dtype=auto"])
    plan = make_plan(said)
    assert (plan.policy.weights_gib is not None, plan.policy.weights_by_name) == (known, known)
    changes = ["policy.engine.dtype=auto", "policy.engine.quantization=fp8"]
    quantized: Any = load_config("quickstart", changes).policy
    assert quantized.engine.weights_gib("Qwen/Qwen2.5-3B-Instruct") is None


# --- What steers ----------------------------------------------------------------------------------


def test_what_steers_is_named_by_validate_run_table_and_score(
    capsys: pytest.CaptureFixture[str],
) -> None:
    beam = ["strategy={kind: beam, paths: 4, children: 2, aggregate: min}", "aggregate=[last]"]
    assert lines(capsys, "doubles.yaml", *beam)["strategy"].startswith("beam steered by min: ")
    assert main(["run", "doubles.yaml", *beam]) == 0
    printed = capsys.readouterr()
    assert "strategy beam steered by min\n" in printed.err
    assert "Accuracy in % over 3 problems; searches steered by min " in printed.out
    (run,) = Path("runs/doubles").iterdir()
    assert main(["score", str(run), "--aggregate", "mean"]) == 0
    assert "; searches steered by min " in capsys.readouterr().out
    assert main(["score", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steered_by"] == "min"
    assert main(["tree", str(run), "1"]) == 0
    assert "the search was steered by min\n" in capsys.readouterr().out
    assert main(["compare", str(run)]) == 0
    assert ": beam steered by min, 3 problems" in capsys.readouterr().out.replace("\n", " ")
    assert "<li>beam steered by min</li>" in render(asyncio.run(measured([run])))


def test_where_no_score_decides_what_is_drawn_nothing_steers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert planned().steered_by is None
    assert planned("strategy.stop=weighted", "strategy.wave=2").steered_by == "history.last"
    assert planned("strategy.stop=majority", "strategy.wave=2").steered_by is None
    assert planned("strategy.kind=majority").steered_by is None
    assert main(["run", "doubles.yaml"]) == 0
    assert "steered" not in "".join(capsys.readouterr())


def test_sweeping_aggregate_over_a_steered_strategy_is_noted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    swept = (
        "sweep={grid: {aggregate: [min, last], strategy: [{kind: best_of_n, n: 2}, {kind: beam}]}}"
    )
    assert main(["sweep", "doubles.yaml", swept, "--dry-run"]) == 0
    printed = capsys.readouterr()
    (note,) = printed.err.splitlines()
    assert note.startswith(
        "note: sweeping aggregate changes what is reported only: beam steered by"
    )
    assert "beam steered by history.last" in printed.out
    assert main(["sweep", "doubles.yaml", swept]) == 0
    printed = capsys.readouterr()
    assert "steered by" in printed.out
    assert "(strategy.kind=best_of_n strategy.n=2)" in printed.out
    assert "(strategy.kind=beam)" in printed.err
    cells = json.loads(Path("runs/doubles/sweep.json").read_text())["cells"]
    assert [cell["steered_by"] for cell in cells] == [None, "history.last", None, "history.last"]


def test_a_sweep_plan_with_an_unknown_part_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    swept = "sweep={grid: {seed: [0, 1]}}"
    assert main(["sweep", "doubles.yaml", swept, "policy={kind: remote:Http}", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "left to generate: an unknown number of tokens" in " ".join(out.split())
    assert out.count(" unknown ") >= 2
